"""Train one model."""

from pathlib import Path

from falsemetal.datasets.io import read_frames
from falsemetal.potentials.training.jobs import train_into
from falsemetal.potentials.training.spec import TrainSpec
from falsemetal.progress import log_to
from falsemetal.provenance import stamp

if __name__ == "__main__":
    log_to(snakemake.log[0])
    spec = snakemake.params.spec.unpack(TrainSpec)
    train_into(
        Path(snakemake.output.weights).parent,
        spec,
        read_frames(snakemake.input.train),
        read_frames(snakemake.input.validation),
        threads=snakemake.threads,
        stamp=stamp(spec.origin),
    )
