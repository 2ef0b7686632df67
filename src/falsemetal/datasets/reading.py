"""Frames that others have labelled, in the project's units and names."""

from pathlib import Path

from ase import Atoms

from falsemetal.datasets.errors import DatasetError
from falsemetal.datasets.extxyz import read_labelled
from falsemetal.datasets.faults import FAULT
from falsemetal.datasets.runner import read_runner
from falsemetal.datasets.settings import ReadSpec
from falsemetal.files import expand
from falsemetal.sources.catalogue import FrameLayout, Source, find_source


def read_labelled_frames(spec: ReadSpec, data: str | Path) -> list[Atoms]:
    """Read the frames of a source, or of a file of the user's own.

    `data` is the folder with `sources.yaml`, which downloads are kept in. SourceError if a file
    cannot be had, DatasetError if one is not as its format has it.
    """
    if spec.source is not None:
        source, paths = find_source(spec.source, data, local=spec.path, count_frames=count_frames)
        charged = "use" if "use" in {source.charged_frames, spec.charged_frames} else "reject"
        layout = source.model_copy(update={"charged_frames": charged})
        return [frame for path in paths for frame in read_file(path, source.format, layout)]
    assert spec.path is not None and spec.format is not None  # as LabelledFrames demand
    return read_file(spec.path, spec.format, spec)


def count_frames(path: Path, source: Source) -> int:
    """Count the sound frames of a file of a source; raises as :func:`read_file`."""
    return sum(FAULT not in frame.info for frame in read_file(path, source.format, source))


def read_file(path: str | Path, file_format: str, layout: FrameLayout) -> list[Atoms]:
    """Read labelled frames, with labels `REF_energy` in eV and `REF_forces` in eV/Å.

    Formats are `runner` (:func:`read_runner`) and `extxyz` (:func:`read_labelled`); the layout
    tells what they leave open, and `~` is the user's home. DatasetError if the format has no
    frames, or the file is not as it should be.
    """
    path = expand(path)
    match file_format:
        case "runner":
            return read_runner(path, step_fs=layout.step_fs)
        case "extxyz":
            return read_labelled(path, layout)
    raise DatasetError(f"{path}: format '{file_format}' has no frames; give runner or extxyz")
