"""A plate capacitor around a film: the uniform field in which a conductor's charges answer.

LAMMPS holds a group of atoms at a potential, but knows none that differs from atom to atom, as
−E z does. Two sheets of charge ±ε0 E beyond the film make the same field from ordinary atoms.
"""

import math
from itertools import product

from ase import Atoms

from falsemetal.potentials.force_field.settings import Ion, WaterForceField
from falsemetal.potentials.force_field.topology import UnsupportedStructureError
from falsemetal.units import EPSILON_0

DISTANCE_A, SPACING_A = 6.0, 2.0
"""Of the plates from the outermost atoms, and of their charges, whose pattern is 10⁻⁸ there."""

MARGIN_A = 1.0
"""Between the plates and the ends of the cell, beyond which LAMMPS loses atoms."""

PLATES = ("He", "Ne", "Ar", "Kr", "Xe")
"""Elements of which two that the force field does not know become the plates."""

NOTHING_KCAL_PER_MOL = 1e-12
"""Well of the Lennard-Jones potential of the plates."""


def between_plates(
    atoms: Atoms, force_field: WaterForceField, field_V_per_A: float
) -> tuple[Atoms, WaterForceField]:
    """Put a film between plates that make a field along z, not zero.

    Returns the film's atoms in their order, moved along z, with those of the plates behind them,
    and the force field that knows both. The energy of the plates themselves is part of what it
    gives. UnsupportedStructureError where no elements are left for the plates.
    """
    bottom, top = atoms.positions[:, 2].min(), atoms.positions[:, 2].max()
    x, y = atoms.cell.lengths()[:2]
    lower_z, upper_z = MARGIN_A, MARGIN_A + top - bottom + 2.0 * DISTANCE_A
    sites = [*_plate(x, y, lower_z), *_plate(x, y, upper_z)]
    n_sites = len(sites) // 2
    charge_e = EPSILON_0 * field_V_per_A * x * y / n_sites
    known = {*force_field.ions, *force_field.known_metals, *force_field.known_oxides}
    free = [element for element in PLATES if element not in known]
    if len(free) < 2:
        raise UnsupportedStructureError(
            f"the force field knows all but one of {', '.join(PLATES)}, two of which stand for the "
            "plates that make a field; leave some out of its ions"
        )
    lower, upper = free[:2]
    moved = Atoms(atoms.symbols, atoms.positions, pbc=atoms.pbc)
    moved.positions[:, 2] += lower_z + DISTANCE_A - bottom
    moved.set_cell([x, y, upper_z + MARGIN_A])
    moved += Atoms([lower] * n_sites + [upper] * n_sites, sites)
    ions = {lower: _plate_ion(charge_e), upper: _plate_ion(-charge_e)}
    return moved, force_field.model_copy(update={"ions": force_field.ions | ions})


def _plate(x_A: float, y_A: float, z_A: float) -> list[tuple[float, float, float]]:
    """Sites of a plate's charges."""
    columns, rows = (math.ceil(length / SPACING_A) for length in (x_A, y_A))
    return [
        (i * x_A / columns, j * y_A / rows, z_A) for i, j in product(range(columns), range(rows))
    ]


def _plate_ion(charge_e: float) -> Ion:
    return Ion(charge_e=charge_e, epsilon_kcal_per_mol=NOTHING_KCAL_PER_MOL, sigma_A=1.0)
