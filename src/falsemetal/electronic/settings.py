"""Electronic structure of frames of the runs."""

from typing import Annotated, Any, Self

from pydantic import Field, model_validator

from falsemetal.electronic.cp2k import Cp2kEngine
from falsemetal.electronic.density_of_states import DensityOfStates
from falsemetal.electronic.engine import AnyEngine, SinglePoint
from falsemetal.section import LATER, Name, NonNegativeFloat, Number, PositiveFloat, Section


class BandSearch(Section):
    """Thresholds of the search for the liquid's band edges (paper, S1.0.5), none recovered."""

    threshold_per_eV: PositiveFloat = Field(
        1.0, description="Density from which on states are there"
    )
    overlap_eV: NonNegativeFloat = Field(
        0.0,
        description="Beyond the Fermi level to begin at: 0 where that is the middle of the gap, as "
        "for water in vacuum; beside a metal enough to pass bands that cross it",
    )
    separation_eV: PositiveFloat = Field(
        0.1, description="From one edge to the search for the other"
    )
    clearance_A: Annotated[NonNegativeFloat, LATER] = Field(
        4.0,
        description="d_min of S1.0.5, not recovered: molecules nearer to a solid, into which its "
        "states reach, are left out; by default the first minimum of oxygen's density on copper",
    )

    @property
    def thresholds(self) -> dict[str, Any]:
        """Arguments of :func:`falsemetal.electronic.bands.find_band_edges`."""
        return self.model_dump(exclude={"clearance_A"})


class FrameChoice(Section):
    """How frames are chosen by their ΔV."""

    targets_V: list[Number] | None = Field(
        None,
        description="Values of ΔV by `electronic_charge_e`, as in the runs' tables; one "
        "beyond all frames takes the extreme",
    )
    quantiles: list[Annotated[Number, Field(ge=0.0, le=1.0)]] | None = Field(
        None, description="Of ΔV, 0 to 1, instead of values"
    )
    magnitude: bool = Field(False, description="Choose by abs(ΔV), as slabs are alike upside down")
    intact: bool = Field(
        True, description="Only frames all of whose molecules are whole, which eq. 1 needs"
    )
    separation_ps: NonNegativeFloat = Field(1.0, description="Least time between two frames")

    @model_validator(mode="after")
    def _one_way_to_choose(self) -> Self:
        if (self.targets_V is None) == (self.quantiles is None):
            raise ValueError("give either targets_V or quantiles")
        if self.n_frames == 0:
            raise ValueError("no frame is chosen; give at least one target or quantile")
        if self.magnitude and any(value < 0.0 for value in self.targets_V or ()):
            raise ValueError("magnitude: abs(ΔV) is never negative; correct targets_V")
        return self

    @property
    def n_frames(self) -> int:
        """Number of frames."""
        return len(self.targets_V or self.quantiles or ())


class FrameSet(FrameChoice):
    """Frames of one potential's runs of one size, and what is computed of each."""

    potential: Name
    campaign: Name
    size_A: PositiveFloat
    functionals: list[Name] = Field(["PBE"], min_length=1)
    field_V_per_A: PositiveFloat | None = Field(
        None, description="Also compute the response to this field along z (0.02 in the paper)"
    )

    @property
    def choice(self) -> FrameChoice:
        """How the frames are chosen, whatever is computed of them."""
        return FrameChoice.model_validate(self.model_dump(include=set(FrameChoice.model_fields)))

    @property
    def single_points(self) -> list[SinglePoint]:
        """What is computed of each frame; for a response without and with the field."""
        fields = [0.0] if self.field_V_per_A is None else [0.0, self.field_V_per_A]
        cubes = self.field_V_per_A is not None
        return [
            SinglePoint(functional=functional, field_V_per_A=field, cubes=cubes)
            for functional in self.functionals
            for field in fields
        ]


class Electronic(Section):
    """Density-functional calculations on frames of the runs."""

    engine: AnyEngine = Cp2kEngine(kind="cp2k")
    frames: dict[Name, FrameSet] = Field(min_length=1)
    vacuum_A: PositiveFloat = Field(
        11.0,
        description="On either side of a slab; CP2K refuses one that its density reaches across",
    )
    density_of_states: DensityOfStates = DensityOfStates()
    band_search: BandSearch = BandSearch()
    small_dipole_V: PositiveFloat = Field(
        2.0,
        description="Largest abs(ΔV) by eq. 1 of the slabs that the charge of eq. 1 is fitted to "
        "(S1.0.4, limit not recovered)",
    )

    @model_validator(mode="after")
    def _engine_knows_the_functionals(self) -> Self:
        for name, frames in self.frames.items():
            if fault := self.engine.find_fault_of(frames.functionals):
                raise ValueError(f"frames.{name}.functionals: {fault}")
        return self
