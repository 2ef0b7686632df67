"""Cubic cells of bulk water."""

from typing import ClassVar, Literal

from falsemetal.campaigns.kind import CAMPAIGNS, WaterCampaign
from falsemetal.systems.boundary import Boundary


@CAMPAIGNS.register("water_cube")
class WaterCube(WaterCampaign):
    """Cubic periodic boxes of bulk water (paper, Fig. S7 and S10)."""

    boundary: ClassVar = Boundary.BULK
    size_label: ClassVar = "Cell edge"
    size_symbol: ClassVar = "L"

    kind: Literal["water_cube"]

    def cell_lengths(self, size_A: float) -> tuple[float, float, float]:
        """Edges of the cell in Å."""
        return (size_A, size_A, size_A)
