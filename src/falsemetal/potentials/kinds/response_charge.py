"""Long-ranged MACE models with split charges that answer."""

from typing import TYPE_CHECKING, ClassVar, Literal

from falsemetal.potentials.kind import POTENTIALS
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

    def build(self, statistics: "DatasetStatistics") -> "ResponseChargeMACE":
        """Untrained model."""
        from falsemetal.potentials.mace.response_charge import ResponseChargeMACE

        return ResponseChargeMACE(self, statistics)
