"""Label chosen frames."""

from pathlib import Path

from falsemetal.datasets.io import read_chosen, write_chosen
from falsemetal.learning.settings import LabelSpec
from falsemetal.progress import log_to

if __name__ == "__main__":
    log_to(snakemake.log[0])
    spec = snakemake.params.spec.unpack(LabelSpec)
    output = Path(snakemake.output[0])
    frames = read_chosen(snakemake.input.frames)
    spec.labeller.prepare(frames, output.parent)
    labelled = spec.labeller.label(
        frames[spec.batch :: spec.n_batches],
        output.parent,
        runner=spec.runner,
        model=Path(snakemake.params.model),
        threads=snakemake.threads,
    )
    write_chosen(output, labelled)
