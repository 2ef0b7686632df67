"""Labelled frames in extended xyz, the exchange format of MACE and its kin."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import ase.io
import numpy as np
from ase import Atoms

from falsemetal.datasets.errors import DatasetError

NAMES = ("config_type", "trajectory")
"""What the project reads from `info` besides labels and `time_ps`."""


def write_frames(path: str | Path, frames: Sequence[Atoms]) -> None:
    """Write frames, at least one, with their labels, periodicity and `info` into an `.extxyz`."""
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    ase.io.write(path, list(frames), format="extxyz")


def read_frames(path: str | Path) -> list[Atoms]:
    """Read frames that this program has written.

    Labels stay where they are, in `info` and `arrays`: ASE turns keys named `energy` and `forces`
    into calculators, which is why ours have other names. DatasetError if the file cannot be read
    or is empty.
    """
    path = Path(path)
    frames = _read(path)
    for index, frame in enumerate(frames):
        try:
            frame.info |= origin(frame.info)
        except (TypeError, ValueError) as error:
            raise DatasetError(f"{path}: frame {index}: time_ps is no number ({error})") from error
    return frames


def origin(info: Mapping[str, Any]) -> dict[str, Any]:
    """Tell where a frame comes from, names as text: ASE reads `300` and `1 2` as numbers."""
    names = {key: " ".join(_words(info[key])) for key in NAMES if key in info}
    found: dict[str, Any] = {key: name for key, name in names.items() if name}
    return found | ({"time_ps": float(info["time_ps"])} if "time_ps" in info else {})


def _words(value: Any) -> Iterator[str]:
    for word in np.atleast_1d(value).tolist():
        yield str(word)[0] if isinstance(word, bool) else str(word)


def _read(path: Path) -> list[Atoms]:
    try:
        frames = list(ase.io.iread(path, index=":", format="extxyz"))
    except FileNotFoundError:
        raise DatasetError(f"{path}: no such file") from None
    except Exception as error:
        raise DatasetError(f"{path}: not readable as extended xyz ({error})") from error
    if not frames:
        raise DatasetError(f"{path}: holds no frame")
    return frames


def write_chosen(path: str | Path, frames: Sequence[Atoms]) -> None:
    """Write frames as :func:`write_frames`, be there none."""
    path = Path(path)
    if frames:
        write_frames(path, frames)
    else:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("")


def read_chosen(path: str | Path) -> list[Atoms]:
    """Read frames of :func:`write_chosen`, be there none."""
    return read_frames(path) if Path(path).stat().st_size else []
