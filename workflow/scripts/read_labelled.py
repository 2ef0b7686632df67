"""Bring the frames that others have labelled into the project's units and names."""

from pathlib import Path

from falsemetal.datasets.io import write_frames
from falsemetal.datasets.reading import read_labelled_frames
from falsemetal.datasets.settings import ReadSpec
from falsemetal.progress import log_to

if __name__ == "__main__":
    log_to(snakemake.log[0])
    spec = snakemake.params.spec.unpack(ReadSpec)
    write_frames(
        snakemake.output[0],
        read_labelled_frames(spec, Path(snakemake.scriptdir).resolve().parents[1] / "data"),
    )
