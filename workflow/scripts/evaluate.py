"""Measure a model's errors on the test set."""

from pathlib import Path

from falsemetal.datasets.io import read_frames
from falsemetal.potentials.training.jobs import evaluate
from falsemetal.potentials.training.spec import EvaluateSpec
from falsemetal.progress import log_to

if __name__ == "__main__":
    log_to(snakemake.log[0])
    spec = snakemake.params.spec.unpack(EvaluateSpec)
    folder = Path(snakemake.input.description).parent
    table = evaluate(folder, read_frames(snakemake.input.test), spec, threads=snakemake.threads)
    table.to_csv(snakemake.output[0], index=False)
