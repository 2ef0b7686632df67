"""Settings of datasets: the reference that samples and labels, the checks, the split."""

from typing import Annotated, Literal, Self

from ase.data import atomic_numbers
from pydantic import AfterValidator, Discriminator, Field, model_validator

from falsemetal.campaigns.interface import Contact
from falsemetal.campaigns.kind import Density, Length
from falsemetal.potentials.force_field.settings import WaterForceField
from falsemetal.potentials.kind import ELECTRONIC_CHARGE_E
from falsemetal.section import (
    ASIDE,
    LATER,
    Fraction,
    Name,
    NonNegativeFloat,
    Number,
    PositiveFloat,
    PositiveInt,
    Section,
)
from falsemetal.simulation.settings import Temperature
from falsemetal.sources.catalogue import FrameLayout
from falsemetal.specs import Spec
from falsemetal.systems.interface import LEAST_LAYER_A
from falsemetal.systems.surfaces import AnySurface
from falsemetal.units import MINIMUM_VACUUM_A, WATER_DENSITY_G_PER_CM3, water_number_density

LabelFields = Annotated[list[Annotated[Number, Field(ge=-2.0, le=2.0)]], LATER]
FIELDS_OF_LABELS = (
    "Fields along z in which frames are labelled, in turn; their trajectory does not feel them"
)


class SamplingRun(Section):
    """A trajectory of the reference from which labelled frames are taken."""

    kind: Literal["bulk", "slab", "brine"] = Field(
        description="bulk: NPT water. slab: NVT water in vacuum. brine: NPT aqueous NaCl"
    )
    n_molecules: PositiveInt = Field(le=1_000_000, description="Number of water molecules")
    molality_mol_per_kg: PositiveFloat | None = Field(None, le=50.0, description="NaCl; brine only")
    temperature_K: Temperature = 300.0
    pressure_bar: Number = Field(1.0, ge=-1e4, le=1e5, description="NPT kinds only")
    cross_section_A: Length = Field(12.42, description="Lateral cell length of a slab")
    vacuum_A: Length = Field(25.0, ge=MINIMUM_VACUUM_A, description="Vacuum added to a slab")
    replicas: PositiveInt = Field(1, le=1000, description="Independent trajectories")
    equilibration_ps: NonNegativeFloat = Field(5.0, le=1e6)
    n_frames: PositiveInt = Field(le=1_000_000, description="Labelled frames of each trajectory")
    interval_ps: PositiveFloat = Field(
        0.5, ge=1e-3, le=1e4, description="Time between labelled frames"
    )
    label_fields_V_per_A: LabelFields = Field([], description=f"{FIELDS_OF_LABELS}; slabs only")

    @property
    def elements(self) -> tuple[str, ...]:
        """Of what is beside the water."""
        return ("Na", "Cl") if self.kind == "brine" else ()

    @property
    def n_atoms(self) -> int:
        """Atoms of a frame, roughly."""
        return 3 * self.n_molecules

    @model_validator(mode="after")
    def _molality_is_of_brine(self) -> Self:
        if (self.kind == "brine") != (self.molality_mol_per_kg is not None):
            raise ValueError("molality_mol_per_kg belongs to kind: brine, and only to it")
        return self

    @model_validator(mode="after")
    def _fields_are_of_slabs(self) -> Self:
        if self.label_fields_V_per_A and self.kind != "slab":
            raise ValueError("label_fields_V_per_A: a field along z needs vacuum; take kind: slab")
        return self


