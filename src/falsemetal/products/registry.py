"""The table of products: figures and tables, what each shows and needs."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Annotated, Any

from pydantic import Field

from falsemetal.campaigns.kind import AnyCampaign, CampaignKind
from falsemetal.potentials.force_field.settings import DampedShiftedCoulomb
from falsemetal.potentials.kind import ChargeModel
from falsemetal.products.published import PublishedErrors
from falsemetal.registry import Registry
from falsemetal.section import LATER, Name, Section
from falsemetal.specs import Spec
from falsemetal.systems.boundary import Layout
from falsemetal.units import EPSILON_0

# Okabe and Ito's colours, told apart by colour-blind readers, with wine for their yellow, which is
# too faint for lines
COLORS = (
    *("#000000", "#D55E00", "#0072B2", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#882255"),
    *("#7F7F7F", "#8C564B", "#332288", "#117733", "#AA4499", "#999933", "#44AA99", "#EE3377"),
)
"""Of the potentials, in their order; the second eight are less easily told apart."""

CAPTIONS = Path(__file__).parent / "captions"


class Sizes(Enum):
    """At which sizes of a campaign an observable is shown."""

    ALL = "all"
    SMALLEST = "smallest"
    LARGEST = "largest"
    LARGEST_COMMON = "largest at which all potentials are run, if there is one"

    def of(self, run_at: Sequence[Collection[float]]) -> list[float]:
        """Choose among the sizes at which the potentials are run, ascending."""
        sizes = sorted(set().union(*run_at))
        if self is Sizes.LARGEST_COMMON:
            sizes = [size for size in sizes if all(size in run for run in run_at)] or sizes
        if self is Sizes.ALL:
            return sizes
        return sizes[:1] if self is Sizes.SMALLEST else sizes[-1:]


ALL, SMALLEST, LARGEST, LARGEST_COMMON = Sizes


@dataclass(frozen=True)
class Product:
    """A figure or a table.

    Attributes
    ----------
    name
        Of its files and of the target that makes it.
    module
        Holds `draw(**tables, spec)`, which returns a figure and the table that it was drawn from,
        or, of a table, `tabulate(**tables, spec)`.
    is_figure
        Whether it is a figure.
    campaigns
        Kinds of campaigns that it shows, each campaign in a product of its own; it gets
        `<observable>`: tables by potential and size.
    reads
        Observables that it shows of those.
    jobs
        Layouts of the systems whose electronic structure it shows; it gets `jobs`, the
        summaries of all jobs in one table, and the tables of `job_tables` by job.
    job_tables
        Tables of jobs beside their summaries.
    runs
        Whether it lists the runs of all campaigns; it gets `summaries` by campaign.
    models
        Tables of models that it shows, `errors`, `charges` or `charge_states`; it gets each by
        potential.
    checks
        Tables of checks that it shows, `increments`, `depolarisation` or `verdict`; it gets each by
        potential.
    architecture
        Whether it lists the models' further settings.
    charges
        Whether it draws dipoles by the charges of the potentials.
    settings
        What it reads of the configuration, such as `analysis.band_gap_eV`.
    together
        Whether it shows all its campaigns at once.
    told
        Whether it is made of the configuration alone.
    grids
        Whether it shows the potentials of grids, too.
    beside
        Observables of campaigns of another kind, with that kind: tables by potential and size.
    datasets
        Tables of extended datasets that it shows, `added` or `dipoles`; it gets each by dataset.
    responses
        Tables of what a field does to charges that it shows, `internal_field` or
        `metal_response`: by potential and size, of those that answer to it. It shows these, and
        those that ignore fields.
    published
        Whether it shows models beside published errors: those of datasets that name a set of them.
    """

    name: str
    module: str
    is_figure: bool = True
    campaigns: tuple[str, ...] = ()
    reads: Mapping[str, Sizes] = field(default_factory=dict)
    jobs: frozenset[Layout] = frozenset()
    job_tables: tuple[str, ...] = ()
    runs: bool = False
    models: tuple[str, ...] = ()
    checks: tuple[str, ...] = ()
    architecture: bool = False
    charges: bool = False
    settings: tuple[str, ...] = ()
    together: bool = False
    told: bool = False
    grids: bool = False
    beside: Mapping[str, tuple[str, Sizes]] = field(default_factory=dict)
    datasets: tuple[str, ...] = ()
    responses: tuple[str, ...] = ()
    published: bool = False

    def load(self) -> ModuleType:
        """Import the module."""
        return import_module(self.module)

    @property
    def caption(self) -> Path | None:
        """Text beneath it in the report: of this package's products, or beside their module."""
        module = self.load().__file__ if not self.module.startswith("falsemetal.") else None
        path = Path(module).with_suffix(".rst") if module else CAPTIONS / f"{self.name}.rst"
        return path if path.exists() else None


PRODUCTS: Registry[Product] = Registry("product")


