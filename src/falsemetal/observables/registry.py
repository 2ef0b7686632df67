"""The table of observables: what each is called, what it reads, what its table holds."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from importlib import import_module
from types import ModuleType
from typing import Any

from falsemetal.campaigns.kind import CampaignKind
from falsemetal.potentials.kind import ChargeModel
from falsemetal.registry import Registry
from falsemetal.section import Section
from falsemetal.simulation.settings import Dynamics
from falsemetal.specs import Origin, Spec
from falsemetal.systems.boundary import Boundary
from falsemetal.systems.molecule import Molecule

EVERYWHERE = frozenset(Boundary)
FILMS, BULK = frozenset({Boundary.FILM}), frozenset({Boundary.BULK})


@dataclass(frozen=True)
class Observable:
    """One table, `<name>.csv`, that is read off the trajectories of systems of some boundaries.

    The module holds `tabulate(runs, spec)`, which makes the table of the completed runs, and,
    unless it follows from other observables alone, `collect(block, spec)`, which is called with
    each block of frames. Columns, empty where they depend on the system, have units in their names;
    `<name>_low` and `<name>_high` bound 95 % intervals.

    `settings` are what it reads of a specification's: keys of `analysis`, `mass_u` or
    `temperature_K`; `settings_within` what more of systems of one boundary; `uses` observables
    whose collected blocks it reads, too; `charges` whether it reads the charges. A costly one is
    made in a job of its own, where a product needs it.
    """

    name: str
    module: str
    columns: tuple[str, ...]
    boundaries: frozenset[Boundary] = EVERYWHERE
    settings: tuple[str, ...] = ()
    settings_within: Mapping[Boundary, tuple[str, ...]] = field(default_factory=dict)
    uses: tuple[str, ...] = ()
    charges: bool = False
    costly: bool = False

    def load(self) -> ModuleType:
        """Import the module."""
        return import_module(self.module)


OBSERVABLES: Registry[Observable] = Registry("observable")


def register(name: str, *columns: str, module: str | None = None, **fields: Any) -> None:
    """Add an observable of this package, or of another module."""
    module = module or f"falsemetal.observables.{name}"
    OBSERVABLES.add(name, Observable(name, module, columns, **fields))


def interval(column: str) -> tuple[str, str, str]:
    """Names of an estimate and the ends of its interval."""
    return column, f"{column}_low", f"{column}_high"


register(
    "voltage",
    *("replica", "time_ps", "delta_V_V", "fraction_broken"),
    charges=True,
    settings_within={Boundary.BULK: ("gaussian_width_A",)},
)
register("dipole", *("replica", "time_ps", "P_z_e_per_A"), boundaries=FILMS, uses=("voltage",))
register("summary", settings=("band_gap_eV", "band_gap_scatter_eV"), uses=("voltage",))
register(
    "autocorrelation", "lag_ps", *interval("acf"), settings=("maximum_lag_ps",), uses=("voltage",)
)
register(
    "cumulative",
    *("z_A", *interval("P_z_e_per_A"), "std_P_z_e_per_A"),
    boundaries=FILMS,
    settings=("z_bin_A", "mass_u"),
    uses=("voltage",),
)
register(
    "density",
    *("z_A", *interval("density_molecules_per_A3"), *interval("density_g_per_cm3")),
    boundaries=FILMS,
    settings=("z_bin_A", "mass_u"),
    uses=("voltage",),
)
register(
    "structure_factors",
    *("k_per_A", "n_vectors", *interval("S_L"), "correlation_time_L_ps"),
    *(*interval("S_T"), "correlation_time_T_ps", "lambda_k"),
    boundaries=BULK,
    settings=("structure_factor_k_per_A", "temperature_K"),
    charges=True,
)
register("rdf", boundaries=BULK, settings=("rdf_bin_A", "rdf_range_A"), costly=True)


def needed(names: Iterable[str]) -> list[str]:
    """Observables with those that they use, each after what it uses."""
    order: dict[str, None] = {}
    for name in names:
        order |= dict.fromkeys([*needed(OBSERVABLES[name].uses), name])
    return list(order)


class ObserveSpec(Spec):
    """Observables of the runs of one system.

    Charges are fixed ones in e by element, of observables that read them: the potential's own, and
    those of electronic structure, which decide on volts and on what is metallic. Settings are those
    that the observables read, and no others; `mirror` tells that a mirror plane makes the mean
    dipole vanish; `discard_ps` is left out of each run's start.
    """

    observables: list[str]
    boundary: Boundary
    mirror: bool
    liquid: Molecule
    charges: dict[str, float]
    electronic_charges: dict[str, float]
    settings: dict[str, float]
    discard_ps: float

    @property
    def known_mean(self) -> float | None:
        """Mean of the fluctuating quantity that symmetry tells: zero, or None."""
        return 0.0 if self.mirror else None


def read_settings(
    names: Iterable[str],
    boundary: Boundary,
    *,
    of_system: Mapping[str, float],
    analysis: Section,
) -> dict[str, float]:
    """Look up what observables read, and no more: of the system, else of the analysis."""
    entries = [OBSERVABLES[name] for name in needed(names)]
    keys = {key for e in entries for key in (*e.settings, *e.settings_within.get(boundary, ()))}
    return {key: of_system.get(key) or getattr(analysis, key) for key in sorted(keys)}


def observe_spec(
    names: Iterable[str],
    campaign: CampaignKind,
    liquid: Molecule,
    *,
    charges: ChargeModel,
    analysis: Section,
    dynamics: Dynamics,
    origin: Origin,
) -> ObserveSpec:
    """Specify observables with those settings that they read, and no others.

    `charges` are those of the liquid's centre, `analysis` and `dynamics` the configuration's
    sections.
    """
    names, boundary = list(names), campaign.boundary
    reads_charges = any(OBSERVABLES[name].charges for name in needed(names))
    of_system = {"mass_u": liquid.mass, "temperature_K": dynamics.temperature_K}
    return ObserveSpec(
        origin=origin,
        observables=names,
        boundary=boundary,
        mirror=campaign.mirror,
        liquid=liquid,
        charges=liquid.charges(charges.own_e) if reads_charges else {},
        electronic_charges=liquid.charges(charges.electronic_e) if reads_charges else {},
        settings=read_settings(names, boundary, of_system=of_system, analysis=analysis),
        discard_ps=campaign.discard_ps(dynamics),
    )