class InterfaceRun(Section):
    """A trajectory of water beside a solid from which labelled frames are taken.

    In `field_V_per_A` along z the trajectory of an odd replica is polarised downwards; labels are
    without that field, and in `label_fields_V_per_A` instead.
    """

    kind: Literal["interface"]
    surface: AnySurface
    n_molecules: PositiveInt = Field(le=1_000_000, description="Number of water molecules")
    contact_A: Contact = 2.2
    vacuum_A: Length | None = Field(
        20.0, ge=MINIMUM_VACUUM_A, description="null: none, a periodic cell"
    )
    density_g_per_cm3: Density = WATER_DENSITY_G_PER_CM3
    temperature_K: Temperature = 300.0
    field_V_per_A: Number = Field(0.0, ge=-2.0, le=2.0, description="On all but a metal's atoms")
    replicas: PositiveInt = Field(1, le=1000, description="Independent trajectories")
    equilibration_ps: NonNegativeFloat = Field(5.0, le=1e6)
    n_frames: PositiveInt = Field(le=1_000_000, description="Labelled frames of each trajectory")
    interval_ps: PositiveFloat = Field(
        0.5, ge=1e-3, le=1e4, description="Time between labelled frames"
    )
    label_fields_V_per_A: LabelFields = Field([], description=f"{FIELDS_OF_LABELS}")

    @property
    def elements(self) -> tuple[str, ...]:
        """Of the solid."""
        return self.surface.elements

    @property
    def n_atoms(self) -> int:
        """Atoms of a frame."""
        return len(self.surface.slab()) + 3 * self.n_molecules

    @property
    def layer_A(self) -> float:
        """Thickness of the water at its density."""
        x, y = self.surface.edges_A
        return self.n_molecules / water_number_density(self.density_g_per_cm3) / (x * y)

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        for key in ("field_V_per_A", "label_fields_V_per_A"):
            if getattr(self, key) and self.vacuum_A is None:
                raise ValueError(f"{key}: a field along z needs vacuum; give vacuum_A")
        if self.layer_A < LEAST_LAYER_A:
            raise ValueError(
                f"n_molecules: {self.n_molecules} fill a layer of {self.layer_A:.2g} Å on this "
                f"face, which has no two above each other; take more, or a smaller face"
            )
        return self


AnySampling = Annotated[SamplingRun | InterfaceRun, Discriminator("kind")]


def _normalise_pair(key: str) -> str:
    """Name a pair of elements as the code has it, in alphabetical order."""
    elements = key.split("-")
    if key != "default" and (len(elements) != 2 or not set(elements) <= set(atomic_numbers)):
        raise ValueError(f"'{key}' is no pair of elements such as H-O, and not default")
    return "-".join(sorted(elements))


def _normalise_pairs(limits: dict[str, float]) -> dict[str, float]:
    normalised = {_normalise_pair(key): limit for key, limit in limits.items()}
    if len(normalised) < len(limits):
        raise ValueError("a pair of elements is given twice; remove one")
    return normalised


