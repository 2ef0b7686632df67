"""A plate capacitor around a film: the uniform field in which a conductor's charges answer.

LAMMPS holds a group of atoms at a potential, but knows none that differs from atom to atom, as
−E z does. Two sheets of charge ±ε0 E beyond the film make the same field from ordinary atoms.
"""

from itertools import product

import numpy as np
from ase import Atoms

from falsemetal.potentials.force_field.settings import Ion, WaterForceField
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
    gives.
    """
    bottom, top = atoms.positions[:, 2].min(), atoms.positions[:, 2].max()
    x, y = atoms.cell.lengths()[:2]
    apart = top - bottom + 2.0 * DISTANCE_A
    sites = _sites(x, y)
    n_sites = len(sites)
    charge_e = EPSILON_0 * field_V_per_A * x * y / n_sites
    known = {*force_field.ions, *force_field.known_metals, *force_field.known_oxides}
    lower, upper = [element for element in PLATES if element not in known][:2]
    plates = Atoms(
        [lower] * n_sites + [upper] * n_sites,
        np.concatenate([sites, sites + [0.0, 0.0, apart]]) + [0.0, 0.0, MARGIN_A],
    )
    moved = Atoms(
        atoms.symbols,
        atoms.positions + [0.0, 0.0, MARGIN_A + DISTANCE_A - bottom],
        cell=[x, y, apart + 2.0 * MARGIN_A],
        pbc=atoms.pbc,
    )
    ions = {lower: _plate_ion(charge_e), upper: _plate_ion(-charge_e)}
    with_plates = force_field.model_copy(update={"ions": force_field.ions | ions})
    return moved + plates, with_plates


def _sites(x_A: float, y_A: float) -> np.ndarray:
    columns, rows = (int(np.ceil(length / SPACING_A)) for length in (x_A, y_A))
    return np.array(
        [(i * x_A / columns, j * y_A / rows, 0.0) for i, j in product(range(columns), range(rows))]
    )


def _plate_ion(charge_e: float) -> Ion:
    return Ion(charge_e=charge_e, epsilon_kcal_per_mol=NOTHING_KCAL_PER_MOL, sigma_A=1.0)
