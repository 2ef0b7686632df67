"""Displace structures at random, for labels."""

from falsemetal.datasets.io import write_frames
from falsemetal.learning.displaced import DisplaceSpec, displace
from falsemetal.progress import log_to

if __name__ == "__main__":
    log_to(snakemake.log[0])
    write_frames(snakemake.output[0], displace(snakemake.params.spec.unpack(DisplaceSpec)))
