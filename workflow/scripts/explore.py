"""Choose frames of a potential's runs for labels."""

from pathlib import Path

from falsemetal.datasets.io import read_frames, write_chosen
from falsemetal.learning.exploring import explore
from falsemetal.learning.settings import ExploreSpec
from falsemetal.progress import log_to

if __name__ == "__main__":
    log_to(snakemake.log[0])
    spec = snakemake.params.spec.unpack(ExploreSpec)
    frames, table = explore(
        spec,
        [frame for path in snakemake.input.known for frame in read_frames(path)],
        [Path(path) for path in snakemake.input.trajectories],
    )
    write_chosen(snakemake.output.frames, frames)
    table.to_csv(snakemake.output.table, index=False)
