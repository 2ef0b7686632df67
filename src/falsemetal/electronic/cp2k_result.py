"""Outputs of CP2K: convergence, Fermi level, dipole, projected densities of states, cubes."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from ase import Atoms
from ase.io.cube import read_cube
from numpy.typing import NDArray

from falsemetal.config import DensityOfStates
from falsemetal.electronic.cp2k_job import PROJECT
from falsemetal.electronic.density_of_states import smear_levels
from falsemetal.electronic.errors import ResultError
from falsemetal.electronic.profiles import Grid
from falsemetal.electronic.result import ElectronicStructure
from falsemetal.electronic.structure import Layer
from falsemetal.estimators.dipole import lateral_area
from falsemetal.programs.cp2k import ABORTED, INPUT, LOG, essence
from falsemetal.units import BOHR, HARTREE

FloatArray = NDArray[np.float64]

FINISHED = "PROGRAM ENDED"
CONVERGED = re.compile(r"SCF run converged in\s+(\d+) steps")
NOT_CONVERGED = "SCF run NOT converged"
PROJECT_NAME = re.compile(r"GLOBAL\| Project name\s+(\S+)")
VERSION = re.compile(r"CP2K\| version string:\s+CP2K version (\S+)")
SLAB_DIPOLE = re.compile(
    r"Total dipole moment perpendicular to\s+the slab \[electrons-Angstroem\]:\s+(\S+)"
)
PDOS_FERMI = re.compile(r"E\(Fermi\) =\s+(\S+) a\.u\.")

COORDINATES_BEGIN = "MODULE QUICKSTEP: ATOMIC COORDINATES IN ANGSTROM"
COORDINATES_END = "SCF PARAMETERS"
COORDINATES = re.compile(
    r"^\s+\d+\s+\d+\s+([A-Za-z]+)\s+\d+" + 3 * r"\s+(-?\d+\.\d+)", re.MULTILINE
)

POSITION_TOLERANCE_A = 1e-4

FIRST_PROJECTION = 3
"""Column of a `.pdos` file after the orbital's number, its energy and its occupation."""


@dataclass(frozen=True)
class Pdos:
    """One `.pdos` file.

    Attributes
    ----------
    fermi_eV
        Fermi level.
    levels_eV, occupations
        Of the orbitals, shape (n_levels,).
    projections
        Onto the atoms that the file is of, all their functions together, shape (n_levels,).
    """

    fermi_eV: float
    levels_eV: FloatArray
    occupations: FloatArray
    projections: FloatArray


def read_pdos(path: str | Path) -> Pdos:
    """Read a `.pdos` file.

    Raises
    ------
    ResultError
        If it is missing, cut short or none of CP2K's.
    """
    path = Path(path)
    try:
        header = path.open().readline()
        table = np.loadtxt(path, ndmin=2)
    except (OSError, ValueError) as error:
        raise ResultError(f"{path}: no readable .pdos file ({error}); run the job again") from None
    fermi = PDOS_FERMI.search(header)
    if fermi is None or table.shape[1] <= FIRST_PROJECTION:
        raise ResultError(f"{path}: not a .pdos file of CP2K; it begins with {header.strip()!r}")
    return Pdos(
        fermi_eV=float(fermi[1]) * HARTREE,
        levels_eV=table[:, 1] * HARTREE,
        occupations=table[:, 2],
        projections=table[:, FIRST_PROJECTION:].sum(axis=1),
    )


def is_converged(log: str | Path) -> bool:
    """Tell whether a finished run reached self-consistency.

    Raises
    ------
    ResultError
        If the output is missing, cut short, or not that of a single point of CP2K.
    """
    log = Path(log)
    try:
        text = log.read_text(errors="replace")
    except OSError as error:
        raise ResultError(f"{log}: {error.strerror}; run the job") from None
    # since 2024 CP2K ends with an error where it did not converge
    if NOT_CONVERGED in text:
        return False
    if "CP2K|" not in text:
        raise ResultError(f"{log}: no output of CP2K")
    if ABORTED in text:
        raise ResultError(
            f"{log}: CP2K ended by itself and says: {' '.join(essence(text).split())}"
        )
    if FINISHED not in text:
        raise ResultError(f"{log}: cut short; run the job again, which goes on from its orbitals")
    if CONVERGED.search(text) is None:
        raise ResultError(f"{log}: holds no self-consistent calculation")
    return True


