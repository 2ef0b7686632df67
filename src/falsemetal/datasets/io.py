"""Labelled frames in extended xyz, the exchange format of MACE and its kin."""

from collections.abc import Sequence
from pathlib import Path

import ase.io
from ase import Atoms

from falsemetal.datasets.config_type import find_config_type
from falsemetal.datasets.errors import DatasetError

ENERGY = "REF_energy"
FORCES = "REF_forces"

ORIGIN = ("config_type", "trajectory", "time_ps")
"""What the project reads from `info` besides the energy."""


def write_frames(path: str | Path, frames: Sequence[Atoms]) -> None:
    """Write frames, at least one, with their labels, periodicity and `info` into an `.extxyz`."""
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    ase.io.write(path, list(frames), format="extxyz")


def read_frames(path: str | Path) -> list[Atoms]:
    """Read labelled frames.

    Labels stay where they are, in `info` and `arrays`: ASE turns keys named `energy` and `forces`
    into calculators, which is why ours have other names. DatasetError if the file cannot be read,
    is empty, or a frame has no labels.
    """
    path = Path(path)
    frames = _read(path)
    for index, frame in enumerate(frames):
        missing = [ENERGY] if ENERGY not in frame.info else []
        missing += [FORCES] if FORCES not in frame.arrays else []
        if missing:
            mend = f"name its labels {ENERGY} in eV and {FORCES} in eV/Å"
            raise DatasetError(_describe(f"{path}: frame {index}", frame, missing, mend))
    return frames


def read_labelled(path: str | Path, *, energy_key: str, forces_key: str) -> list[Atoms]:
    """Read frames in extended xyz that others have labelled, under whatever names.

    Labels, in eV and eV/Å, become `REF_energy` and `REF_forces`. `trajectory`, `time_ps` and
    `config_type` are kept, the last found from the geometry where the file has none; all else is
    left out. DatasetError if the file cannot be read, is empty, or a frame lacks a label; it tells
    what there is.
    """
    path = Path(path)
    frames = []
    for index, found in enumerate(_read(path)):
        # ASE moves the keys that it knows, such as `energy` and `forces`, into a calculator
        results = found.calc.results if found.calc else {}
        energy = found.info.get(energy_key, results.get(energy_key))
        forces = found.arrays.get(forces_key, results.get(forces_key))
        if energy is None or forces is None:
            missing = [energy_key] if energy is None else []
            missing += [forces_key] if forces is None else []
            mend = "name its labels by energy_key and forces_key"
            raise DatasetError(_describe(f"{path}: frame {index}", found, missing, mend))
        frame = Atoms(found.numbers, found.positions, cell=found.cell, pbc=found.pbc)
        frame.info[ENERGY], frame.arrays[FORCES] = energy, forces
        frame.info["config_type"] = find_config_type(frame)
        frame.info |= {key: found.info[key] for key in ORIGIN if key in found.info}
        frames.append(frame)
    return frames


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


def _describe(where: str, frame: Atoms, missing: Sequence[str], mend: str) -> str:
    found = [*frame.info, *sorted(set(frame.arrays) - {"numbers", "positions"})]
    found += list(frame.calc.results) if frame.calc else []
    return (
        f"{where} has no {' and no '.join(missing)} (found: {', '.join(found) or 'nothing'}); "
        f"{mend}"
    )
