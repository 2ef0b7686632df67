"""The force field as an ASE calculator, for single points."""

from typing import Any

from falsemetal.arrays import FloatArray
from falsemetal.potentials.force_field.deck import LABELS
from falsemetal.potentials.force_field.engine import LammpsEngine
from falsemetal.potentials.force_field.settings import DampedShiftedCoulomb, WaterForceField
from falsemetal.potentials.single_points import EnergyAndForces


class ForceFieldCalculator(EnergyAndForces):
    """Energies and forces as of labels: without a mesh, each structure by a LAMMPS of its own.

    Atoms are in the order O, H, H by molecule, solids before them; structures that the force field
    cannot treat raise UnsupportedStructureError.
    """

    def __init__(self, force_field: WaterForceField | None = None) -> None:
        super().__init__()
        self.force_field = force_field or WaterForceField()

    def evaluate(self, atoms: Any) -> tuple[float, FloatArray]:
        """Evaluate energy in eV and forces in eV/Å, shape (n, 3)."""
        with LammpsEngine(atoms, self.force_field, electrostatics=LABELS) as engine:
            engine.command("run 0 post no")
            return engine.potential_energy_eV, engine.forces


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
