"""Settings of molecular dynamics."""

from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Literal, TypeVar

from pydantic import Discriminator, Field, Tag, model_validator

from falsemetal.section import (
    ASIDE,
    EXTENT,
    NonNegativeFloat,
    NonNegativeInt,
    PositiveFloat,
    PositiveInt,
    Section,
)
from falsemetal.systems.molecule import Molecule

Temperature = Annotated[PositiveFloat, Field(ge=100.0, le=20_000.0)]
"""In K; liquids below 100 K are frozen or given in °C."""


class RunLimits(Section):
    """A run beyond these has failed: it stops, and its frames are kept but not analysed."""

    temperature_K: PositiveFloat = Field(2000.0, description="Of a single frame")
    force_eV_per_A: PositiveFloat = Field(100.0, description="On a single atom")
    broken_fraction: PositiveFloat = Field(
        0.2, le=1.0, description="Share of molecules that are not whole; 1: any"
    )


class Dynamics(Section):
    """Langevin NVT, the same for every potential (paper, S1.1.1 and S1.2.1)."""

    temperature_K: Temperature = 300.0
    timestep_fs: PositiveFloat = Field(1.0, le=5.0)
    friction_per_fs: PositiveFloat = Field(0.01, le=1.0, description="1/(100 fs)")
    hydrogen_mass_u: PositiveFloat = Field(
        1.008, ge=1.0, le=10.0, description="Leaves equilibrium averages alone"
    )
    frame_interval_fs: PositiveFloat = 50.0
    discard_ps: NonNegativeFloat = Field(5.0, description="Start of each run left out of analysis")
    dtype: Literal["float32", "float64"] = "float32"
    device: Annotated[Literal["auto", "cpu", "cuda"], ASIDE] = "auto"
    neighbour_skin_A: Annotated[NonNegativeFloat, ASIDE] = Field(0.3, le=5.0)
    compile: Annotated[Literal["auto", "never"], ASIDE] = Field(
        "auto", description="Compile the loops of trained models, where there is a compiler"
    )
    limits: RunLimits = RunLimits()

    @model_validator(mode="after")
    def _frames_lie_steps_apart(self) -> "Dynamics":
        if self.frame_interval_fs < self.timestep_fs:
            raise ValueError(
                f"frame_interval_fs: {self.frame_interval_fs:g} fs is shorter than a step of "
                f"{self.timestep_fs:g} fs; give {self.timestep_fs:g} or more"
            )
        return self

    @property
    def frame_interval_steps(self) -> int:
        """Steps between saved frames."""
        return max(1, round(self.frame_interval_fs / self.timestep_fs))


class Conditions(Section):
    """What every run has, whichever program integrates it.

    The seed is of velocities and thermostat; `n_steps`, a multiple of `frame_interval_steps`, are
    to reach in total. Beyond the limits a run has failed, and molecules of the liquid shall stay
    whole.
    """

    temperature_K: float
    timestep_fs: float
    hydrogen_mass_u: float
    frame_interval_steps: PositiveInt
    seed: NonNegativeInt
    n_steps: Annotated[PositiveInt, EXTENT]
    limits: Annotated[RunLimits, EXTENT] = RunLimits()
    liquid: Annotated[Molecule, EXTENT] = Molecule()
    label: Annotated[str, ASIDE] = "MD"

    @model_validator(mode="after")
    def _frames_fill_the_run(self) -> "Conditions":
        if self.n_steps % self.frame_interval_steps:
            raise ValueError(
                f"n_steps: {self.n_steps} is not a multiple of frame_interval_steps: "
                f"{self.frame_interval_steps}"
            )
        return self


def _form(value: object) -> str:
    if isinstance(value, dict):
        return "mapping"
    return "list" if isinstance(value, list) else "number"


V = TypeVar("V", float, int)

BySize = Annotated[
    Annotated[V, Tag("number")]
    | Annotated[list[V], Tag("list")]
    | Annotated[dict[float, V], Tag("mapping")],
    Discriminator(_form),
]
"""One value for all sizes, a list for each size, or a mapping of some sizes."""


class Run(Section):
    """Production MD of one potential in one campaign."""

    duration_ps: BySize[Annotated[PositiveFloat, Field(le=1e7)]] = Field(
        description="For all sizes, a list for each size, or a mapping of those sizes that are run"
    )
    replicas: BySize[PositiveInt] = Field(
        1, description="Independent runs, as duration_ps; 1 where a mapping omits a size"
    )

    def durations_ps(self, sizes_A: Sequence[float]) -> dict[float, float]:
        """Length of the run at each size that is run, in ps."""
        return _by_size(self.duration_ps, sizes_A)

    def n_replicas(self, sizes_A: Sequence[float]) -> dict[float, int]:
        """Independent runs at each size that is run."""
        replicas = _by_size(self.replicas, sizes_A)
        return {size: replicas.get(size, 1) for size in self.durations_ps(sizes_A)}

    def find_fault(self, sizes_A: Sequence[float]) -> str | None:
        """Tell how durations or replicas miss a campaign's sizes, or None."""
        for key in ("duration_ps", "replicas"):
            value: Any = getattr(self, key)
            if isinstance(value, list) and len(value) != len(sizes_A):
                return (
                    f"{key}: {len(value)} values for {len(sizes_A)} sizes_A; "
                    "give one each, or one number"
                )
            if isinstance(value, dict) and (not value or set(value) - set(sizes_A)):
                unknown = ", ".join(f"{size:g}" for size in sorted(set(value) - set(sizes_A)))
                known = ", ".join(f"{size:g}" for size in sizes_A)
                return f"{key}: sizes_A holds no {unknown or 'such size'}; take from {known}"
        return None


def _by_size(value: V | list[V] | Mapping[float, V], sizes_A: Sequence[float]) -> dict[float, V]:
    if isinstance(value, Mapping):
        return {size: value[size] for size in sizes_A if size in value}
    if isinstance(value, list):
        return dict(zip(sizes_A, value, strict=True))
    return dict.fromkeys(sizes_A, value)
