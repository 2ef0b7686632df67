"""Outputs of CP2K: convergence, Fermi level, dipole, projected densities of states, cubes."""

import re
from dataclasses import dataclass, replace
from io import StringIO
from pathlib import Path

import numpy as np
from ase import Atoms
from ase.io.cube import read_cube

from falsemetal.arrays import FloatArray
from falsemetal.electronic.cp2k import NOT_CONVERGED
from falsemetal.electronic.cp2k_input import PROJECT
from falsemetal.electronic.density_of_states import DensityOfStates, smear_levels
from falsemetal.electronic.errors import ResultError
from falsemetal.electronic.outputs import last_number, read_output, read_table, require_finished
from falsemetal.electronic.profiles import Grid
from falsemetal.electronic.result import ElectronicStructure
from falsemetal.electronic.structure import Layers
from falsemetal.estimators.dipole import lateral_area
from falsemetal.fortran import NUMBER, fortran_float, separate_numbers
from falsemetal.programs.cp2k import ABORTED, INPUT, LOG, essence, last_run, nearest_release
from falsemetal.units import BOHR, HARTREE

NAME = "CP2K"
FINISHED = "PROGRAM ENDED"
CONVERGED = re.compile(r"SCF run converged in\s+(\d+) steps")
PROJECT_NAME = re.compile(r"GLOBAL\| Project name\s+(\S+)")
VERSION = re.compile(r"CP2K\| version string:\s+CP2K version (\S+)")
SLAB_DIPOLE = re.compile(
    r"Total dipole moment perpendicular to\s+the slab \[electrons-Angstroem\]:\s+(\S+)"
)
PDOS_FERMI = re.compile(rf"E\(Fermi\) =\s+({NUMBER}) a\.u\.")

COORDINATES_BEGIN = re.compile(r"MODULE QUICKSTEP:\s+ATOMIC COORDINATES IN angstrom", re.IGNORECASE)
"""Before 2023.1 with two blanks and in lower case."""
COORDINATES_END = "SCF PARAMETERS"
COORDINATES = re.compile(
    r"^\s*\d+\s+\d+\s+([A-Za-z]+)\s+\d+" + 3 * r"\s+(-?\d+\.\d+)", re.MULTILINE
)

SPINS = ("ALPHA", "BETA")

POSITION_TOLERANCE_A, FAR_A = 1e-4, 1e6

FIRST_PROJECTION = 3
"""Column of a `.pdos` file after the orbital's number, its energy and its occupation."""

TOTAL = re.compile(r"Occupation\s+Total\s")
"""Title of a column since 2026.2, with the sum of those that follow."""

K_POINTS = "BRILLOUIN|"


@dataclass(frozen=True)
class Pdos:
    """One `.pdos` file: arrays over its orbitals, shape (n_levels,).

    Projections are onto the atoms that the file is of, all their functions together.
    """

    fermi_eV: float
    levels_eV: FloatArray
    occupations: FloatArray
    projections: FloatArray


def read_pdos(path: str | Path) -> Pdos:
    """Read a `.pdos` file; ResultError if it is missing, cut short or none of CP2K's."""
    comments, fermi, table = read_table(
        Path(path), ".pdos file of CP2K", header=PDOS_FERMI, n_columns=FIRST_PROJECTION + 1
    )
    first = FIRST_PROJECTION + bool(TOTAL.search(comments))
    return Pdos(
        fermi_eV=fortran_float(fermi[1]) * HARTREE,
        levels_eV=table[:, 1] * HARTREE,
        occupations=table[:, 2],
        projections=table[:, first:].sum(axis=1),
    )


def is_converged(log: str | Path) -> bool:
    """Tell whether a finished run reached self-consistency.

    ResultError if the output is missing, cut short, or not that of a single point of CP2K.
    """
    log = Path(log)
    text = last_run(read_output(log, NAME, mark="CP2K|"))
    # since 2024 CP2K ends with an error where it did not converge
    if NOT_CONVERGED in text:
        return False
    if ABORTED in text:
        raise ResultError(
            f"{log}: CP2K ended by itself and says: {' '.join(essence(text).split())}"
        )
    require_finished(log, text, mark=FINISHED)
    if CONVERGED.search(text) is None:
        raise ResultError(f"{log}: holds no self-consistent calculation")
    return True


