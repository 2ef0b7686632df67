"""Public sources: what `data/sources.yaml` says of them, and their files on this machine."""

from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Literal

import yaml
from pydantic import Field, TypeAdapter, ValidationError, model_validator
from pydantic_core import ErrorDetails

from falsemetal.files import expand, file_git_blob, file_sha256
from falsemetal.locks import lock
from falsemetal.progress import logger
from falsemetal.section import LATER, Name, PositiveFloat, PositiveInt, Section
from falsemetal.sources.download import download, reject
from falsemetal.sources.errors import SourceError

SHA256 = Annotated[str, Field(pattern="^[0-9a-f]{64}$")]
GitBlob = Annotated[str, Field(pattern="^[0-9a-f]{40}$")]


class SourceFile(Section):
    """A file of a source."""

    path: str = Field(description="Below the source's url, and below the folder it is put in")
    size: PositiveInt | None = Field(description="In bytes; null: not known")
    sha256: SHA256 | None = Field(description="null: not known; what arrives is reported")
    git_blob: GitBlob | None = Field(
        None,
        description="Name of its content in a commit's tree, by which a file is verified whose "
        "sha256 is not known",
    )


class FrameLayout(Section):
    """What formats of labelled frames leave open."""

    energy_key: str = Field("REF_energy", description="Total energy in eV; extxyz only")
    forces_key: str = Field("REF_forces", description="Forces in eV/Å; extxyz only")
    head: str | None = Field(
        None, description="Of the labels, where frames of several heads are in a file; extxyz only"
    )
    charged_frames: Annotated[Literal["reject", "use"], LATER] = Field(
        "reject",
        description="Frames with a total charge, which potentials of kind qeq alone can learn; "
        "extxyz only",
    )
    step_fs: PositiveFloat | None = Field(
        None, description="Time between two steps of i-PI's comments; runner only"
    )


class Source(FrameLayout):
    """A published dataset or model."""

    title: str
    doi: str
    licence: str
    citation: str
    url: str = Field(pattern=r"^https?://.*[^/]$", description="Folder that holds the files")
    format: Literal["runner", "extxyz", "n2p2"]
    frames: PositiveInt | None = Field(None, description="Number of labelled frames")
    files: list[SourceFile] = Field(min_length=1)

    @model_validator(mode="after")
    def _can_be_verified(self) -> "Source":
        unknown = any(file.sha256 is None and file.git_blob is None for file in self.files)
        if self.frames is None and unknown:
            raise ValueError(
                "a file without sha256 and git_blob is verified by its frames: give one of them"
            )
        return self


CountFrames = Callable[[Path, Source], int]


