"""Water slabs in vacuum."""

from typing import TYPE_CHECKING, ClassVar, Literal, Self

from pydantic import Field, model_validator

from falsemetal.campaigns.kind import CAMPAIGNS, Length, WaterCampaign
from falsemetal.systems.boundary import Boundary
from falsemetal.units import MINIMUM_VACUUM_A

if TYPE_CHECKING:
    from falsemetal.systems.system import System


class SlabCampaign(WaterCampaign):
    """Water slabs in vacuum, periodic in x and y."""

    boundary: ClassVar = Boundary.FILM
    mirror: ClassVar = True
    size_label: ClassVar = "Slab thickness"
    size_symbol: ClassVar = "L"

    cross_section_A: Length = 12.42
    cell_height_A: Length = Field(description="Cell length along z, vacuum included")

    @model_validator(mode="after")
    def _thicknesses_fit(self) -> Self:
        for index, thickness in enumerate(self.sizes_A):
            if thickness > self.cell_height_A - MINIMUM_VACUUM_A:
                raise ValueError(
                    f"sizes_A[{index}]: {thickness:g} Å does not fit cell_height_A: "
                    f"{self.cell_height_A:g} Å with {MINIMUM_VACUUM_A:g} Å of vacuum; "
                    f"raise cell_height_A to {thickness + MINIMUM_VACUUM_A:g} or more"
                )
        return self

    def water_volume(self, size_A: float) -> float:
        """Nominal volume of the slab in Å³."""
        return size_A * self.cross_section_A**2

    def cell_lengths(self, size_A: float) -> tuple[float, float, float]:
        """Edges of the cell in Å, the same for all thicknesses."""
        return (self.cross_section_A, self.cross_section_A, self.cell_height_A)

    def build(self, size_A: float, *, seed: int) -> "System":
        """Layers of molecules in the middle of the cell."""
        from falsemetal.systems.system import System
        from falsemetal.systems.water import water_slab

        return System.of(
            water_slab(
                self.n_molecules(size_A),
                cross_section_A=self.cross_section_A,
                cell_height_A=self.cell_height_A,
                seed=seed,
            ),
            "water",
        )


@CAMPAIGNS.register("water_slab")
class WaterSlab(SlabCampaign):
    """Water slabs in equilibrium (paper, Fig. 3a)."""

    kind: Literal["water_slab"]