def read_cp2k(
    folder: str | Path, structure: Atoms, layers: Sequence[Layer], settings: DensityOfStates
) -> ElectronicStructure:
    """Read a job that converged.

    Parameters
    ----------
    folder
        Where CP2K ran.
    structure, layers
        Those that its input was written for.
    settings
        Energies and smearing of the density of states.

    Raises
    ------
    ResultError
        If a file is missing, cut short, of another program or of another structure.
    """
    folder = Path(folder)
    text = (folder / LOG).read_text(errors="replace")
    _require_same(folder / LOG, text, structure)
    project = _project(folder)
    if project not in PROJECT_NAME.findall(text):
        raise ResultError(
            f"{folder / LOG}: of another input than {INPUT}, which is of {project}; copy back the "
            "results of this folder"
        )
    files = [read_pdos(folder / f"{project}-list{n}-1.pdos") for n in range(1, len(layers) + 1)]
    first = files[0]
    if any(len(file.levels_eV) != len(first.levels_eV) for file in files):
        raise ResultError(f"{folder}: its .pdos files hold different orbitals; run the job again")
    spin_states = 2.0
    n_occupied = round(first.occupations.sum() / spin_states)
    if not 0 < n_occupied < len(first.levels_eV):
        raise ResultError(
            f"{folder}: {n_occupied} of {len(first.levels_eV)} orbitals are occupied, which tells "
            "no gap; raise electronic.cp2k.empty_share"
        )
    fermi = float(first.levels_eV[n_occupied - 1 : n_occupied + 1].mean())
    levels = first.levels_eV - fermi
    dipole = SLAB_DIPOLE.findall(text)
    version = VERSION.search(text)
    energies = settings.energies_eV
    projections = np.array([file.projections for file in files])
    area = lateral_area(structure.cell.array)
    return ElectronicStructure(
        engine=f"CP2K {version[1]}" if version else "CP2K",
        fermi_eV=fermi,
        homo_eV=float(levels[n_occupied - 1]),
        lumo_eV=float(levels[n_occupied]),
        energies_eV=energies,
        density=smear_levels(
            levels, spin_states * projections, energies, smearing_eV=settings.smearing_eV
        ),
        heights_A=np.array([layer.height_A for layer in layers]),
        # CP2K counts electrons as positive here
        dipole_e_per_A=-float(dipole[-1]) / area if dipole else np.nan,
    )


def _project(folder: str | Path) -> str:
    """Name that CP2K gives its files here."""
    path = Path(folder) / INPUT
    found = PROJECT.search(path.read_text()) if path.exists() else None
    if found is None:
        raise ResultError(f"{path}: missing or not written by this package; write the job again")
    return found[1]


def _require_same(path: Path, text: str, expected: Atoms) -> None:
    found = COORDINATES.findall(text.partition(COORDINATES_BEGIN)[2].partition(COORDINATES_END)[0])
    symbols = [symbol.capitalize() for symbol, *_ in found]
    same = symbols == list(expected.symbols) and np.allclose(
        [[float(value) for value in position] for _, *position in found],
        expected.positions,
        atol=POSITION_TOLERANCE_A,
    )
    if not same:
        raise ResultError(
            f"{path}: of another structure than the job's; copy back the results of this folder"
        )


def read_grid(path: str | Path, *, unit: float) -> Grid:
    """Read a cube file of an orthorhombic cell.

    Parameters
    ----------
    path
        Gaussian's format, lengths in bohr.
    unit
        By which the values are multiplied, such as hartree in eV.

    Raises
    ------
    ResultError
        If it is missing or cut short.
    """
    path = Path(path)
    try:
        with path.open() as file:
            cube = read_cube(file)
    except (OSError, ValueError, IndexError) as error:
        raise ResultError(f"{path}: no readable cube file ({error}); run the job again") from None
    return Grid(
        values=cube["data"] * unit,
        lengths_A=cube["atoms"].cell.lengths(),
        origin_A=np.asarray(cube["origin"], dtype=float),
    )


def electron_potential(folder: str | Path, *, field_V_per_A: float) -> Grid:
    """Potential energy of an electron in eV, Hartree's and the field's (of S7, times −e)."""
    [path] = _cubes(folder, "v_hartree")
    hartree = read_grid(path, unit=HARTREE)
    return Grid(
        hartree.values + field_V_per_A * hartree.heights_A, hartree.lengths_A, hartree.origin_A
    )


def electron_density(folder: str | Path) -> Grid:
    """Density of electrons in 1/Å³."""
    [path] = _cubes(folder, "ELECTRON_DENSITY")
    return read_grid(path, unit=BOHR**-3)


def _cubes(folder: str | Path, name: str) -> list[Path]:
    found = sorted(Path(folder).glob(f"{_project(folder)}-{name}-*.cube"))
    if len(found) != 1:
        raise ResultError(f"{folder}: {len(found)} cubes {name} instead of one; run the job again")
    return found