def load_sources(path: str | Path) -> dict[str, Source]:
    """Read and validate `sources.yaml`: sources by name.

    SourceError has one line per fault, each naming the file and the key.
    """
    path = Path(path)
    try:
        raw = yaml.safe_load(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise SourceError(f"{path}: no such file; run from the project's checkout") from None
    except (yaml.YAMLError, ValueError) as error:
        raise SourceError(f"{path}: not valid YAML in UTF-8: {error}") from None
    try:
        return TypeAdapter(dict[Name, Source]).validate_python(raw)
    except ValidationError as error:
        lines = [f"{path}: {_describe(fault)}" for fault in error.errors()]
        raise SourceError("\n".join(lines)) from None


def _describe(fault: ErrorDetails) -> str:
    key = ".".join(str(part) for part in fault["loc"])
    match fault["type"]:
        case "extra_forbidden":
            return f"{key}: unknown key; remove it or correct its spelling"
        case "missing":
            return f"{key}: required key is missing"
    return f"{key}: {fault['msg'].removeprefix('Value error, ')}"


def _no_frames(path: Path, source: Source) -> int:
    """Refuse to verify by its frames a file that is not read as such."""
    raise SourceError(f"format '{source.format}' has no frames; give its sha256")


def find_source(
    name: str,
    data: str | Path,
    *,
    local: str | Path | None = None,
    count_frames: CountFrames = _no_frames,
) -> tuple[Source, list[Path]]:
    """Look a source of `sources.yaml` up and make sure that its files, in its order, are here.

    `data` is the folder with `sources.yaml`; downloads go to its `downloads/<name>`. `local` is a
    file or folder of the user's own to take instead of a download; `~` is their home.
    `count_frames` verifies a download whose checksum is not known. SourceError if there is no such
    source, or a file of it cannot be had.
    """
    data = Path(data)
    sources = load_sources(data / "sources.yaml")
    if name not in sources:
        raise SourceError(
            f"{data / 'sources.yaml'}: there is no source '{name}'; name one of: "
            f"{', '.join(sources)}"
        )
    if local is not None:
        return sources[name], find_local(sources[name], local)
    downloads = data / "downloads" / name
    return sources[name], fetch_source(sources[name], downloads, count_frames=count_frames)


def fetch_source(
    source: Source, directory: str | Path, *, count_frames: CountFrames = _no_frames
) -> list[Path]:
    """Download the files of a source that are not in a folder yet, and verify all of them.

    A file whose checksum `sources.yaml` does not know is verified by git's name of its content, or
    else by the number of its frames. Its checksum is then kept beside it, in `<file>.sha256`, which
    later downloads are held to: copy it along to another machine, or better, pin it in
    `sources.yaml`. Raises :class:`SourceError` if a file cannot be had, or is not the one that it
    should be.
    """
    logger.info("%s: %d files from %s", source.title, len(source.files), source.url)
    held = lock(Path(directory) / "download")
    try:
        return [_fetch(source, file, Path(directory), count_frames) for file in source.files]
    finally:
        held.release()


def _fetch(source: Source, file: SourceFile, directory: Path, count_frames: CountFrames) -> Path:
    path = directory / file.path
    kept = path.with_name(path.name + ".sha256")
    known = file.sha256 or (kept.read_text().split()[0] if kept.exists() else None)
    found = download(f"{source.url}/{file.path}", path, sha256=known, size=file.size)
    if file.sha256 is None:
        if file.git_blob is not None:
            _check_blob(path, source, file.git_blob)
        else:
            _check_frames(path, source, count_frames)
        kept.write_text(f"{found}  {path.name}\n")
        logger.warning(
            "%s: its sha256 is not pinned; found %s: write it into data/sources.yaml", path, found
        )
    return path


def _check_blob(path: Path, source: Source, expected: str) -> None:
    if (found := file_git_blob(path)) != expected:
        raise _other_content(path, source, f"git knows it as {found} instead of {expected}")


def _check_frames(path: Path, source: Source, count_frames: CountFrames) -> None:
    try:
        n_frames = count_frames(path, source)
        fault = f"holds {n_frames} frames instead of {source.frames}"
    except ValueError as error:
        n_frames, fault = 0, str(error)
    if n_frames != source.frames:
        raise _other_content(path, source, fault)


def _other_content(path: Path, source: Source, fault: str) -> SourceError:
    """Set a file aside that is not the published one; returns the error to raise."""
    return SourceError(
        f"{path}: not {source.title}: {fault}; it was moved to {reject(path, path)}; run again "
        "to fetch it anew, or name a local copy by the key `path`"
    )


def find_local(source: Source, path: str | Path) -> list[Path]:
    """Find the files of a source in a folder of the user's own; of a single file also that file.

    They need not be the published ones to the last byte: checksums that differ are logged. Raises
    :class:`SourceError` if one is missing.
    """
    path = expand(path)
    if path.is_file() and len(source.files) == 1:
        paths = [path]
    else:
        paths = [path / file.path for file in source.files]
    missing = [str(p.relative_to(path)) for p in paths if not p.is_file()]
    if missing:
        raise SourceError(
            f"{path}: no {', '.join(missing)} of {source.title}; name by the key `path` what holds "
            "all of it, or leave the key out to download it"
        )
    logger.info("%s: %d files of %s", path, len(paths), source.title)
    for file, local in zip(source.files, paths, strict=True):
        found = file_sha256(local)
        if file.sha256 not in {found, None}:
            logger.info("%s: sha256 %s (published: %s)", local, found, file.sha256)
    return paths
