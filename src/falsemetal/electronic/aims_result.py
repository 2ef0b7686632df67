"""Outputs of FHI-aims: convergence, Fermi level, dipole, atom-projected densities of states."""

import re
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from ase import Atoms

from falsemetal.arrays import FloatArray
from falsemetal.electronic.aims import CONTROL, GEOMETRY, OUTPUT
from falsemetal.electronic.aims_input import FIELD
from falsemetal.electronic.errors import ResultError
from falsemetal.electronic.outputs import last_number, read_output, read_table, require_finished
from falsemetal.electronic.result import ElectronicStructure
from falsemetal.electronic.structure import Layers
from falsemetal.fortran import NUMBER
from falsemetal.units import EPSILON_0

FINISHED = "Have a nice day."
CONVERGED = "Self-consistency cycle converged."
NAME = "FHI-aims"
VERSION = re.compile(r"FHI-aims version\s*:\s*(\S+)")
GRADIENT = re.compile(r"Dipole correction gradient\s*:\s*(\S+) eV/Angstrom")
HOMO = re.compile(r"Highest occupied state \(VBM\) at\s+(\S+) eV")
LUMO = re.compile(r"Lowest unoccupied state \(CBM\) at\s+(\S+) eV")
REFERENCE = re.compile(
    rf"energy reference for this output is the (.+?)(?:, mu)?\s*=\s+({NUMBER}) eV"
)

POSITION_TOLERANCE_A = 1e-4


def dipole_per_area(gradient_eV_per_A: float, height_A: float) -> float:
    r"""Dipole per area in e/Å from the gradient of the dipole correction (eq. S6 over the area).

    .. math:: P_z = \epsilon_0\, L_z\, \partial_z \phi_{corr}
    """
    return float(EPSILON_0 * height_A * gradient_eV_per_A)


def read_text(path: str | Path) -> str:
    """Text of a finished run; ResultError if it is missing, cut short, or no output of FHI-aims."""
    path = Path(path)
    text = read_output(path, NAME, mark=NAME)
    require_finished(path, text, mark=FINISHED)
    return text


@dataclass(frozen=True)
class AtomProjected:
    """One `atom_proj_dos_*.dat`: states/eV over energies from the reference, shape (n_energies,).

    The reference is the chemical potential μ, or 0 for the vacuum level (`_raw`).
    """

    reference_eV: float
    from_vacuum: bool
    energies_eV: FloatArray
    density: FloatArray


def is_converged(path: str | Path) -> bool:
    """Tell whether a finished run reached self-consistency; raises as :func:`read_text`."""
    return CONVERGED in read_text(path)


def read_atom_projected(path: str | Path) -> AtomProjected:
    """Read the density of states on one atom, of one spin or without spin.

    ResultError if it is missing, cut short or none of FHI-aims'.
    """
    what = f"density of states of {NAME}"
    _, reference, table = read_table(Path(path), what, header=REFERENCE, n_columns=2)
    return AtomProjected(
        reference_eV=float(reference[2]),
        from_vacuum=reference[1] == "vacuum level",
        energies_eV=table[:, 0],
        density=table[:, 1],
    )


def read_aims(folder: str | Path, structure: Atoms, layers: Layers) -> ElectronicStructure:
    """Read a job that converged from its inputs, `aims.out` and the `atom_proj_dos_*.dat`.

    As :meth:`falsemetal.electronic.engine.EngineKind.read`; atoms are summed by layers.
    """
    folder = Path(folder)
    text = read_text(folder / OUTPUT)
    _require_same_input(folder, text)
    projected = [
        _both_spins(folder, f"{symbol}{number:04d}")
        for number, symbol in enumerate(structure.symbols, 1)
    ]
    homo, lumo = (_level(pattern, text, folder / OUTPUT) for pattern in (HOMO, LUMO))
    fermi = 0.5 * (homo + lumo)
    gradient = last_number(GRADIENT, text, folder / OUTPUT)
    version = VERSION.search(text)
    height = float(structure.cell.lengths()[2])
    return ElectronicStructure(
        engine=f"{NAME} {version[1]}" if version else NAME,
        fermi_eV=fermi,
        homo_eV=homo - fermi,
        lumo_eV=lumo - fermi,
        energies_eV=projected[0].energies_eV + projected[0].reference_eV - fermi,
        density=np.array(
            [sum(projected[index].density for index in layer.atoms) for layer in layers]
        ),
        layers=layers,
        dipole_e_per_A=None if gradient is None else dipole_per_area(gradient, height),
    )


def _both_spins(folder: Path, atom: str) -> AtomProjected:
    """Density on an atom from the Fermi level: one file without spin, two with it."""
    paths = sorted(folder.glob(f"atom_proj_dos_{atom}.dat"))
    paths = paths or sorted(folder.glob(f"atom_proj_dos_spin_*{atom}.dat"))
    if not paths:
        raise ResultError(f"{folder}: no atom_proj_dos_*{atom}.dat; copy back all files of the job")
    parts = [read_atom_projected(path) for path in paths]
    return replace(parts[0], density=np.sum([part.density for part in parts], axis=0))


def _level(pattern: re.Pattern[str], text: str, path: Path) -> float:
    level = last_number(pattern, text, path)
    if level is None:
        raise ResultError(f"{path}: holds no line like “{pattern.pattern}”; run the job again")
    return level


def _require_same_input(folder: Path, text: str) -> None:
    """Compare with what FHI-aims repeats of its inputs: word by word, whatever else it prints."""
    printed = {_words(line) for line in text.splitlines()}
    inputs = "".join((folder / name).read_text() + "\n" for name in (CONTROL, GEOMETRY))
    wanted = [_words(line) for line in inputs.splitlines()]
    missing = next((words for words in wanted if words and words not in printed), None)
    in_field = [any(words.startswith(FIELD) for words in lines) for lines in (wanted, printed)]
    if missing or in_field[0] != in_field[1]:
        raise ResultError(
            f"{folder / OUTPUT}: of another input than this folder's, where “{missing or FIELD}” "
            "is different; copy back the results of this folder, written out verbatim"
        )


def _words(line: str) -> str:
    return " ".join(line.split("#", 1)[0].split())


def read_labels(folder: str | Path, structure: Atoms) -> tuple[float, FloatArray]:
    """Read as :meth:`falsemetal.electronic.engine.EngineKind.read_labels`, by ASE's reader."""
    from ase.io import read

    path = Path(folder) / OUTPUT
    read_text(path)
    try:
        found: Any = read(path, format="aims-output")
        energy, forces = found.get_potential_energy(force_consistent=True), found.get_forces()
    except Exception as error:  # ASE's reader raises anything
        raise ResultError(f"{path}: no energy and forces ({error}); run the job again") from None
    same = list(found.symbols) == list(structure.symbols) and np.allclose(
        found.positions, structure.positions, atol=POSITION_TOLERANCE_A
    )
    if not same:
        raise ResultError(
            f"{path}: of another structure than the job's; copy back the results of this folder"
        )
    return float(energy), np.asarray(forces)
