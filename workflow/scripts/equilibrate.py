"""Equilibrate a start structure."""

from falsemetal.campaigns.kind import StartSpec
from falsemetal.progress import log_to

if __name__ == "__main__":
    log_to(snakemake.log[0])
    spec = snakemake.params.spec.unpack(StartSpec)
    spec.campaign.start(spec).write(snakemake.output[0])
