"""Long-ranged MACE models with equilibrated charges."""

from typing import TYPE_CHECKING, ClassVar, Literal

from falsemetal.potentials.kind import POTENTIALS
from falsemetal.potentials.kinds.mace import TrainedKind
from falsemetal.potentials.mace.settings import QEqArchitecture

if TYPE_CHECKING:
    from falsemetal.potentials.mace.model import DatasetStatistics
    from falsemetal.potentials.mace.qeq import QEqMACE


@POTENTIALS.register("qeq")
class QEqKind(QEqArchitecture, TrainedKind):
    """A MACE model whose charges minimise an energy: right for metals, clusters, charge states.

    All atoms share one chemical potential of electrons, which makes a conductor of any liquid.
    """

    marker: ClassVar[str] = "D"
    knows_total_charge: ClassVar[bool] = True

    kind: Literal["qeq"]

    def build(self, statistics: "DatasetStatistics") -> "QEqMACE":
        """Untrained model."""
        from falsemetal.potentials.mace.qeq import QEqMACE

        return QEqMACE(self, statistics)
