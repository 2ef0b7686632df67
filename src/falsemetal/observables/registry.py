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
from falsemetal.systems.boundary import Layout
from falsemetal.systems.molecule import Molecule

EVERYWHERE = frozenset(Layout)
FILMS, BULK = frozenset({Layout.FREE, Layout.SUPPORTED}), frozenset({Layout.BULK})
INTERFACES = frozenset({Layout.SUPPORTED, Layout.CONFINED})
LAYERS = FILMS | INTERFACES


@dataclass(frozen=True)
class Observable:
    """One table, `<name>.csv`, that is read off the trajectories of systems of some layouts.

    The module holds `tabulate(runs, spec)`, which makes the table of the completed runs, and,
    unless it follows from other observables alone, `collect(block, spec)`, which is called with
    each block of frames. Columns, empty where they depend on the system, have units in their names;
    `<name>_low` and `<name>_high` bound 95 % intervals.

    `settings` are what it reads of a specification's: keys of `analysis`, `mass_u` or
    `temperature_K`; `settings_within` what more of systems of one layout; `uses` observables
    whose collected blocks it reads, too; `charges` whether it reads the charges. A costly one is
    made in a job of its own, where a product needs it.
    """

    name: str
    module: str
    columns: tuple[str, ...]
    layouts: frozenset[Layout] = EVERYWHERE
    settings: tuple[str, ...] = ()
    settings_within: Mapping[Layout, tuple[str, ...]] = field(default_factory=dict)
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
    settings_within={Layout.BULK: ("gaussian_width_A",)},
)
register("dipole", *("replica", "time_ps", "P_z_e_per_A"), layouts=LAYERS, uses=("voltage",))
register(
    "summary",
    settings_within=dict.fromkeys(
        (Layout.BULK, Layout.FREE), ("band_gap_eV", "band_gap_scatter_eV")
    )
    | {Layout.SUPPORTED: ("window_low_V", "window_high_V")},
    uses=("voltage",),
)
register(
    "autocorrelation", "lag_ps", *interval("acf"), settings=("maximum_lag_ps",), uses=("voltage",)
)
register(
    "cumulative",
    *("z_A", *interval("P_z_e_per_A"), "std_P_z_e_per_A"),
    layouts=LAYERS,
    settings=("z_bin_A", "mass_u"),
    uses=("voltage",),
)
register(
    "density",
    *("z_A", *interval("density_molecules_per_A3"), *interval("density_g_per_cm3")),
    layouts=LAYERS,
    settings=("z_bin_A", "mass_u"),
    uses=("voltage",),
)
register(
    "element_density",
    *("z_A", "element", *interval("density_per_A3")),
    layouts=INTERFACES,
    settings=("z_bin_A", "mass_u"),
    uses=("voltage",),
)
register("dissociation", *("replica", "time_ps"), layouts=INTERFACES, uses=("voltage",))
register(
    "structure_factors",
    *("k_per_A", "n_vectors", *interval("S_L"), "correlation_time_L_ps"),
    *(*interval("S_T"), "correlation_time_T_ps", "lambda_k"),
    layouts=BULK,
    settings=("structure_factor_k_per_A", "temperature_K"),
    charges=True,
)
register("rdf", layouts=BULK, settings=("rdf_bin_A", "rdf_range_A"), costly=True)


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
    layout: Layout
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
    layout: Layout,
    *,
    of_system: Mapping[str, float | None],
    analysis: Section,
) -> dict[str, float]:
    """Look up what observables read, and no more: of the system, else of the analysis.

    What a system has as None is not known of it, and left out.
    """
    entries = [OBSERVABLES[name] for name in needed(names)]
    keys = {key for e in entries for key in (*e.settings, *e.settings_within.get(layout, ()))}
    found = {
        key: of_system[key] if key in of_system else getattr(analysis, key) for key in sorted(keys)
    }
    return {key: value for key, value in found.items() if value is not None}


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
    names, layout = list(names), campaign.layout
    reads_charges = any(OBSERVABLES[name].charges for name in needed(names))
    low, high = campaign.metallic_window_V or (None, None)
    of_system = {
        "mass_u": liquid.mass,
        "temperature_K": dynamics.temperature_K,
        "window_low_V": low,
        "window_high_V": high,
    }
    return ObserveSpec(
        origin=origin,
        observables=names,
        layout=layout,
        mirror=campaign.mirror,
        liquid=liquid,
        charges=liquid.charges(charges.own_e) if reads_charges else {},
        electronic_charges=liquid.charges(charges.electronic_e) if reads_charges else {},
        settings=read_settings(names, layout, of_system=of_system, analysis=analysis),
        discard_ps=campaign.discard_ps(dynamics),
    )
