"""Long-ranged MACE models with split charges that answer."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, ClassVar, Literal

from falsemetal.potentials.kind import POTENTIALS, Labels
from falsemetal.potentials.kinds.split_charge import SplitChargeKind
from falsemetal.potentials.mace.settings import ResponseChargeArchitecture

if TYPE_CHECKING:
    from falsemetal.potentials.mace.model import DatasetStatistics
    from falsemetal.potentials.mace.response_charge import ResponseChargeMACE


@POTENTIALS.register("response_charge")
class ResponseChargeKind(ResponseChargeArchitecture, SplitChargeKind):
    """A MACE model with split charges that answer to fields: right for liquids and metals."""

    marker: ClassVar[str] = "v"
    knows_total_charge: ClassVar[bool] = True

    kind: Literal["response_charge"]  # type: ignore[assignment]

    def find_fault(self, datasets: Mapping[str, Labels]) -> tuple[str, str] | None:
        """Key and message of what split charges lack, or of a conductor without atoms, or None."""
        fault = super().find_fault(datasets)
        if fault is not None:
            return fault
        held = datasets[self.dataset].elements
        missing = sorted(set(self.conductors) - held) if held is not None else []
        if not missing:
            return None
        return (
            "conductors",
            f"no run of {self.dataset} samples {', '.join(missing)}; name elements of its metal, "
            "or none",
        )

    def build(self, statistics: "DatasetStatistics") -> "ResponseChargeMACE":
        """Untrained model."""
        from falsemetal.potentials.mace.response_charge import ResponseChargeMACE

        return ResponseChargeMACE(self, statistics)
