"""Outputs of FHI-aims: convergence, Fermi level, dipole, atom-projected densities of states."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from ase import Atoms
from numpy.typing import NDArray

from falsemetal.electronic.aims_job import CONTROL, GEOMETRY, OUTPUT
from falsemetal.electronic.errors import ResultError
from falsemetal.electronic.result import ElectronicStructure
from falsemetal.electronic.structure import Layer
from falsemetal.units import EPSILON_0

FloatArray = NDArray[np.float64]

FINISHED = "Have a nice day."
CONVERGED = "Self-consistency cycle converged."
NAME = "FHI-aims"
VERSION = re.compile(r"FHI-aims version\s*:\s*(\S+)")
GRADIENT = re.compile(r"Dipole correction gradient\s*:\s*(\S+) eV/Angstrom")
HOMO = re.compile(r"Highest occupied state \(VBM\) at\s+(\S+) eV")
LUMO = re.compile(r"Lowest unoccupied state \(CBM\) at\s+(\S+) eV")
REFERENCE = re.compile(r"energy reference for this output is the (.+?)(?:, mu)?\s*=\s+(\S+) eV")

FIELD = "homogeneous_field"


def dipole_per_area(gradient_eV_per_A: float, height_A: float) -> float:
    r"""Dipole per area from the gradient of the dipole correction (eq. S6 over the area).

    .. math:: P_z = \epsilon_0\, L_z\, \partial_z \phi_{corr}

    Parameters
    ----------
    gradient_eV_per_A
        As FHI-aims prints it.
    height_A
        Edge of the cell along z.

    Returns
    -------
    float
        In e/Å.
    """
    return EPSILON_0 * height_A * gradient_eV_per_A


def read_text(path: str | Path) -> str:
    """Text of a finished run.

    Raises
    ------
    ResultError
        If it is missing, cut short, or no output of FHI-aims.
    """
    path = Path(path)
    try:
        text = path.read_text(errors="replace")
    except OSError as error:
        raise ResultError(f"{path}: {error.strerror}; run the job") from None
    if NAME not in text:
        raise ResultError(f"{path}: no output of FHI-aims")
    if FINISHED not in text:
        raise ResultError(f"{path}: cut short; run the job again")
    return text


@dataclass(frozen=True)
class AtomProjected:
    """One `atom_proj_dos_*.dat`.

    Attributes
    ----------
    reference_eV
        Energy that it counts from: the chemical potential μ, or 0 for the vacuum level.
    from_vacuum
        Whether that is the vacuum level (`_raw`).
    energies_eV
        From the reference, shape (n_energies,).
    density
        In states/eV, shape (n_energies,).
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

    Raises
    ------
    ResultError
        If it is missing, cut short or none of FHI-aims'.
    """
    path = Path(path)
    try:
        header = "".join(line for line in path.open() if line.startswith("#"))
        table = np.loadtxt(path, ndmin=2)
    except (OSError, ValueError) as error:
        raise ResultError(f"{path}: no readable density of states ({error})") from None
    reference = REFERENCE.search(header)
    if reference is None or table.shape[1] < 2:
        raise ResultError(f"{path}: no projected density of states of FHI-aims")
    return AtomProjected(
        reference_eV=float(reference[2]),
        from_vacuum=reference[1] == "vacuum level",
        energies_eV=table[:, 0],
        density=table[:, 1],
    )


def read_aims(folder: str | Path, structure: Atoms, layers: Sequence[Layer]) -> ElectronicStructure:
    """Read a job that converged.

    Parameters
    ----------
    folder
        With the inputs, `aims.out` and the `atom_proj_dos_*.dat`.
    structure
        That the job was written for.
    layers
        By which atoms are summed.

    Raises
    ------
    ResultError
        If a file is missing, cut short, of another program or of another input.
    """
    folder = Path(folder)
    text = read_text(folder / OUTPUT)
    _require_same_input(folder, text)
    projected = [
        _both_spins(folder, f"{symbol}{number:04d}")
        for number, symbol in enumerate(structure.symbols, 1)
    ]
    homo, lumo = (_last(pattern, text, folder / OUTPUT) for pattern in (HOMO, LUMO))
    fermi = 0.5 * (homo + lumo)
    gradient = GRADIENT.findall(text)
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
        heights_A=np.array([layer.height_A for layer in layers]),
        dipole_e_per_A=dipole_per_area(float(gradient[-1]), height) if gradient else np.nan,
    )


def _both_spins(folder: Path, atom: str) -> AtomProjected:
    """Density on an atom from the Fermi level: one file without spin, two with it."""
    paths = sorted(folder.glob(f"atom_proj_dos_{atom}.dat"))
    paths = paths or sorted(folder.glob(f"atom_proj_dos_spin_*{atom}.dat"))
    if not paths:
        raise ResultError(f"{folder}: no atom_proj_dos_*{atom}.dat; copy back all files of the job")
    parts = [read_atom_projected(path) for path in paths]
    return replace(parts[0], density=sum(part.density for part in parts))


def _last(pattern: re.Pattern, text: str, path: Path) -> float:
    found = pattern.findall(text)
    if not found:
        raise ResultError(f"{path}: holds no line like “{pattern.pattern}”; run the job again")
    return float(found[-1])


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
