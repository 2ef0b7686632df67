"""Tabulate the charges that a model has learned."""

from pathlib import Path

from falsemetal.datasets.io import read_frames
from falsemetal.potentials.learned_charges import learned_charges
from falsemetal.potentials.specs import LearnedChargesSpec
from falsemetal.progress import log_to

if __name__ == "__main__":
    log_to(snakemake.log[0])
    spec = snakemake.params.spec.unpack(LearnedChargesSpec)
    folder = Path(snakemake.input.description).parent
    frames = read_frames(snakemake.input.test)
    table = learned_charges(folder, frames, spec, threads=snakemake.threads)
    table.to_csv(snakemake.output[0], index=False)
