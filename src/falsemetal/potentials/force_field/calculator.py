"""The force field as an ASE calculator, for single points."""

from typing import Any, ClassVar

import numpy as np

from falsemetal.arrays import FloatArray
from falsemetal.potentials.force_field.settings import DampedShiftedCoulomb, WaterForceField
from falsemetal.potentials.force_field.single_point import evaluate
from falsemetal.potentials.single_points import EnergyAndForces
from falsemetal.systems.labels import EXTERNAL_FIELD, external_field


class ForceFieldCalculator(EnergyAndForces):
    """Energies, forces and charges as of labels: without a mesh, each by a LAMMPS of its own.

    Atoms are in the order O, H, H by molecule, solids before them; films may be in an
    `external_field` along z (`atoms.info`). Structures that the force field cannot treat raise
    UnsupportedStructureError.
    """

    implemented_properties: ClassVar[list[str]] = [  # type: ignore[misc]
        *EnergyAndForces.implemented_properties,
        "charges",
        "dipole",
    ]

    def __init__(self, force_field: WaterForceField | None = None) -> None:
        super().__init__()
        self.force_field = force_field or WaterForceField()
        self._further: dict[str, FloatArray] = {}
        self._field: FloatArray = np.zeros(3)

    def evaluate(self, atoms: Any) -> tuple[float, FloatArray]:
        """Evaluate energy in eV and forces in eV/Å, shape (n, 3)."""
        found = evaluate(atoms, self.force_field)
        self._field = external_field(atoms)
        self._further = {"charges": found.charges, "dipole": found.dipole(atoms)}
        return found.energy_eV, found.forces

    def further_results(self) -> dict[str, Any]:
        """Charges in e, and dipole in e·Å, NaN along periodic directions."""
        return dict(self._further)

    def check_state(self, atoms: Any, tol: float = 1e-15) -> list[str]:
        """Find what has changed, the field among it, which ASE passes over."""
        changes: list[str] = super().check_state(atoms, tol)  # type: ignore[no-untyped-call]
        if not np.array_equal(external_field(atoms), self._field):
            changes.append(EXTERNAL_FIELD)
        return changes


def spce(model: str = "full") -> ForceFieldCalculator:
    """Make the calculator of flexible SPC/E, `full` or with its Coulomb force `truncated` at 9 Å.

    ValueError for another model.
    """
    if model == "full":
        return ForceFieldCalculator()
    if model == "truncated":
        coulomb = DampedShiftedCoulomb(kind="damped_shifted")
        return ForceFieldCalculator(WaterForceField(coulomb=coulomb))
    raise ValueError(f"spce has no model '{model}'; take full or truncated")
