"""Water on an oxide, below vacuum."""

from typing import ClassVar, Literal

from falsemetal.campaigns.interface import SupportedCampaign
from falsemetal.campaigns.kind import CAMPAIGNS
from falsemetal.systems.boundary import Boundary


@CAMPAIGNS.register("oxide_water")
class OxideWater(SupportedCampaign):
    """A layer of water on rutile (110) (paper, Fig. S13)."""

    boundary: ClassVar = Boundary.FILM
    region: ClassVar = "oxide"

    kind: Literal["oxide_water"]
