r"""Single points of the force field, in a uniform field along z too.

The energy of a film in a field E is :math:`\min_q U(q) - E\,P(q)` with U quadratic in the charges
q of a conductor, so with its dipoles :math:`P_0, P_E` without the field and in it

.. math:: U_E = U_0 - \tfrac12 E\,(P_0 + P_E), \qquad \mathrm dU_E/\mathrm dE = -P_E,

where fixed charges have :math:`P_E = P_0`.
"""

from dataclasses import dataclass

import numpy as np
from ase import Atoms

from falsemetal.arrays import FloatArray
from falsemetal.potentials.force_field.capacitor import between_plates
from falsemetal.potentials.force_field.deck import LABELS
from falsemetal.potentials.force_field.engine import LammpsEngine
from falsemetal.potentials.force_field.settings import WaterForceField
from falsemetal.potentials.force_field.topology import UnsupportedStructureError, find_topology
from falsemetal.systems.boundary import Boundary, boundary_of
from falsemetal.systems.charged import charged_frames
from falsemetal.systems.labels import EXTERNAL_FIELD, TOTAL_CHARGE, external_field, total_charge


@dataclass(frozen=True)
class SinglePoint:
    """Energy in eV, forces in eV/Å, shape (n, 3), and charges in e, shape (n,), of a structure."""

    energy_eV: float
    forces: FloatArray
    charges: FloatArray

    def dipole(self, atoms: Atoms) -> FloatArray:
        """Dipole of its structure in e·Å, shape (3,), NaN along periodic directions."""
        return np.where(atoms.pbc, np.nan, self.charges @ atoms.positions)


def evaluate(atoms: Atoms, force_field: WaterForceField) -> SinglePoint:
    """Evaluate a structure without a mesh, by a LAMMPS of its own, in its `external_field`.

    UnsupportedStructureError for a structure that the force field cannot treat, a total charge, and
    a field that is not along the open direction of a film.
    """
    if charged_frames([atoms]):
        raise UnsupportedStructureError(
            f"{TOTAL_CHARGE} is {total_charge(atoms):g} e, but the force field has none; "
            "correct it, or leave the frame out"
        )
    field_V_per_A = _field_along_z(atoms)
    bare = _evaluate(atoms, force_field)
    if not field_V_per_A:
        return bare
    metals = find_topology(atoms, force_field).metals
    if any(force_field.is_conductor(element) for element in metals):
        inside = _evaluate(*between_plates(atoms, force_field, field_V_per_A))
        forces, charges = inside.forces[: len(atoms)], inside.charges[: len(atoms)]
    else:
        charges = bare.charges
        forces = bare.forces + np.outer(charges, [0.0, 0.0, field_V_per_A])
    mean_dipole = 0.5 * (bare.charges + charges) @ atoms.positions[:, 2]
    return SinglePoint(bare.energy_eV - field_V_per_A * float(mean_dipole), forces, charges)


def _evaluate(atoms: Atoms, force_field: WaterForceField) -> SinglePoint:
    with LammpsEngine(atoms, force_field, electrostatics=LABELS) as engine:
        engine.command("run 0 post no")
        return SinglePoint(engine.potential_energy_eV, engine.forces, engine.charges)


def _field_along_z(atoms: Atoms) -> float:
    """Return the field in V/Å, zero where a structure tells none."""
    field = external_field(atoms)
    if not np.isfinite(field).all():
        raise UnsupportedStructureError(
            f"{EXTERNAL_FIELD} is {field.tolist()} V/Å, which is not finite; correct it"
        )
    if field.any() and (field[:2].any() or boundary_of(atoms.pbc) is not Boundary.FILM):
        raise UnsupportedStructureError(
            f"{EXTERNAL_FIELD} is {field.tolist()} V/Å; the force field knows one along z of a "
            "film (pbc TTF) alone"
        )
    return float(field[2])