def register(name: str, *, module: str | None = None, **fields: Any) -> None:
    """Add a product of this package, or of another module."""
    module = module or f"falsemetal.products.{name}"
    PRODUCTS.add(name, Product(name, module, **fields))


SLABS = ("water_slab",)
FREE, SUPPORTED, CONFINED, BULK = (
    frozenset({layout}) for layout in (Layout.FREE, Layout.SUPPORTED, Layout.CONFINED, Layout.BULK)
)
GAP = ("analysis.band_gap_eV", "analysis.band_gap_scatter_eV")
METALS = ("metal_water", "metal_water_metal")
LAYER = ("analysis.relative_permittivity", "dynamics.temperature_K")
CONTINUUM = (*GAP, "analysis.relative_permittivity", "dynamics.temperature_K")

register("table_check", is_figure=False, checks=("verdict",))
register("stacking", checks=("increments", "depolarisation"))
register(
    "predicted",
    campaigns=SLABS,
    reads={"summary": ALL},
    checks=("depolarisation",),
    charges=True,
    settings=CONTINUUM,
)
register("fig3a", campaigns=SLABS, reads={"summary": ALL}, charges=True, settings=CONTINUUM)
register(
    "figS8",
    campaigns=SLABS,
    reads=dict.fromkeys(["dipole", "cumulative", "autocorrelation"], LARGEST_COMMON),
    charges=True,
    settings=(*CONTINUUM, "analysis.maximum_lag_ps"),
)
register("density", campaigns=SLABS, reads={"density": LARGEST_COMMON})
register(
    "fig3c",
    module="falsemetal.products.voltages",
    campaigns=("water_box",),
    reads={"summary": ALL, "voltage": ALL},
    settings=GAP,
)
register("fig3d", campaigns=("water_box",), reads={"autocorrelation": ALL})
register("figS7", campaigns=("water_cube",), reads={"rdf": SMALLEST})
register(
    "figS10",
    module="falsemetal.products.voltages",
    campaigns=("water_cube",),
    reads={"summary": ALL, "voltage": ALL},
    settings=GAP,
)
register(
    "structure_factors",
    campaigns=("water_box", "water_cube"),
    reads={"structure_factors": LARGEST},
    charges=True,
    settings=("analysis.relative_permittivity",),
)
register(
    "table_structure_factors",
    module="falsemetal.products.structure_factors",
    is_figure=False,
    campaigns=("water_box", "water_cube"),
    reads={"structure_factors": ALL},
)
register(
    "relaxation",
    campaigns=("polarised_slab",),
    reads={"voltage": LARGEST},
    charges=True,
    settings=GAP,
)
register(
    "fig1",
    campaigns=("metal_water",),
    reads=dict.fromkeys(["element_density", "cumulative", "dipole", "summary"], SMALLEST),
    charges=True,
    settings=LAYER,
)
register(
    "figS2",
    campaigns=("metal_water",),
    reads=dict.fromkeys(["cumulative", "dipole"], SMALLEST),
    charges=True,
)
register("figS3", campaigns=("metal_water",), reads={"dissociation": SMALLEST})
register("figS4", campaigns=("metal_water",), reads={"autocorrelation": SMALLEST})
register(
    "figS5",
    campaigns=("metal_water_metal",),
    reads=dict.fromkeys(["cumulative", "dipole", "summary"], SMALLEST),
    charges=True,
)
register(
    "figS12",
    campaigns=("metal_water",),
    reads=dict.fromkeys(["cumulative", "dipole", "summary"], LARGEST),
    charges=True,
    settings=LAYER,
)
register(
    "figS13",
    campaigns=("oxide_water",),
    reads=dict.fromkeys(
        ["element_density", "cumulative", "dipole", "summary", "autocorrelation"], SMALLEST
    ),
    charges=True,
    settings=LAYER,
)
register(
    "figS4b",
    campaigns=("metal_water",),
    reads={"summary": SMALLEST},
    architecture=True,
    grids=True,
)
register(
    "tableS8",
    is_figure=False,
    campaigns=METALS,
    models=("errors",),
    architecture=True,
    together=True,
    grids=True,
)
register("tableS9", is_figure=False, datasets=("added",))
register("generations", datasets=("added", "dipoles"))
register(
    "learning",
    campaigns=("metal_water",),
    reads={"summary": ALL},
    beside={"structure_factors": ("water_box", LARGEST)},
    checks=("verdict",),
    architecture=True,
    grids=True,
)
register("tableS1", is_figure=False, told=True)
register("tableS2", is_figure=False, told=True, architecture=True)
for table, kinds in (("tableS3", METALS), ("tableS10", ("oxide_water",))):
    register(
        table,
        module="falsemetal.products.table_errors",
        is_figure=False,
        campaigns=kinds,
        models=("errors",),
        architecture=True,
        together=True,
    )
