"""Water between the two faces of a metal, without vacuum."""

from typing import ClassVar, Literal

from falsemetal.campaigns.interface import InterfaceCampaign
from falsemetal.campaigns.kind import CAMPAIGNS
from falsemetal.systems.boundary import Boundary, Layout


@CAMPAIGNS.register("metal_water_metal")
class MetalWaterMetal(InterfaceCampaign):
    """A layer of water between a metal and its image (paper, Fig. S5).

    The metal shorts the layer: a dipole of all of it tilts no band, and is judged by nothing. What
    bends the bands is ΔV_centre = (P_low − P_up)/2ε0, by the dipoles of the halves of the water.
    """

    boundary: ClassVar = Boundary.BULK
    region: ClassVar = "metal"

    kind: Literal["metal_water_metal"]

    @property
    def layout(self) -> Layout:
        """Between two faces."""
        return Layout.CONFINED