class Checks(Section):
    """Limits that a labelled frame must keep; what breaks one is rejected with its reason."""

    minimum_distance_A: Annotated[dict[str, PositiveFloat], AfterValidator(_normalise_pairs)] = (
        Field(
            default={"H-H": 1.0, "H-O": 0.7, "O-O": 2.0, "default": 0.7},
            min_length=1,
            description="By pair of elements",
        )
    )
    minimum_bond_ratio: PositiveFloat = Field(
        0.7,
        description="Median distance of a frame's atoms to their nearest neighbour over the sum of "
        "covalent radii; smaller ones speak of wrong units: Å taken for bohr give 0.53",
    )
    maximum_bond_ratio: PositiveFloat = Field(
        1.4, description="Larger ones, too: bohr taken for Å give 1.9; a noble liquid has 1.7"
    )
    maximum_force_eV_per_A: PositiveFloat = Field(
        50.0, description="Larger forces speak of wrong units or overlapping atoms"
    )
    minimum_force_rms_eV_per_A: PositiveFloat = Field(
        0.005, description="Smaller forces speak of labels that are not forces"
    )
    maximum_force_rms_eV_per_A: PositiveFloat = Field(
        5.0, description="Larger forces speak of wrong units: in kcal/mol/Å water has 16"
    )
    maximum_net_force_eV_per_A: PositiveFloat = Field(
        0.05, description="By component, over the root of the number of atoms"
    )
    energy_outlier_sigmas: PositiveFloat = Field(
        8.0, description="Allowed deviation of the energy per atom, in robust standard deviations"
    )
    energy_fit_eV_per_atom: PositiveFloat = Field(
        0.5,
        description="Allowed deviation of the energy per atom from a sum of energies of elements, "
        "fitted to all frames: larger ones speak of mixed functionals or units; water of 2000 K "
        "beside that of 300 K has 0.2",
    )
    maximum_stretch_correlation: Annotated[Number, Field(gt=-1.0, le=1.0)] = Field(
        0.3,
        description="Of the lengths of bonds to hydrogen with the forces along them, −0.9 where "
        "forces pull stretched bonds back; positive: gradients instead of forces",
    )
    minimum_stiffness_eV_per_A2: NonNegativeFloat = Field(
        10.0,
        description="Of bonds to hydrogen by lengths and forces; water has 40, in Ha/bohr 0.8",
    )
    maximum_stiffness_eV_per_A2: PositiveFloat = Field(
        150.0, description="Larger: forces in kcal/mol/Å have 900"
    )
    minimum_energy_spread: NonNegativeFloat = Field(
        0.25,
        description="Standard deviation of the energies of like frames over what their stretched "
        "bonds and the forces along them tell, 1 to 4; smaller: in hartree or per atom",
    )
    maximum_energy_spread: PositiveFloat = Field(
        25.0,
        description="Larger: in kcal/mol or kJ/mol, or of several functionals; frames of one "
        "composition in cells of several densities have up to 22",
    )
    work_tolerance: PositiveFloat = Field(
        0.5,
        description="Allowed deviation from 1 of the energy's changes over the work of the forces, "
        "where like frames follow each other by less than 0.1 Å",
    )
    minimum_element_share: Annotated[Number, Field(ge=0.0, lt=1.0)] = Field(
        0.01, description="Share of the frames, or 10 of them, that must hold an element"
    )
    isolated_atoms: Literal["reject", "atomic_energies"] = Field(
        "reject",
        description="Single atoms: left out, or kept as the energies of free atoms, from which "
        "models that are trained on the set count; they learn cohesion then, which takes longer",
    )
    held_atoms: Annotated[Literal["reject", "leave_out"], LATER] = Field(
        "reject",
        description="Where forces were set to zero on atoms that were held: reject the frames, or "
        "leave these forces out of training and errors",
    )
    clusters: Annotated[Literal["reject", "keep"], LATER] = Field(
        "reject",
        description="Frames that are not periodic (pbc F F F): left out, or kept for models that "
        "know total charges, which alone treat them",
    )
    charged: Annotated[Literal["reject", "keep"], LATER] = Field(
        "reject",
        description="Frames with a total_charge: left out, or kept for models that know total "
        "charges; films never",
    )
    fields: Annotated[Literal["reject", "keep"], LATER] = Field(
        "reject",
        description="Frames in an external_field: left out, or kept for models that know total "
        "charges; along periodic directions never",
    )
    charge_sum_tolerance_e: Annotated[PositiveFloat, LATER] = Field(
        0.02,
        description="Allowed deviation of the sum of REF_charges from total_charge; Hirshfeld "
        "charges have 1e-4 to 1e-3, with three decimals 0.005",
    )
    maximum_charge_e: Annotated[PositiveFloat, LATER] = Field(
        6.0,
        description="Of REF_charges, of either sign; no atom can lose more electrons than it has",
    )

    @property
    def kept_for_charges(self) -> list[str]:
        """Keys by which frames are kept that only models that know total charges can learn."""
        return [key for key in ("clusters", "charged", "fields") if getattr(self, key) == "keep"]


class LabelledChecks(Checks):
    """Limits with room for the net force that a density functional has on a grid."""

    maximum_net_force_eV_per_A: PositiveFloat = Field(
        0.2, description="By component, over the root of the number of atoms; CP2K's has 0.05"
    )


