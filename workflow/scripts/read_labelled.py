"""Bring the frames that others have labelled into the project's units and names."""

from falsemetal.config import parse_config
from falsemetal.datasets.io import write_frames
from falsemetal.datasets.sources import find_source, read_source
from falsemetal.progress import log_to

if __name__ == "__main__":
    log_to(snakemake.log[0])
    config = parse_config(snakemake.config, source="config")
    dataset = config.datasets[snakemake.wildcards.dataset]
    if dataset.source is None:
        frames = read_source(
            dataset.path,
            file_format=dataset.format,
            energy_key=dataset.energy_key,
            forces_key=dataset.forces_key,
            step_fs=dataset.step_fs,
        )
    else:
        source, paths = find_source(dataset.source, "data", local=dataset.path)
        frames = [frame for path in paths for frame in source.read(path)]
    write_frames(snakemake.output[0], frames)
