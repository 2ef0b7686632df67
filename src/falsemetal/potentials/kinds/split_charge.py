"""Long-ranged MACE models with split charges."""

from typing import TYPE_CHECKING, ClassVar, Literal

from falsemetal.potentials.kind import POTENTIALS
from falsemetal.potentials.kinds.mace import TrainedKind
from falsemetal.potentials.mace.settings import SplitChargeArchitecture

if TYPE_CHECKING:
    from falsemetal.potentials.mace.model import DatasetStatistics
    from falsemetal.potentials.mace.split_charge import SplitChargeMACE


@POTENTIALS.register("split_charge")
class SplitChargeKind(SplitChargeArchitecture, TrainedKind):
    """A MACE model with local split charges and Coulomb energy (paper, S1.0.2)."""

    marker: ClassVar[str] = "^"
    learns_charges: ClassVar[bool] = True

    kind: Literal["split_charge"]

    def build(self, statistics: "DatasetStatistics") -> "SplitChargeMACE":
        """Untrained model."""
        from falsemetal.potentials.mace.split_charge import SplitChargeMACE

        return SplitChargeMACE(self, statistics)