class Split(Section):
    """Shares of the frames held out; blocks of time stay together."""

    validation: Fraction = 0.1
    test: Fraction = 0.1
    block_ps: PositiveFloat = Field(
        2.5, description="Length of a block that is never divided; longer than the correlation time"
    )
    gap_ps: NonNegativeFloat = Field(
        0.5, description="Held-out frames closer in time to another part's are left out"
    )
    maximum_frames: PositiveInt | None = Field(None, description="Random subset drawn beforehand")

    @model_validator(mode="after")
    def _something_to_train_on(self) -> Self:
        if self.validation + self.test >= 1.0:
            raise ValueError("validation + test leave nothing to train on; lower one of them")
        return self


class ForceFieldDataset(Section):
    """Frames sampled and labelled by a classical force field through LAMMPS."""

    kind: Literal["force_field"]
    force_field: WaterForceField = WaterForceField()
    sampling: dict[Name, AnySampling] = Field(min_length=1)
    label_charges: Annotated[bool, LATER] = Field(
        False, description="Charges of all atoms, and dipoles of films, among the labels"
    )
    checks: Checks = Checks()
    split: Split = Split()

    @model_validator(mode="after")
    def _fields_are_kept(self) -> Self:
        for name, run in self.sampling.items():
            if any(run.label_fields_V_per_A) and self.checks.fields == "reject":
                raise ValueError(
                    f"sampling.{name}.label_fields_V_per_A: checks reject frames in a field; set "
                    "checks.fields: keep"
                )
        return self

    @model_validator(mode="after")
    def _solids_are_known(self) -> Self:
        for name, run in self.sampling.items():
            fault = isinstance(run, InterfaceRun) and self.force_field.find_fault_of(run.surface)
            if fault:
                raise ValueError(f"force_field.{fault} (for sampling.{name})")
        return self

    @property
    def elements(self) -> frozenset[str]:
        """Elements of its frames."""
        beside = {element for run in self.sampling.values() for element in run.elements}
        return frozenset({"O", "H"} | beside)

    @property
    def charge_e(self) -> float:
        """Charge of oxygen that the labels carry, in e: the force field's own."""
        return self.force_field.charge_O_e


class LabelledFrames(FrameLayout):
    """Frames that others have labelled, and where they are."""

    source: Name | None = Field(None, description="In data/sources.yaml: downloaded")
    path: str | None = Field(None, description="File to take instead of a download")
    format: Literal["runner", "extxyz"] | None = Field(
        None, description="Of a path without source, as are its keys and step_fs"
    )

    @model_validator(mode="after")
    def _there_is_an_origin(self) -> Self:
        if self.source is None and None in (self.path, self.format):
            raise ValueError(
                "name a source of data/sources.yaml, or path and format of a local file"
            )
        if self.source is not None and self.format is not None:
            raise ValueError("source tells the format; remove format, or source")
        return self


class NotSampled(Section):
    """What datasets have in common that no force field samples."""

    checks: LabelledChecks = LabelledChecks()
    split: Split = Split()

    @property
    def charge_e(self) -> float:
        """Charge of oxygen that the labels carry, in e: that of water's electrons."""
        return ELECTRONIC_CHARGE_E

    @property
    def force_field(self) -> None:
        """No force field samples it."""
        return None

    @property
    def elements(self) -> None:
        """Not known before its frames are read."""
        return None


class LabelledDataset(NotSampled, LabelledFrames):
    """Frames that others have labelled, such as the paper's revPBE0-D3 set."""

    kind: Literal["labelled"]
    published: Annotated[Name | None, ASIDE] = Field(
        None,
        description="Set of products/published_errors.yaml, beside whose errors table_published "
        "shows those of models of this dataset",
    )


class SampleSpec(Spec):
    """A trajectory to sample and label."""

    run: AnySampling
    force_field: WaterForceField
    charges: Annotated[bool, LATER] = False
    name: str
    seed: int
    label: Annotated[str, ASIDE]


class ReadSpec(Spec, LabelledFrames):
    """Frames of others to bring into the project's units and names."""


class CurateSpec(Spec):
    """Labelled frames to check and split."""

    name: str
    source: dict[str, object]
    checks: Checks
    split: Split
    seed: int
