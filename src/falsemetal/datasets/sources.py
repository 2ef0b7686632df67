"""Public sources: what `data/sources.yaml` says of them, and how their files are had and read."""

from pathlib import Path
from typing import Annotated, Any, Literal

import yaml
from ase import Atoms
from pydantic import (
    Field,
    PositiveFloat,
    PositiveInt,
    TypeAdapter,
    ValidationError,
    model_validator,
)

from falsemetal.config.section import Name, Section
from falsemetal.datasets.download import download, file_sha256, reject
from falsemetal.datasets.errors import DatasetError
from falsemetal.datasets.io import ENERGY, FORCES, read_labelled
from falsemetal.datasets.runner import read_runner
from falsemetal.locks import lock
from falsemetal.progress import logger

SHA256 = Annotated[str, Field(pattern="^[0-9a-f]{64}$")]


class SourceFile(Section):
    """A file of a source."""

    path: str = Field(description="Below the source's url, and below the folder it is put in")
    size: PositiveInt | None = Field(description="In bytes; null: not known")
    sha256: SHA256 | None = Field(description="null: not known; what arrives is reported")


class Source(Section):
    """A published dataset or model."""

    title: str
    doi: str
    licence: str
    citation: str
    url: str = Field(pattern=r"^https?://.*[^/]$", description="Folder that holds the files")
    format: Literal["runner", "extxyz", "n2p2"]
    energy_key: str = Field(ENERGY, description="Total energy in eV; extxyz only")
    forces_key: str = Field(FORCES, description="Forces in eV/Å; extxyz only")
    step_fs: PositiveFloat | None = Field(
        None, description="Time between two steps of i-PI's comments; runner only"
    )
    frames: PositiveInt | None = Field(None, description="Number of labelled frames")
    files: list[SourceFile] = Field(min_length=1)

    @model_validator(mode="after")
    def _can_be_verified(self) -> "Source":
        if self.frames is None and any(file.sha256 is None for file in self.files):
            raise ValueError("a file without sha256 is verified by its frames: give one of them")
        return self

    def read(self, path: str | Path) -> list[Atoms]:
        """Labelled frames of a file of this source; see :func:`read_source`."""
        return read_source(
            path,
            file_format=self.format,
            energy_key=self.energy_key,
            forces_key=self.forces_key,
            step_fs=self.step_fs,
        )


def read_source(
    path: str | Path,
    *,
    file_format: str,
    energy_key: str = ENERGY,
    forces_key: str = FORCES,
    step_fs: float | None = None,
) -> list[Atoms]:
    """Read labelled frames of others, with labels `REF_energy` in eV and `REF_forces` in eV/Å.

    Parameters
    ----------
    path
        The file.
    file_format
        `runner` (:func:`read_runner`) or `extxyz` (:func:`read_labelled`).
    energy_key, forces_key
        Names of the labels; extxyz only.
    step_fs
        Time between two steps of i-PI's comments; runner only.

    Raises
    ------
    DatasetError
        If the format has no frames, or the file is not as it should be.
    """
    match file_format:
        case "runner":
            return read_runner(path, step_fs=step_fs)
        case "extxyz":
            return read_labelled(path, energy_key=energy_key, forces_key=forces_key)
    raise DatasetError(f"{path}: format '{file_format}' has no frames; give runner or extxyz")


