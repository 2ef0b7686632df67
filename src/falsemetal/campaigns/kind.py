"""Campaigns: families of systems of growing size, on which potentials are tried."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, ClassVar, Self

from pydantic import Field, model_validator

from falsemetal.potentials.force_field.settings import WaterForceField
from falsemetal.registry import KindRegistry
from falsemetal.section import ASIDE, NonNegativeInt, PositiveFloat, Section
from falsemetal.simulation.settings import Dynamics
from falsemetal.specs import Spec
from falsemetal.systems.boundary import Boundary, Layout
from falsemetal.systems.molecule import WATER, Molecule
from falsemetal.systems.surfaces import Surface
from falsemetal.units import WATER_DENSITY_G_PER_CM3, water_number_density

if TYPE_CHECKING:
    from falsemetal.systems.system import System

LARGEST_SIZE_A = 1000.0
"""Beyond it a size is meant in another unit."""

SMALLEST_EDGE_A = 3.0
"""Molecules of water are apart by less only in a wrong unit."""

Length = Annotated[PositiveFloat, Field(le=LARGEST_SIZE_A)]
Density = Annotated[PositiveFloat, Field(ge=0.1, le=30.0)]


class CampaignKind(Section):
    """A family of systems: how one of a size is built, and what its size means.

    Attributes
    ----------
    boundary
        Of all its systems.
    mirror
        Whether a mirror plane across z makes the mean dipole of each vanish.
    discards
        Whether the start of a run is left out of the analysis.
    size_label
        What a size is, as an axis says it, in Å.
    size_symbol
        In mathtext.
    """

    boundary: ClassVar[Boundary]
    mirror: ClassVar[bool] = False
    discards: ClassVar[bool] = True
    size_label: ClassVar[str]
    size_symbol: ClassVar[str]

    kind: str
    sizes_A: Annotated[list[PositiveFloat], ASIDE] = Field(min_length=1)
    equilibration_ps: PositiveFloat = Field(20.0, description="By the force field, before each run")
    on_request: Annotated[bool, ASIDE] = Field(
        False, description="Made for figures that are asked for by name, and not for `all`"
    )

    @property
    def layout(self) -> Layout:
        """What the liquid lies between."""
        return Layout.BULK if self.boundary is Boundary.BULK else Layout.FREE

    @property
    def solid(self) -> Surface | None:
        """Solid beside the liquid, if there is one."""
        return None

    @property
    def metallic_window_V(self) -> tuple[float, float] | None:
        """ΔV by the electronic charge between which the liquid's bands do not reach a metal's E_F.

        None where there is no metal, or the window is not known.
        """
        return None

    def discard_ps(self, dynamics: Dynamics) -> float:
        """Start of a run that is left out of the analysis."""
        return dynamics.discard_ps if self.discards else 0.0

    def n_molecules(self, size_A: float) -> int:
        """Molecules of the liquid at one size."""
        raise NotImplementedError

    def n_atoms(self, size_A: float) -> int:
        """Atoms at one size."""
        raise NotImplementedError

    def cell_lengths(self, size_A: float) -> tuple[float, float, float]:
        """Edges of the cell in Å."""
        raise NotImplementedError

    def build(self, size_A: float, *, seed: int) -> "System":
        """Structure to equilibrate."""
        raise NotImplementedError

    def start(self, spec: "StartSpec", *, log: Path | None = None) -> "System":
        """Build a system and equilibrate it; a kind may start otherwise.

        Parameters
        ----------
        spec
            Of this campaign; its seed is that of structure, velocities and thermostat.
        log
            File to which LAMMPS appends its log, or None.
        """
        return self.equilibrate(spec, log=log)

    def equilibrate(
        self, spec: "StartSpec", *, field_V_per_A: float = 0.0, log: Path | None = None
    ) -> "System":
        """Build a system and equilibrate it by the force field, in a uniform field along z."""
        from falsemetal.potentials.force_field.equilibration import equilibrate
        from falsemetal.potentials.force_field.md import lammps_seeds

        structure_seed, thermostat_seed = lammps_seeds(spec.seed)
        return equilibrate(
            self.build(spec.size_A, seed=structure_seed),
            spec.force_field,
            temperature_K=spec.temperature_K,
            duration_ps=self.equilibration_ps,
            seed=thermostat_seed,
            field_V_per_A=field_V_per_A,
            label=spec.label,
            log=log,
        )

    def find_fault_of(self, liquid: Molecule) -> str | None:
        """Tell why its systems are not of a liquid, with what to do, or None."""
        return None

    def tells_memory_of(self, campaign: "CampaignKind") -> bool:
        """Whether its runs are those of a campaign, released from dipoles up and down in turn."""
        return False

    @model_validator(mode="after")
    def _sizes_are_usable(self) -> Self:
        if sorted(set(self.sizes_A)) != list(self.sizes_A):
            raise ValueError("sizes_A must increase and be distinct; sort them")
        for index, size in enumerate(self.sizes_A):
            if size > LARGEST_SIZE_A:
                raise ValueError(
                    f"sizes_A[{index}]: {size:g} Å is more than {LARGEST_SIZE_A:g} Å; give it in Å"
                )
            if float(f"{size:g}") != size:
                raise ValueError(
                    f"sizes_A[{index}]: {size} has more than six digits, which folder names do "
                    f"not hold; write {size:.3g}"
                )
            if self.n_molecules(size) < 1:
                raise ValueError(f"sizes_A[{index}]: {size:g} Å holds no molecule; make it larger")
            if (edge := min(self.cell_lengths(size))) < SMALLEST_EDGE_A:
                raise ValueError(
                    f"sizes_A[{index}]: an edge of {edge:g} Å has no room for a molecule beside "
                    f"its image; give {SMALLEST_EDGE_A:g} Å or more"
                )
        return self


class WaterCampaign(CampaignKind):
    """Water in cells of one shape and several sizes."""

    density_g_per_cm3: Density = Field(
        WATER_DENSITY_G_PER_CM3, description="Bulk density that sets the count"
    )

    def find_fault_of(self, liquid: Molecule) -> str | None:
        """Tell that molecules of another liquid would not be found in water."""
        if liquid.region == WATER.region and "O" in liquid.centres:
            return None
        return (
            f"liquid: kind {self.kind} is filled with water, and not with {liquid.region}; leave "
            "liquid at its default, or take a campaign of that liquid"
        )

    def water_volume(self, size_A: float) -> float:
        """Volume in Å³ that water fills."""
        lengths = self.cell_lengths(size_A)
        return lengths[0] * lengths[1] * lengths[2]

    def n_molecules(self, size_A: float) -> int:
        """Water molecules at the bulk density."""
        return round(self.water_volume(size_A) * water_number_density(self.density_g_per_cm3))

    def n_atoms(self, size_A: float) -> int:
        """Three atoms of each molecule."""
        return 3 * self.n_molecules(size_A)

    def build(self, size_A: float, *, seed: int) -> "System":
        """Molecules on a lattice in a periodic cell."""
        from falsemetal.systems.system import System
        from falsemetal.systems.water import water_box

        cell = self.cell_lengths(size_A)
        water = water_box(self.n_molecules(size_A), cell_lengths_A=cell, seed=seed)
        return System.of(water, "water")


CAMPAIGNS: KindRegistry[CampaignKind] = KindRegistry("kind of campaign")

AnyCampaign = Annotated[CampaignKind, CAMPAIGNS]


class StartSpec(Spec):
    """A structure that all potentials of a campaign start from, in a run of some number."""

    campaign: AnyCampaign
    size_A: float
    force_field: WaterForceField
    temperature_K: float
    replica: Annotated[NonNegativeInt, ASIDE] = 0
    seed: NonNegativeInt
    label: Annotated[str, ASIDE] = "equilibration"
