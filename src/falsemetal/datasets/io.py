"""Labelled frames in extended xyz, the exchange format of MACE and its kin."""

from collections.abc import Sequence
from pathlib import Path

import ase.io
from ase import Atoms

from falsemetal.datasets.errors import DatasetError

ENERGY = "REF_energy"
FORCES = "REF_forces"


def write_frames(path: str | Path, frames: Sequence[Atoms]) -> None:
    """Write frames with their labels, periodicity and `info`.

    Parameters
    ----------
    path
        Ends in `.extxyz`; its folder is made if need be.
    frames
        At least one.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    ase.io.write(path, list(frames), format="extxyz")


def read_frames(path: str | Path) -> list[Atoms]:
    """Read labelled frames.

    Labels stay where they are, in `info` and `arrays`: ASE turns keys named `energy` and `forces`
    into calculators, which is why ours have other names.

    Raises
    ------
    DatasetError
        If the file cannot be read, is empty, or a frame has no labels.
    """
    path = Path(path)
    try:
        frames = ase.io.read(path, index=":", format="extxyz")
    except FileNotFoundError:
        raise DatasetError(f"{path}: no such file") from None
    except Exception as error:
        raise DatasetError(f"{path}: not readable as extended xyz ({error})") from error
    if not frames:
        raise DatasetError(f"{path}: holds no frame")
    for index, frame in enumerate(frames):
        _require_labels(frame, f"{path}: frame {index}")
    return frames


def _require_labels(frame: Atoms, where: str) -> None:
    missing = [ENERGY] if ENERGY not in frame.info else []
    missing += [FORCES] if FORCES not in frame.arrays else []
    if not missing:
        return
    found = [*frame.info, *(set(frame.arrays) - {"numbers", "positions"})]
    if frame.calc is not None:
        found += list(frame.calc.results)
    raise DatasetError(
        f"{where} has no {' and no '.join(missing)} (found: {', '.join(found) or 'nothing'}); "
        f"name its labels {ENERGY} in eV and {FORCES} in eV/Å"
    )
