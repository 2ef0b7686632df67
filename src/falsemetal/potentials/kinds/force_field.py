"""The force field that labelled a dataset, run by LAMMPS."""

from collections.abc import Mapping
from typing import Annotated, ClassVar, Literal

from pydantic import Field

from falsemetal.potentials.force_field.settings import (
    Coulomb,
    DampedShiftedCoulomb,
    WaterForceField,
)
from falsemetal.potentials.kind import LAMMPS_SECONDS, POTENTIALS, Labels, PotentialKind
from falsemetal.potentials.runners import LammpsRunner
from falsemetal.section import LATER, Name
from falsemetal.simulation.settings import Dynamics
from falsemetal.systems.surfaces import Surface


@POTENTIALS.register("force_field")
class ForceFieldKind(PotentialKind):
    """The force field that labelled a dataset, run by LAMMPS."""

    marker: ClassVar[str] = "o"
    ignores_fields: ClassVar[bool] = True

    kind: Literal["force_field"]
    dataset: Name = Field(description="Dataset that it labelled")
    coulomb: Coulomb | None = Field(
        None,
        description="In place of its own, as of a short-ranged potential; default: its own. Beside "
        "one that ends at a cutoff a metal does not answer",
    )
    metal_response: Annotated[Literal["conductor", "none"] | None, LATER] = Field(
        None, description="In place of that of its metals: none leaves them without charges"
    )

    def find_fault(self, datasets: Mapping[str, Labels]) -> tuple[str, str] | None:
        """Key and message of a dataset that is missing or has no force field, or None."""
        fault = super().find_fault(datasets)
        if fault is None and datasets[self.dataset].force_field is None:
            return (
                "dataset",
                f"'{self.dataset}' has no force field; name a dataset of kind: force_field",
            )
        return fault

    def runner(self, datasets: Mapping[str, Labels], dynamics: Dynamics) -> LammpsRunner:
        """LAMMPS with the parameters of the dataset's force field."""
        return LammpsRunner(
            force_field=self._force_field(datasets), friction_per_fs=dynamics.friction_per_fs
        )

    @property
    def seconds_per_atom_step(self) -> float:
        """Core-seconds of a step for each atom."""
        return LAMMPS_SECONDS

    def truncation(self, datasets: Mapping[str, Labels]) -> DampedShiftedCoulomb | None:
        """How its Coulomb energy ends, or None if it does not."""
        coulomb = self._force_field(datasets).coulomb
        return coulomb if isinstance(coulomb, DampedShiftedCoulomb) else None

    def find_fault_beside(
        self, solid: Surface, datasets: Mapping[str, Labels]
    ) -> tuple[str, str] | None:
        """Key and message of parameters that its force field lacks, or None."""
        fault = self._force_field(datasets).find_fault_of(solid)
        return None if fault is None else ("dataset", f"{self.dataset}.force_field.{fault}")

    def conductor_beside(
        self, solid: Surface | None, datasets: Mapping[str, Labels]
    ) -> WaterForceField | None:
        """Force field of a metal at constant potential; None beside other solids."""
        if solid is None or solid.region != "metal":
            return None
        force_field = self._force_field(datasets).beside(solid.elements)
        return force_field if force_field.is_conductor(solid.elements[0]) else None

    def _force_field(self, datasets: Mapping[str, Labels]) -> WaterForceField:
        force_field = datasets[self.dataset].force_field
        assert force_field is not None  # as find_fault has seen
        changed: dict[str, object] = {}
        if self.coulomb is not None:
            changed["coulomb"] = self.coulomb
        if self.metal_response is not None:
            changed["metals"] = {
                element: metal.model_copy(update={"response": self.metal_response})
                for element, metal in force_field.known_metals.items()
            }
        return force_field.model_copy(update=changed)
