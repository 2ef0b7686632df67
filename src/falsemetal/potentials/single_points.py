"""What the ASE calculators of this package have in common."""

from typing import Any, ClassVar

from ase import Atoms
from ase.calculators.calculator import Calculator, all_changes

from falsemetal.arrays import FloatArray


class EnergyAndForces(Calculator):
    """ASE calculator of nothing but energies and forces."""

    implemented_properties: ClassVar[list[str]] = ["energy", "forces"]  # type: ignore[misc]

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]

    def evaluate(self, atoms: Any) -> tuple[float, FloatArray]:
        """Energy in eV and forces in eV/Å, shape (n, 3), of a structure, which is left alone."""
        raise NotImplementedError

    def further_results(self) -> dict[str, Any]:
        """Results of the last evaluation beside energy and forces, by ASE's names."""
        return {}

    def calculate(
        self,
        atoms: Atoms | None = None,
        properties: list[str] | None = None,
        system_changes: list[str] = all_changes,
    ) -> None:
        """Keep what :meth:`evaluate` returns, as ASE asks for it."""
        super().calculate(atoms, properties, system_changes)  # type: ignore[no-untyped-call]
        energy, forces = self.evaluate(self.atoms)
        self.results = {"energy": energy, "forces": forces} | self.further_results()
