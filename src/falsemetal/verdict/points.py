"""Single points of a calculator that is trusted with nothing."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
from ase import Atoms
from ase.calculators.abc import GetPropertiesMixin

from falsemetal.arrays import FloatArray
from falsemetal.files import array_sha256
from falsemetal.verdict.errors import CheckError

ROUNDINGS = 8.0
"""Units in the last place of a total energy that its sum may be off by."""


@dataclass(frozen=True)
class Point:
    """Energy in eV and forces in eV/Å, shape (n_atoms, 3), of a structure."""

    n_atoms: int
    energy_eV: float
    forces_eV_per_A: FloatArray
    seconds: float


@dataclass
class SinglePoints:
    """A calculator, with all it was asked.

    Attributes
    ----------
    calculator
        Of ASE.
    told
        Is told of every point: its label, atoms and seconds.
    in_float32
        Whether all energies so far are numbers that single precision can hold.
    seconds
        That all points took.
    noise_eV_per_atom
        Of energies, by what they must not depend on.
    """

    calculator: GetPropertiesMixin
    told: Callable[[str, int, float], None] = lambda label, n_atoms, seconds: None
    in_float32: bool = True
    seconds: float = 0.0
    noise_eV_per_atom: float = 0.0
    _known: dict[str, Point] = field(default_factory=dict, repr=False)

    def evaluate(self, atoms: Atoms, label: str, *, anew: bool = False) -> Point:
        """Evaluate a structure, once unless `anew`.

        CheckError names what is wrong with the calculator.
        """
        key = array_sha256([atoms.numbers, atoms.positions, atoms.cell.array, atoms.pbc])
        if anew or key not in self._known:
            self._known[key] = self._evaluate(atoms, label)
        return self._known[key]

    def _evaluate(self, atoms: Atoms, label: str) -> Point:
        given = atoms.copy()
        given.calc = self.calculator
        began = time.perf_counter()
        try:
            energy = given.get_potential_energy()
            forces = given.get_forces()
        except Exception as error:
            raise CheckError(
                f"{label}: the calculator failed on {given.get_chemical_formula()}, pbc "
                f"{''.join('FT'[int(p)] for p in given.pbc)}: {_in_words(error)}"
            ) from error
        seconds = time.perf_counter() - began
        _require_unchanged(atoms, given, label)
        single = np.asarray(forces).dtype == np.float32 or float(np.float32(energy)) == energy
        energy, forces = float(energy), np.array(forces, dtype=float)
        if not np.isfinite(energy) or not np.isfinite(forces).all():
            raise CheckError(
                f"{label}: the calculator returned energy {energy} eV and "
                f"{np.count_nonzero(~np.isfinite(forces))} forces that are no numbers; a potential "
                "without a finite energy for liquid water cannot be checked"
            )
        if forces.shape != atoms.positions.shape:
            raise CheckError(
                f"{label}: forces of shape {forces.shape} for {len(atoms)} atoms; the calculator "
                "must return one per atom"
            )
        self.in_float32 &= bool(single)
        self.seconds += seconds
        self.told(label, len(atoms), seconds)
        return Point(len(atoms), energy, forces, seconds)

    def learn_noise(self, atoms: Atoms, point: Point, label: str, *, limit_eV: float) -> None:
        """Measure how far energies depend on what they must not depend on: call and origin.

        CheckError for a calculator that gives another energy when it is asked again, or, by more
        than a limit, for atoms that are moved together and wrapped.
        """
        moved = atoms.copy()
        moved.positions += [0.37, 0.71, 0.53]
        moved.wrap()
        elsewhere = self.evaluate(moved, f"{label}, moved and wrapped")
        # after another structure nobody answers from memory
        again = self.evaluate(atoms, f"{label}, again", anew=True)
        rounding = self.rounding_eV(point)
        if abs(again.energy_eV - point.energy_eV) > 10.0 * rounding:
            raise CheckError(
                f"{label}: not deterministic: asked twice for the same structure the calculator "
                f"gives energies {abs(again.energy_eV - point.energy_eV):.3g} eV apart; switch off "
                "dropout, noise or whatever else is random"
            )
        change = abs(elsewhere.energy_eV - point.energy_eV)
        if change > max(limit_eV, 10.0 * rounding):
            raise CheckError(
                f"{label}: not periodic: the same structure, moved and wrapped into the cell, has "
                f"{change:.3g} eV more or less; the calculator must take the nearest images"
            )
        for other in (again, elsewhere):
            difference = abs(other.energy_eV - point.energy_eV) / point.n_atoms
            self.noise_eV_per_atom = max(self.noise_eV_per_atom, difference)

    def learn_additivity(
        self, one: Point, several: Point, n_cells: int, *, limit_eV: float
    ) -> None:
        """Measure how far periodic copies of a cell have its energy each.

        CheckError for a potential that is not extensive, by more than a limit for a cell.
        """
        difference = abs(several.energy_eV / n_cells - one.energy_eV)
        if difference > max(limit_eV, 10.0 * self.uncertainty_eV(one)):
            raise CheckError(
                f"not extensive: {n_cells} periodic cells have {difference:.3g} eV a cell more or "
                "less than one cell alone; in so small a cell the calculator may miss images "
                "within its cutoff, or sample k points too coarsely: give a larger frame by --probe"
            )
        self.noise_eV_per_atom = max(self.noise_eV_per_atom, 0.5 * difference / one.n_atoms)

    def rounding_eV(self, point: Point) -> float:
        """Tell how an energy is rounded by the calculator's precision."""
        precision = np.finfo(np.float32 if self.in_float32 else np.float64).eps
        return float(ROUNDINGS * precision * max(abs(point.energy_eV), 1.0))

    def uncertainty_eV(self, *points: Point) -> float:
        """Half-width of the interval of a sum or difference of energies."""
        squares = [
            self.rounding_eV(point) ** 2 + (2.0 * self.noise_eV_per_atom * point.n_atoms) ** 2
            for point in points
        ]
        return float(np.sqrt(sum(squares)))


def _require_unchanged(before: Atoms, after: Atoms, label: str) -> None:
    for name, one, other in (
        ("positions", before.positions, after.positions),
        ("numbers", before.numbers, after.numbers),
        ("cell", before.cell.array, after.cell.array),
        ("pbc", before.pbc, after.pbc),
    ):
        if one.shape != other.shape or not np.array_equal(one, other):
            raise CheckError(
                f"{label}: the calculator changes the {name} of the atoms it is given; let it work "
                "on a copy"
            )


def _in_words(error: Exception) -> str:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    text = lines[0] if lines else "no message"
    return f"{type(error).__name__}: {text[:300]}"
