"""Campaigns: families of systems of growing size, on which potentials are tried."""

from typing import Annotated, Any, ClassVar

from pydantic import Discriminator, Field, PositiveFloat, PositiveInt, Tag, model_validator

from falsemetal.config.datasets import MINIMUM_VACUUM_A
from falsemetal.config.section import Section
from falsemetal.units import water_number_density


class Campaign(Section):
    """Water in cells of one shape and several sizes."""

    density_g_per_cm3: PositiveFloat = Field(0.997, description="Bulk density that sets the count")
    equilibration_ps: PositiveFloat = Field(20.0, description="By the force field, before each run")

    sizes_key: ClassVar[str]

    @property
    def sizes_A(self) -> list[float]:
        """Sizes in increasing order; each names a folder."""
        return getattr(self, self.sizes_key)

    def water_volume(self, size_A: float) -> float:
        """Volume in Å³ that water fills."""
        raise NotImplementedError

    def cell_lengths(self, size_A: float) -> tuple[float, float, float]:
        """Edges of the cell in Å."""
        raise NotImplementedError

    def n_molecules(self, size_A: float) -> int:
        """Water molecules at the bulk density."""
        return round(self.water_volume(size_A) * water_number_density(self.density_g_per_cm3))

    @model_validator(mode="after")
    def _sizes_are_usable(self) -> "Campaign":
        if sorted(set(self.sizes_A)) != list(self.sizes_A):
            raise ValueError(f"{self.sizes_key} must increase and be distinct; sort them")
        for index, size in enumerate(self.sizes_A):
            if float(f"{size:g}") != size:
                raise ValueError(
                    f"{self.sizes_key}[{index}]: {size} has more than six digits, which folder "
                    f"names do not hold; write {size:.3g}"
                )
            if self.n_molecules(size) < 1:
                raise ValueError(
                    f"{self.sizes_key}[{index}]: {size:g} Å holds no molecule; make it larger"
                )
        return self


class Slabs(Campaign):
    """Water slabs in vacuum, periodic in x and y (paper, Fig. 3a)."""

    cross_section_A: PositiveFloat = 12.42
    cell_height_A: PositiveFloat = Field(description="Cell length along z, vacuum included")
    thicknesses_A: list[PositiveFloat] = Field(min_length=1)

    sizes_key: ClassVar[str] = "thicknesses_A"

    @model_validator(mode="after")
    def _thicknesses_fit(self) -> "Slabs":
        for index, thickness in enumerate(self.thicknesses_A):
            if thickness > self.cell_height_A - MINIMUM_VACUUM_A:
                raise ValueError(
                    f"thicknesses_A[{index}]: {thickness:g} Å does not fit cell_height_A: "
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


class Elongated(Campaign):
    """Periodic boxes of bulk water that grow along z (paper, Fig. 3c)."""

    cross_section_A: PositiveFloat = 12.42
    lengths_A: list[PositiveFloat] = Field(min_length=1, description="Cell lengths along z")

    sizes_key: ClassVar[str] = "lengths_A"

    def water_volume(self, size_A: float) -> float:
        """Volume of the cell in Å³."""
        return size_A * self.cross_section_A**2

    def cell_lengths(self, size_A: float) -> tuple[float, float, float]:
        """Edges of the cell in Å."""
        return (self.cross_section_A, self.cross_section_A, size_A)


class Cubic(Campaign):
    """Cubic periodic boxes of bulk water (paper, Fig. S7 and S10)."""

    lengths_A: list[PositiveFloat] = Field(min_length=1, description="Edges of the cells")

    sizes_key: ClassVar[str] = "lengths_A"

    def water_volume(self, size_A: float) -> float:
        """Volume of the cell in Å³."""
        return size_A**3

    def cell_lengths(self, size_A: float) -> tuple[float, float, float]:
        """Edges of the cell in Å."""
        return (size_A, size_A, size_A)


def _form(value: object) -> str:
    return {dict: "mapping", list: "list"}.get(type(value), "number")


class Run(Section):
    """Production MD of one potential in one campaign."""

    duration_ps: Annotated[
        Annotated[PositiveFloat, Tag("number")]
        | Annotated[list[PositiveFloat], Tag("list")]
        | Annotated[dict[float, PositiveFloat], Tag("mapping")],
        Discriminator(_form),
    ] = Field(
        description="For all sizes, a list for each size, or a mapping of those sizes that are run"
    )
    replicas: Annotated[
        Annotated[PositiveInt, Tag("number")]
        | Annotated[list[PositiveInt], Tag("list")]
        | Annotated[dict[float, PositiveInt], Tag("mapping")],
        Discriminator(_form),
    ] = Field(1, description="Independent runs, as duration_ps; 1 where a mapping omits a size")

    def durations_ps(self, sizes_A: list[float]) -> dict[float, float]:
        """Length of the run at each size that is run, in ps."""
        return _by_size(self.duration_ps, sizes_A)

    def n_replicas(self, sizes_A: list[float]) -> dict[float, int]:
        """Independent runs at each size that is run."""
        replicas = _by_size(self.replicas, sizes_A)
        return {size: replicas.get(size, 1) for size in self.durations_ps(sizes_A)}

    def find_fault(self, campaign: Campaign) -> str | None:
        """Tell how durations or replicas miss the campaign's sizes, or None."""
        sizes, sizes_key = campaign.sizes_A, campaign.sizes_key
        for key in ("duration_ps", "replicas"):
            value = getattr(self, key)
            if isinstance(value, list) and len(value) != len(sizes):
                return (
                    f"{key}: {len(value)} values for {len(sizes)} {sizes_key}; "
                    "give one each, or one number"
                )
            if isinstance(value, dict) and (not value or set(value) - set(sizes)):
                unknown = ", ".join(f"{size:g}" for size in sorted(set(value) - set(sizes)))
                known = ", ".join(f"{size:g}" for size in sizes)
                return f"{key}: {sizes_key} holds no {unknown or 'such size'}; take from {known}"
        return None


def _by_size(value: Any, sizes_A: list[float]) -> dict[float, Any]:
    if isinstance(value, dict):
        return {size: value[size] for size in sizes_A if size in value}
    if isinstance(value, list):
        return dict(zip(sizes_A, value, strict=True))
    return dict.fromkeys(sizes_A, value)
