"""Tabulate energies and charges of charge states by a model and by its labels."""

from pathlib import Path

from falsemetal.datasets.io import read_frames
from falsemetal.potentials.charge_states import charge_states
from falsemetal.potentials.training.spec import EvaluateSpec
from falsemetal.progress import log_to

if __name__ == "__main__":
    log_to(snakemake.log[0])
    spec = snakemake.params.spec.unpack(EvaluateSpec)
    folder = Path(snakemake.input.description).parent
    frames = read_frames(snakemake.input.test)
    table = charge_states(folder, frames, spec, threads=snakemake.threads)
    table.to_csv(snakemake.output[0], index=False)
