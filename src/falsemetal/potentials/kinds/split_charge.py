"""Long-ranged MACE models with split charges."""

from collections.abc import Collection, Mapping
from typing import TYPE_CHECKING, ClassVar, Literal

from falsemetal.potentials.kind import POTENTIALS, Labels
from falsemetal.potentials.kinds.mace import TrainedKind
from falsemetal.potentials.mace.settings import SplitChargeArchitecture
from falsemetal.systems.surfaces import Surface

if TYPE_CHECKING:
    from falsemetal.potentials.mace.model import DatasetStatistics
    from falsemetal.potentials.mace.split_charge import SplitChargeMACE


@POTENTIALS.register("split_charge")
class SplitChargeKind(SplitChargeArchitecture, TrainedKind):
    """A MACE model with local split charges and Coulomb energy (paper, S1.0.2)."""

    marker: ClassVar[str] = "^"
    learns_charges: ClassVar[bool] = True
    ignores_fields: ClassVar[bool] = True

    kind: Literal["split_charge"]

    def find_fault(self, datasets: Mapping[str, Labels]) -> tuple[str, str] | None:
        """Key and message of no dataset, or of elements in it without a formal charge, or None."""
        fault = super().find_fault(datasets)
        if fault is not None:
            return fault
        held = datasets[self.dataset].elements or ()
        return self._fault_of(held, f"the runs of {self.dataset} sample")

    def find_fault_beside(
        self, solid: Surface, datasets: Mapping[str, Labels]
    ) -> tuple[str, str] | None:
        """Key and message of an element without a formal charge, or not in the dataset, or None."""
        fault = self._fault_of(solid.elements, "this campaign holds")
        return fault or super().find_fault_beside(solid, datasets)

    def _fault_of(self, elements: Collection[str], where: str) -> tuple[str, str] | None:
        missing = sorted(name for name in elements if name not in self.formal_charges_e)
        if not missing:
            return None
        known = ", ".join(f"{name}: {e:g}" for name, e in self.formal_charges_e.items())
        return (
            "formal_charges_e",
            f"gives none of {', '.join(missing)}, which {where} ({known}); add it",
        )

    def build(self, statistics: "DatasetStatistics") -> "SplitChargeMACE":
        """Untrained model."""
        from falsemetal.potentials.mace.split_charge import SplitChargeMACE

        return SplitChargeMACE(self, statistics)