def load_sources(path: str | Path) -> dict[str, Source]:
    """Read and validate `sources.yaml`: sources by name.

    Raises
    ------
    DatasetError
        One line per fault, each naming the file and the key.
    """
    path = Path(path)
    try:
        raw = yaml.safe_load(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise DatasetError(f"{path}: no such file; run from the project's checkout") from None
    except yaml.YAMLError as error:
        raise DatasetError(f"{path}: not valid YAML: {error}") from None
    try:
        return TypeAdapter(dict[Name, Source]).validate_python(raw)
    except ValidationError as error:
        lines = [f"{path}: {_describe(fault)}" for fault in error.errors()]
        raise DatasetError("\n".join(lines)) from None


def _describe(fault: dict[str, Any]) -> str:
    key = ".".join(str(part) for part in fault["loc"])
    match fault["type"]:
        case "extra_forbidden":
            return f"{key}: unknown key; remove it or correct its spelling"
        case "missing":
            return f"{key}: required key is missing"
    return f"{key}: {fault['msg'].removeprefix('Value error, ')}"


def find_source(
    name: str, data: str | Path, *, local: str | Path | None = None
) -> tuple[Source, list[Path]]:
    """Look a source up and make sure that its files are here.

    Parameters
    ----------
    name
        In `sources.yaml`.
    data
        Folder with `sources.yaml`; downloads go to its `downloads/<name>`.
    local
        File or folder of the user's own to take instead of a download.

    Returns
    -------
    source : Source
    paths : list of Path
        Its files, in its order.

    Raises
    ------
    DatasetError
        If there is no such source, or a file of it cannot be had.
    """
    data = Path(data)
    sources = load_sources(data / "sources.yaml")
    if name not in sources:
        raise DatasetError(
            f"{data / 'sources.yaml'}: there is no source '{name}'; name one of: "
            f"{', '.join(sources)}"
        )
    if local is not None:
        return sources[name], find_local(sources[name], local)
    return sources[name], fetch_source(sources[name], data / "downloads" / name)


def fetch_source(source: Source, directory: str | Path) -> list[Path]:
    """Download the files of a source that are not in a folder yet, and verify all of them.

    A file whose checksum `sources.yaml` does not know is verified by the number of its frames. Its
    checksum is then kept beside it, in `<file>.sha256`, which later downloads are held to: copy it
    along to another machine, or better, pin it in `sources.yaml`. Raises :class:`DatasetError` if a
    file cannot be had, or is not the one that it should be.
    """
    logger.info("%s: %d files from %s", source.title, len(source.files), source.url)
    held = lock(Path(directory) / "download")
    try:
        return [_fetch(source, file, Path(directory)) for file in source.files]
    finally:
        held.release()


def _fetch(source: Source, file: SourceFile, directory: Path) -> Path:
    path = directory / file.path
    kept = path.with_name(path.name + ".sha256")
    known = file.sha256 or (kept.read_text().split()[0] if kept.exists() else None)
    found = download(f"{source.url}/{file.path}", path, sha256=known, size=file.size)
    if file.sha256 is None:
        _check_frames(path, source)
        kept.write_text(f"{found}  {path.name}\n")
        logger.warning(
            "%s: its sha256 is not pinned; found %s: write it into data/sources.yaml", path, found
        )
    return path


def _check_frames(path: Path, source: Source) -> None:
    try:
        n_frames = len(source.read(path))
        fault = f"holds {n_frames} frames instead of {source.frames}"
    except DatasetError as error:
        n_frames, fault = 0, str(error)
    if n_frames != source.frames:
        raise DatasetError(
            f"{path}: not {source.title}: {fault}; it was moved to {reject(path, path)}; run again "
            "to fetch it anew, or name a local copy by the key `path`"
        )


def find_local(source: Source, path: str | Path) -> list[Path]:
    """Find the files of a source in a folder of the user's own; of a single file also that file.

    They need not be the published ones to the last byte: checksums that differ are logged. Raises
    :class:`DatasetError` if one is missing.
    """
    path = Path(path)
    if path.is_file() and len(source.files) == 1:
        paths = [path]
    else:
        paths = [path / file.path for file in source.files]
    missing = [str(p.relative_to(path)) for p in paths if not p.is_file()]
    if missing:
        raise DatasetError(
            f"{path}: no {', '.join(missing)} of {source.title}; name by the key `path` what holds "
            "all of it, or leave the key out to download it"
        )
    logger.info("%s: %d files of %s", path, len(paths), source.title)
    for file, local in zip(source.files, paths, strict=True):
        found = file_sha256(local)
        if file.sha256 not in {found, None}:
            logger.info("%s: sha256 %s (published: %s)", local, found, file.sha256)
    return paths