def read_cp2k(
    folder: str | Path, structure: Atoms, layers: Layers, states: DensityOfStates
) -> ElectronicStructure:
    """Read a job that converged, as :meth:`falsemetal.electronic.engine.EngineKind.read`."""
    folder = Path(folder)
    text = last_run(read_output(folder / LOG, NAME, mark="CP2K|"))
    require_same(folder / LOG, text, structure)
    project = _project(folder)
    if project not in PROJECT_NAME.findall(text):
        raise ResultError(
            f"{folder / LOG}: of another input than {INPUT}, which is of {project}; copy back the "
            "results of this folder"
        )
    files, spin_states = _read_levels(folder, project, len(layers), text)
    first = files[0]
    if any(len(file.levels_eV) != len(first.levels_eV) for file in files):
        raise ResultError(f"{folder}: its .pdos files hold different orbitals; run the job again")
    n_occupied = round(first.occupations.sum() / spin_states)
    if not 0 < n_occupied < len(first.levels_eV):
        raise ResultError(
            f"{folder}: {n_occupied} of {len(first.levels_eV)} orbitals are occupied, which tells "
            "no gap; raise electronic.engine.empty_share"
        )
    fermi = float(first.levels_eV[n_occupied - 1 : n_occupied + 1].mean())
    levels = first.levels_eV - fermi
    dipole = last_number(SLAB_DIPOLE, text, folder / LOG)
    version = VERSION.search(text)
    if version:
        nearest_release(version[1])
    energies = states.energies_eV
    projections = np.array([file.projections for file in files])
    area = lateral_area(structure.cell.array)
    return ElectronicStructure(
        engine=f"{NAME} {version[1]}" if version else NAME,
        fermi_eV=fermi,
        homo_eV=float(levels[n_occupied - 1]),
        lumo_eV=float(levels[n_occupied]),
        energies_eV=energies,
        density=smear_levels(
            levels, spin_states * projections, energies, smearing_eV=states.smearing_eV
        ),
        layers=layers,
        # CP2K counts electrons as positive here
        dipole_e_per_A=None if dipole is None else -dipole / area,
    )


def _read_levels(folder: Path, project: str, n_lists: int, text: str) -> tuple[list[Pdos], float]:
    """Files of all lists, two spins joined in order of their energies, and states a level."""
    if K_POINTS in text:
        raise ResultError(
            f"{folder / LOG}: CP2K gives no levels where there are k points; run without &KPOINTS"
        )
    lists = range(1, n_lists + 1)
    if not list(folder.glob(f"{project}-ALPHA_list*.pdos")):
        return [read_pdos(folder / f"{project}-list{n}-1.pdos") for n in lists], 2.0
    return [
        _join(*(read_pdos(folder / f"{project}-{spin}_list{n}-1.pdos") for spin in SPINS))
        for n in lists
    ], 1.0


def _join(up: Pdos, down: Pdos) -> Pdos:
    joined = [
        np.concatenate([getattr(up, key), getattr(down, key)])
        for key in ("levels_eV", "occupations", "projections")
    ]
    order = np.argsort(joined[0], kind="stable")
    return Pdos(up.fermi_eV, *(values[order] for values in joined))


def _project(folder: str | Path) -> str:
    """Name that CP2K gives its files here."""
    path = Path(folder) / INPUT
    found = PROJECT.search(path.read_text()) if path.exists() else None
    if found is None:
        raise ResultError(f"{path}: missing or not written by this package; write the job again")
    return found[1]


def require_same(path: Path, text: str, expected: Atoms) -> None:
    """Refuse an output whose coordinates are not those expected."""
    begin = COORDINATES_BEGIN.search(text)
    found = COORDINATES.findall(text[begin.end() :].partition(COORDINATES_END)[0] if begin else "")
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
    """Read a cube file (Gaussian's, in bohr) of an orthorhombic cell.

    Values are multiplied by `unit`, such as hartree in eV; ResultError if it is missing or cut
    short.
    """
    path = Path(path)
    try:
        cube = read_cube(StringIO(separate_numbers(path.read_text())))
        lengths = cube["atoms"].cell.lengths()
        if not np.isfinite(cube["data"]).all() or not (
            0.0 < lengths.min() <= lengths.max() < FAR_A
        ):
            raise ValueError("a number is not finite, or the cell is none")
    except Exception as error:  # ASE's reader raises anything
        raise ResultError(f"{path}: no readable cube file ({error}); run the job again") from None
    return Grid(
        values=cube["data"] * unit,
        lengths_A=lengths,
        origin_A=np.asarray(cube["origin"], dtype=float),
    )


def response_grids(folder: str | Path, *, field_V_per_A: float) -> tuple[Grid, Grid]:
    """Read the potential energy of an electron in eV and the density of electrons in 1/Å³.

    The former is Hartree's and the field's (of S7, times −e); errors as of :func:`read_grid`.
    """
    hartree = read_grid(_cube(folder, "v_hartree"), unit=HARTREE)
    values = hartree.values + field_V_per_A * hartree.heights_A
    density = read_grid(_cube(folder, "ELECTRON_DENSITY"), unit=BOHR**-3)
    return replace(hartree, values=values), density


def _cube(folder: str | Path, name: str) -> Path:
    found = sorted(Path(folder).glob(f"{_project(folder)}-{name}-*.cube"))
    if len(found) != 1:
        raise ResultError(f"{folder}: {len(found)} cubes {name} instead of one; run the job again")
    return found[0]
