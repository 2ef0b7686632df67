"""The force field as an ASE calculator, for single points."""

from typing import ClassVar

import numpy as np
from ase import Atoms
from ase.calculators.calculator import Calculator, all_changes

from falsemetal.potentials.force_field.engine import LABEL_ELECTROSTATICS, LammpsEngine
from falsemetal.potentials.force_field.settings import DampedShiftedCoulomb, WaterForceField


class ForceFieldCalculator(Calculator):
    """Energies and forces as of labels: without a mesh, each structure by a LAMMPS of its own.

    Atoms are in the order O, H, H by molecule; structures that the force field cannot treat raise
    UnsupportedStructureError.
    """

    implemented_properties: ClassVar[list[str]] = ["energy", "forces"]  # type: ignore[misc]

    def __init__(self, force_field: WaterForceField | None = None) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.force_field = force_field or WaterForceField()

    def calculate(
        self,
        atoms: Atoms | None = None,
        properties: list[str] | None = None,
        system_changes: list[str] = all_changes,
    ) -> None:
        """Evaluate energy in eV and forces in eV/Å, shape (n, 3)."""
        super().calculate(atoms, properties, system_changes)  # type: ignore[no-untyped-call]
        assert self.atoms is not None
        with LammpsEngine(
            self.atoms, self.force_field, electrostatics=LABEL_ELECTROSTATICS
        ) as engine:
            engine.command("run 0 post no")
            self.results = {
                "energy": engine.potential_energy_eV,
                "forces": np.array(engine.forces),
            }


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
