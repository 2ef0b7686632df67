"""Water beside a solid."""

from typing import TYPE_CHECKING, Annotated, ClassVar, Self

from pydantic import Field, model_validator

from falsemetal.campaigns.kind import Length, WaterCampaign
from falsemetal.systems.boundary import Layout
from falsemetal.systems.interface import (
    LEAST_CONTACT_A,
    LEAST_LAYER_A,
    MOST_CONTACT_A,
    cell_height,
    water_on,
)
from falsemetal.systems.surfaces import AnySurface, Surface
from falsemetal.units import MINIMUM_VACUUM_A

if TYPE_CHECKING:
    from falsemetal.systems.system import System

Contact = Annotated[
    Length,
    Field(
        ge=LEAST_CONTACT_A,
        le=MOST_CONTACT_A,
        description="From the outermost plane of nuclei to the edge of the layer; with less the "
        "water lies in the solid",
    ),
]


class InterfaceCampaign(WaterCampaign):
    """Layers of water on a solid; a size is the layer's thickness at the bulk density.

    Attributes
    ----------
    region
        Of its solids: `metal` or `oxide`.
    """

    region: ClassVar[str]
    size_label: ClassVar = "Thickness of the water"
    size_symbol: ClassVar = "L"

    surface: AnySurface
    contact_A: Contact = 2.2

    @property
    def solid(self) -> Surface:
        """Solid below the water."""
        return self.surface

    @property
    def _vacuum_A(self) -> float | None:
        return None

    def water_volume(self, size_A: float) -> float:
        """Volume in Å³ of the layer."""
        x, y = self.surface.edges_A
        return x * y * size_A

    def cell_lengths(self, size_A: float) -> tuple[float, float, float]:
        """Edges of the cell in Å."""
        height = cell_height(
            self.surface, layer_A=size_A, contact_A=self.contact_A, vacuum_A=self._vacuum_A
        )
        return (*self.surface.edges_A, height)

    def n_atoms(self, size_A: float) -> int:
        """Three atoms of each molecule, and the solid's."""
        return super().n_atoms(size_A) + len(self.surface.slab())

    def build(self, size_A: float, *, seed: int) -> "System":
        """Solid and molecules on a lattice above it."""
        return water_on(
            self.surface,
            self.n_molecules(size_A),
            layer_A=size_A,
            contact_A=self.contact_A,
            vacuum_A=self._vacuum_A,
            seed=seed,
        )

    @model_validator(mode="after")
    def _solid_is_of_the_region(self) -> Self:
        if self.surface.region != self.region:
            raise ValueError(
                f"surface.kind: {self.surface.kind} is no {self.region}; take another kind of "
                "surface, or of campaign"
            )
        return self

    @model_validator(mode="after")
    def _layers_have_a_middle(self) -> Self:
        for index, size in enumerate(self.sizes_A):
            if size < LEAST_LAYER_A:
                raise ValueError(
                    f"sizes_A[{index}]: a layer of {size:g} Å on this face holds no two molecules "
                    f"above each other; give {LEAST_LAYER_A:g} Å or more"
                )
        return self


class SupportedCampaign(InterfaceCampaign):
    """A layer of water between a solid and vacuum."""

    vacuum_A: Length = Field(
        20.0, ge=MINIMUM_VACUUM_A, description="Half of it below the solid, half above the water"
    )

    @property
    def layout(self) -> Layout:
        """Between a solid and vacuum."""
        return Layout.SUPPORTED

    @property
    def _vacuum_A(self) -> float | None:
        return self.vacuum_A
