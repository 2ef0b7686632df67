"""Check, split and describe a dataset."""

from pathlib import Path

from falsemetal.config import parse_config
from falsemetal.datasets.curate import curate
from falsemetal.datasets.io import read_frames
from falsemetal.progress import log_to
from falsemetal.provenance import stamp

if __name__ == "__main__":
    log_to(snakemake.log[0])
    config = parse_config(snakemake.config, source="config")
    name = snakemake.wildcards.dataset
    curate(
        [frame for path in snakemake.input for frame in read_frames(path)],
        config.datasets[name],
        name=name,
        seed=config.seed,
        directory=Path(snakemake.output.card).parent,
        stamp=stamp(config),
    )