register("fig3b", jobs=FREE, settings=("analysis.band_gap_eV",))
register("figS1", jobs=FREE, settings=("analysis.band_gap_eV", "electronic.small_dipole_V"))
register("fig2b", jobs=FREE, job_tables=("response",))
register("figS9", jobs=FREE, job_tables=("density",))
register(
    "band_edges",
    jobs=FREE | SUPPORTED,
    job_tables=("density",),
    settings=("electronic.band_search",),
)
register("figS11", jobs=BULK, job_tables=("density",))
register("fig2a", jobs=SUPPORTED, job_tables=("density",))
register("fig2c", campaigns=("metal_water",), reads={"voltage": SMALLEST}, jobs=SUPPORTED)
register("figS1b", jobs=SUPPORTED, settings=("electronic.small_dipole_V",))
register("figS6", jobs=CONFINED, job_tables=("density",))
register("table_errors", is_figure=False, models=("errors",), architecture=True)
register(
    "table_published",
    is_figure=False,
    models=("errors",),
    architecture=True,
    grids=True,
    published=True,
)
register("charge_states", is_figure=False, models=("charge_states",))
register(
    "table_fluctuations",
    is_figure=False,
    campaigns=SLABS,
    reads={"summary": ALL},
    models=("errors",),
    charges=True,
    settings=CONTINUUM,
)
register("learned_charges", models=("charges",), charges=True)
register("internal_field", campaigns=SLABS, responses=("internal_field",))
register("metal_response", campaigns=("metal_water",), responses=("metal_response",))
register(
    "table_charges",
    module="falsemetal.products.learned_charges",
    is_figure=False,
    models=("charges",),
    charges=True,
)
register(
    "table_runs",
    is_figure=False,
    runs=True,
    settings=("dynamics.discard_ps", "dynamics.timestep_fs", "dynamics.temperature_K"),
)
register("table_jobs", is_figure=False, jobs=frozenset(Layout))


class Shown(Section):
    """A potential as products show it.

    Attributes
    ----------
    label, color, marker
        Looks.
    kind, dataset
        Of its settings.
    grid
        That it is of, or None.
    architecture
        Further settings that tables of models list.
    durations_ps
        Lengths of its runs by campaign and size in Å, None where files tell.
    charges
        Of eq. 1, for products that draw dipoles.
    truncation
        How its Coulomb energy ends, where a formula is known and dipoles are drawn.
    ignores_fields
        Whether its charges answer to no field, for products that show such answers.
    """

    label: str
    color: str
    marker: str
    kind: str
    dataset: str | None
    grid: str | None = None
    architecture: dict[str, Any]
    durations_ps: dict[str, dict[float, float | None]]
    charges: ChargeModel | None = None
    truncation: DampedShiftedCoulomb | None = None
    ignores_fields: Annotated[bool, LATER] = False


class ProductSpec(Spec):
    """One figure or table.

    Attributes
    ----------
    product
        Name in the registry.
    name
        Of its files.
    potentials
        In the configuration's order.
    campaigns, sizes_A
        Those that it shows, and the sizes of each.
    settings
        What it reads of the configuration, and no more.
    published
        Errors that others have published, by dataset.
    missing
        Why a potential (`name`), one size of it (`name/campaign/size`) or a job
        (`frames/frame/job`) is not shown.
    """

    product: str
    name: Name
    potentials: dict[Name, Shown]
    campaigns: dict[Name, AnyCampaign]
    sizes_A: dict[Name, list[float]]
    settings: dict[str, Any]
    published: Annotated[dict[Name, list[PublishedErrors]], LATER] = Field({})
    missing: dict[str, str]

    @property
    def campaign_name(self) -> str:
        """Name of the one campaign of a product that shows one."""
        [name] = self.campaigns
        return name

    @property
    def campaign(self) -> CampaignKind:
        """The one campaign of a product that shows one."""
        return self.campaigns[self.campaign_name]

    def charges(self, potential: str | None = None) -> ChargeModel:
        """Charges of eq. 1 of a potential, or of the first one."""
        charges = self.potentials[potential or next(iter(self.potentials))].charges
        assert charges is not None, f"{self.product} is not registered with charges=True"
        return charges

    @property
    def references(self) -> list[str]:
        """First potentials of each pair of charges: models of one reference share it."""
        found: dict[tuple[float, float], str] = {}
        for name in self.potentials:
            charges = self.charges(name)
            found.setdefault((charges.own_e, charges.electronic_e), name)
        return list(found.values())

    def e_per_A_per_V(self, potential: str | None = None) -> float:
        """Dipole per area of a voltage, by the own charge of a potential, or of the first one."""
        charges = self.charges(potential)
        return EPSILON_0 * charges.own_e / charges.electronic_e

    def to_first(self, potential: str) -> float:
        """Factor from a dipole by a potential's own charge to that by the first potential's.

        Dipoles of equal voltage by the charges of electronic structure become equal.
        """
        return self.e_per_A_per_V() / self.e_per_A_per_V(potential)

    @property
    def sizes(self) -> list[float]:
        """Sizes of the one campaign in Å."""
        return self.sizes_A[self.campaign_name]
