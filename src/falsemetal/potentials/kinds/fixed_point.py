"""Long-ranged MACE models with self-consistent charges that no energy stands behind."""

from typing import TYPE_CHECKING, ClassVar, Literal

from falsemetal.potentials.kind import POTENTIALS
from falsemetal.potentials.kinds.qeq import QEqKind
from falsemetal.potentials.mace.settings import FixedPointArchitecture

if TYPE_CHECKING:
    from falsemetal.potentials.mace.fixed_point import FixedPointMACE
    from falsemetal.potentials.mace.model import DatasetStatistics


@POTENTIALS.register("fixed_point")
class FixedPointKind(FixedPointArchitecture, QEqKind):
    """A MACE model whose charges are a fixed point of what atoms answer to the potential.

    As in `qeq` all atoms share one chemical potential of electrons, but an atom need not answer to
    it in proportion.
    """

    marker: ClassVar[str] = "p"

    kind: Literal["fixed_point"]  # type: ignore[assignment]

    def build(self, statistics: "DatasetStatistics") -> "FixedPointMACE":
        """Untrained model."""
        from falsemetal.potentials.mace.fixed_point import FixedPointMACE

        return FixedPointMACE(self, statistics)
