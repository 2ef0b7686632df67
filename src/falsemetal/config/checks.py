"""What must hold on this machine before a configuration is run."""

from collections.abc import Iterator
from pathlib import Path

from falsemetal.config.model import Config
from falsemetal.files import expand
from falsemetal.learning.displaced import DisplacedDataset
from falsemetal.potentials.kind import PotentialKind
from falsemetal.section import Section
from falsemetal.sources.catalogue import load_sources
from falsemetal.sources.errors import SourceError

OWNER = ".configuration"
"""File in the results' folder that names the configuration they are of."""


def claim(results: Path, source: str) -> None:
    """Note which configuration the results are of; OSError where they cannot be written."""
    try:
        results.mkdir(parents=True, exist_ok=True)
        (results / OWNER).write_text(source + "\n")
    except OSError as error:
        raise OSError(
            f"{results}: cannot be written ({error.strerror}); make it writable, or take another "
            "folder: snakemake --directory"
        ) from error


def unsuitable(interpreter: str) -> str | None:
    """Tell that Snakemake cannot start its scripts by an interpreter, or None."""
    if not any(map(str.isspace, interpreter)):
        return None
    return (
        f"{interpreter}: Snakemake cannot start scripts by a path with a blank; make the "
        "environment in a folder without one, and run by it: BIN=/other/venv/bin tools/run …"
    )


def unowned(results: Path, source: str) -> str | None:
    """Tell that a results' folder is another configuration's, or None."""
    path = results / OWNER
    owner = path.read_text().strip() if path.exists() else source
    # overlays leave the results the first file's
    if source.split(", ", maxsplit=1)[0] in {owner.split(", ")[0], str(results / "config.yaml")}:
        return None
    return (
        f"{source}: name: {results} holds the results of {owner}; choose another name, or, if this "
        f"is the same configuration renamed, delete {path}"
    )


def find_missing_files(config: Config, source: str, data: str | Path) -> str | None:
    """Tell which sources and files that a configuration's file names are not there, or None."""
    faults = _missing_files(config, Path(data) / "sources.yaml")
    return "\n".join(f"{source}: {fault}" for fault in faults) or None


def _named_files(section: Section) -> Iterator[tuple[str, str]]:
    """Keys and paths of files that a section names beside its `path`."""
    if isinstance(section, PotentialKind | DisplacedDataset):
        yield from section.named_files()


def _missing_files(config: Config, catalogue: Path) -> Iterator[str]:
    sections: dict[str, Section] = {
        f"datasets.{name}": dataset for name, dataset in config.datasets.items()
    }
    sections |= {f"potentials.{name}": kind for name, kind in config.potentials.items()}
    for key, section in sections.items():
        for name, file in _named_files(section):
            if not expand(file).is_file():
                yield f"{key}.{name}: {file}: no such file; correct it"
        source, path = getattr(section, "source", None), getattr(section, "path", None)
        if path is not None and not expand(path).exists():
            yield f"{key}.path: {path}: no such file or folder; correct it"
        if path is None and source is not None:
            try:
                known = load_sources(catalogue)
            except SourceError as error:
                yield f"{key}.source: {error}"
                continue
            if source not in known:
                yield (
                    f"{key}.source: {catalogue} has no '{source}'; name one of: {', '.join(known)}"
                )
