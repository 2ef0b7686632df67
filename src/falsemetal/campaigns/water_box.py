"""Elongated cells of bulk water."""

from typing import ClassVar, Literal

from falsemetal.campaigns.kind import CAMPAIGNS, Length, WaterCampaign
from falsemetal.systems.boundary import Boundary


@CAMPAIGNS.register("water_box")
class WaterBox(WaterCampaign):
    """Periodic boxes of bulk water that grow along z (paper, Fig. 3c)."""

    boundary: ClassVar = Boundary.BULK
    size_label: ClassVar = "Cell length"
    size_symbol: ClassVar = "L_z"

    kind: Literal["water_box"]
    cross_section_A: Length = 12.42

    def cell_lengths(self, size_A: float) -> tuple[float, float, float]:
        """Edges of the cell in Å."""
        return (self.cross_section_A, self.cross_section_A, size_A)
