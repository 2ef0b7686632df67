"""Check, split and describe a dataset."""

from pathlib import Path

from falsemetal.datasets.curate import curate
from falsemetal.datasets.io import read_frames
from falsemetal.datasets.settings import CurateSpec
from falsemetal.progress import log_to
from falsemetal.provenance import stamp

if __name__ == "__main__":
    log_to(snakemake.log[0])
    spec = snakemake.params.spec.unpack(CurateSpec)
    curate(
        spec,
        [frame for path in snakemake.input for frame in read_frames(path)],
        directory=Path(snakemake.output.card).parent,
        stamp=stamp(spec.origin),
    )
