"""Choose frames of a potential's runs for electronic structure."""

from pathlib import Path

from falsemetal.electronic.selection import select
from falsemetal.electronic.specs import SelectSpec
from falsemetal.progress import log_to

if __name__ == "__main__":
    log_to(snakemake.log[0])
    spec = snakemake.params.spec.unpack(SelectSpec)
    select(
        spec,
        Path(snakemake.input.table),
        [Path(path) for path in snakemake.input.trajectories],
        Path(snakemake.output.frames),
        Path(snakemake.output.table),
    )
