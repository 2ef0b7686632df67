"""Water on a metal, below vacuum."""

from typing import Annotated, ClassVar, Literal, Self

from pydantic import Field, model_validator

from falsemetal.campaigns.interface import SupportedCampaign
from falsemetal.campaigns.kind import CAMPAIGNS
from falsemetal.section import Number
from falsemetal.systems.boundary import Boundary
from falsemetal.systems.surfaces import MetalSurface

WINDOW_V = (-3.56, 2.11)
"""Of water on Cu(111) by PBE, as in the paper's public benchmark; Fig. 2c."""


@CAMPAIGNS.register("metal_water")
class MetalWater(SupportedCampaign):
    """A layer of water on a metal (paper, Fig. 1; with a thick layer S12)."""

    boundary: ClassVar = Boundary.FILM
    region: ClassVar = "metal"

    kind: Literal["metal_water"]
    window_V: Annotated[list[Number], Field(min_length=2, max_length=2)] | None = Field(
        None,
        description="ΔV by the electronic charge beyond which a band of the water reaches the "
        "metal's Fermi level; default: on Cu(111) that by PBE, elsewhere not known",
    )

    @property
    def metallic_window_V(self) -> tuple[float, float] | None:
        """As configured, or that of Cu(111)."""
        if self.window_V is not None:
            return self.window_V[0], self.window_V[1]
        surface = self.surface
        is_known = isinstance(surface, MetalSurface) and surface.is_of("Cu", "fcc111")
        return WINDOW_V if is_known else None

    @model_validator(mode="after")
    def _window_holds_zero(self) -> Self:
        if self.window_V is not None and not self.window_V[0] < 0.0 < self.window_V[1]:
            raise ValueError("window_V: give a negative and a positive voltage, in this order")
        return self
