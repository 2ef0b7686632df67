"""Frames that CP2K's molecular dynamics writes: positions, velocities, forces, energies."""

import re
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
from ase import Atoms
from ase.calculators.singlepoint import SinglePointCalculator

from falsemetal.arrays import FloatArray
from falsemetal.fortran import fortran_float
from falsemetal.programs.cp2k import Cp2kError
from falsemetal.units import ASE_FS, BOHR, HARTREE

PROJECT = "run"
"""Start of the names of CP2K's files."""

STEPS_FILE = f"{PROJECT}-1.ener"

_FILES = {
    "TRAJECTORY": ("pos", "angstrom", 1.0),
    "VELOCITIES": ("vel", "angstrom*fs^-1", 1.0 / ASE_FS),
    "FORCES": ("frc", "hartree*bohr^-1", HARTREE / BOHR),
}
"""By CP2K's name: the file's name, its unit, and that unit in ours.

CP2K writes ten decimals of whatever unit it is given.
"""

_COMMENT = re.compile(r"i =\s*(\d+),.*E =\s*(\S+)")


def frame_files(interval_steps: int) -> dict[str, Any]:
    """Section PRINT of MOTION, for frames at each interval and no other files."""
    each = {"EACH": {"MD": interval_steps}}
    files = {name: {"FORMAT": "XYZ", "UNIT": unit} | each for name, (_, unit, _) in _FILES.items()}
    return files | {"RESTART OFF": {}, "RESTART_HISTORY OFF": {}}


def read_frames(
    folder: Path, atoms: Atoms, energy_offset_eV: float = 0.0
) -> Iterator[tuple[int, Atoms]]:
    """Read steps and complete frames of a run, which may have been cut short.

    Frames are the structure that it began with, now with unwrapped positions, velocities, energy,
    to which the offset is added, and forces. A number that CP2K could not print is NaN.
    """
    readers = (
        _read_xyz(folder / f"{PROJECT}-{suffix}-1.xyz", len(atoms), unit)
        for suffix, _, unit in _FILES.values()
    )
    for (step, energy, positions), (_, _, velocities), (_, _, forces) in zip(
        *readers, strict=False
    ):
        frame = atoms.copy()
        frame.positions = positions
        frame.set_momenta(velocities * frame.get_masses()[:, None], apply_constraint=False)
        energy_eV = energy * HARTREE + energy_offset_eV
        frame.calc = SinglePointCalculator(frame, energy=energy_eV, forces=forces)
        yield step, frame


def steps_done(folder: Path) -> int:
    """Last step that a run, which may be under way, has reported."""
    path = folder / STEPS_FILE
    whole_lines = path.read_text().rpartition("\n")[0] if path.exists() else ""
    steps = [line.split()[0] for line in whole_lines.splitlines()]
    return int(steps[-1]) if len(steps) > 1 else 0


def _read_xyz(path: Path, n_atoms: int, unit: float) -> Iterator[tuple[int, float, FloatArray]]:
    if not path.exists():
        return
    with path.open() as file:
        while len(block := list(islice(file, n_atoms + 2))) == n_atoms + 2:
            if not block[-1].endswith("\n"):
                return
            found = _COMMENT.search(block[1])
            if found is None:
                raise Cp2kError(f"{path}: no step and energy in {block[1]!r}; delete it, run again")
            yield int(found[1]), _number(found[2]), _table(block[2:]) * unit


def _number(text: str) -> float:
    try:
        return fortran_float(text)
    except ValueError:  # Fortran's asterisks, where a number is too wide for its column
        return float("nan")


def _table(lines: list[str]) -> FloatArray:
    try:
        return np.array([line.split()[1:] for line in lines], dtype=float)
    except ValueError:
        return np.full((len(lines), 3), np.nan)
