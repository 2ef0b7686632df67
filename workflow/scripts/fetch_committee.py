"""Put the files of a committee of networks where its runs find them."""

from pathlib import Path

from falsemetal.config import BPNNPPotential, parse_config
from falsemetal.datasets.sources import find_source
from falsemetal.potentials.bpnnp.files import committee_files
from falsemetal.potentials.bpnnp.store import keep_committee
from falsemetal.potentials.store import ModelError
from falsemetal.programs.cp2k import cp2k_data
from falsemetal.progress import log_to, logger
from falsemetal.provenance import stamp


def find_files(potential: BPNNPPotential) -> tuple[str, dict[str, Path]]:
    """Origin and files: the user's own, CP2K's where they are whole, or the published ones."""
    if potential.path is not None:
        return potential.path, committee_files(potential.path)
    local = cp2k_data(f"NNP/{potential.source}")
    if local is not None:
        try:
            return f"CP2K's data: {local}", committee_files(local)
        except ModelError as error:
            logger.warning("CP2K's data cannot be taken: %s", error)
    source, paths = find_source(potential.source, "data")
    names = [file.path for file in source.files]
    return source.url, dict(zip(names, paths, strict=True))


if __name__ == "__main__":
    log_to(snakemake.log[0])
    config = parse_config(snakemake.config, source="config")
    potential = config.potentials[snakemake.wildcards.potential]
    origin, files = find_files(potential)
    logger.info("committee of %s: %d files", origin, len(files))
    keep_committee(
        files,
        potential,
        Path(snakemake.output.description).parent,
        origin=origin,
        stamp=stamp(config),
    )
