"""Put the files of a committee of networks where its runs find them."""

from pathlib import Path

from falsemetal.config import parse_config
from falsemetal.datasets.sources import find_source
from falsemetal.models.bpnnp.store import keep_committee
from falsemetal.progress import log_to
from falsemetal.provenance import stamp
from falsemetal.references.cp2k import cp2k_data

if __name__ == "__main__":
    log_to(snakemake.log[0])
    config = parse_config(snakemake.config, source="config")
    potential = config.potentials[snakemake.wildcards.potential]
    local = potential.path or cp2k_data(f"NNP/{potential.source}")
    source, paths = find_source(potential.source, "data", local=local)
    keep_committee(
        {file.path: path for file, path in zip(source.files, paths, strict=True)},
        potential,
        Path(snakemake.output.description).parent,
        stamp=stamp(config),
    )
