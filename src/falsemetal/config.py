"""The configuration: what a run does, validated before anything is computed.

Every YAML file in `config/` is an instance of :class:`Config`; `config/schema.json` is generated
from it by ``python -m falsemetal.config > config/schema.json``. The configuration holds science
only: cores, memory and partitions live in `profiles/`.
"""

import hashlib
import json
from pathlib import Path
from typing import Annotated, Any, Literal

import yaml
from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    NonNegativeFloat,
    NonNegativeInt,
    PositiveFloat,
    PositiveInt,
    ValidationError,
    model_validator,
)

from falsemetal.units import water_number_density

MINIMUM_VACUUM_A = 15.0
"""Vacuum a slab's cell must hold: below it periodic images and evaporated molecules interact."""

MINIMUM_FRAMES = 10
"""Frames that a run must leave to be analysed."""

Name = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$")]
Fraction = Annotated[float, Field(gt=0.0, lt=1.0)]


class ConfigError(ValueError):
    """A configuration that cannot be run; the message names the file, the key and the mend."""


class Section(BaseModel):
    """Base of all sections: unknown keys are errors, values cannot change after validation."""

    model_config = ConfigDict(extra="forbid", frozen=True)


# The reference that labels a dataset -----------------------------------------------------------


class Ion(Section):
    """Charge and Lennard-Jones parameters of a monatomic ion."""

    charge_e: float
    epsilon_kcal_per_mol: PositiveFloat
    sigma_A: PositiveFloat


class WaterForceField(Section):
    """A flexible three-site water model; the defaults are flexible SPC/E (paper, Table S4)."""

    charge_O_e: float = Field(-0.8476, lt=0, description="Charge of O; H carries minus half of it")
    epsilon_OO_kcal_per_mol: PositiveFloat = 0.1553
    sigma_OO_A: PositiveFloat = 3.166
    bond_length_A: PositiveFloat = 1.0
    bond_k_kJ_per_mol_nm2: PositiveFloat = Field(345000.0, description="k of ½k(r − r0)²")
    angle_deg: PositiveFloat = 109.47
    angle_k_kJ_per_mol_rad2: PositiveFloat = Field(383.0, description="k of ½k(θ − θ0)²")
    cutoff_A: PositiveFloat = Field(9.0, description="Lennard-Jones and real-space Coulomb cutoff")
    ions: dict[str, Ion] = Field(
        default={
            "Na": Ion(charge_e=1.0, epsilon_kcal_per_mol=0.3526418, sigma_A=2.1595),
            "Cl": Ion(charge_e=-1.0, epsilon_kcal_per_mol=0.0127850, sigma_A=4.8305),
        },
        description="Joung-Cheatham parameters for SPC/E; Lorentz-Berthelot mixing",
    )


class SamplingRun(Section):
    """A trajectory of the reference from which labelled frames are taken."""

    kind: Literal["bulk", "slab", "brine"] = Field(
        description="bulk: NPT water. slab: NVT water in vacuum. brine: NPT aqueous NaCl"
    )
    n_molecules: PositiveInt = Field(description="Number of water molecules")
    molality_mol_per_kg: PositiveFloat | None = Field(None, description="NaCl; brine only")
    temperature_K: PositiveFloat = 300.0
    pressure_bar: float = Field(1.0, description="NPT kinds only")
    cross_section_A: PositiveFloat = Field(12.42, description="Lateral cell length of a slab")
    vacuum_A: float = Field(25.0, ge=MINIMUM_VACUUM_A, description="Vacuum added to a slab")
    replicas: PositiveInt = Field(1, description="Independent trajectories")
    equilibration_ps: NonNegativeFloat = 5.0
    n_frames: PositiveInt = Field(description="Labelled frames of each trajectory")
    interval_ps: PositiveFloat = Field(0.5, description="Time between labelled frames")

    @model_validator(mode="after")
    def _molality_is_of_brine(self) -> "SamplingRun":
        if (self.kind == "brine") != (self.molality_mol_per_kg is not None):
            raise ValueError("molality_mol_per_kg belongs to kind: brine, and only to it")
        return self


class Checks(Section):
    """Limits that a labelled frame must keep; what breaks one is rejected with its reason."""

    minimum_distance_A: dict[str, PositiveFloat] = Field(
        default={"H-H": 1.0, "H-O": 0.7, "O-O": 2.0, "default": 0.7},
        description="By pair of elements in alphabetical order",
    )
    maximum_force_eV_per_A: PositiveFloat = Field(
        50.0, description="Larger forces speak of wrong units or overlapping atoms"
    )
    minimum_force_rms_eV_per_A: PositiveFloat = Field(
        0.1, description="Smaller forces speak of wrong units: in Ha/bohr water has 0.01"
    )
    maximum_force_rms_eV_per_A: PositiveFloat = Field(
        5.0, description="Larger forces speak of wrong units: in kcal/mol/Å water has 16"
    )
    maximum_net_force_eV_per_A: PositiveFloat = Field(0.05, description="Per frame, by component")
    energy_outlier_sigmas: PositiveFloat = Field(
        8.0, description="Allowed deviation of the energy per atom, in robust standard deviations"
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
    def _something_to_train_on(self) -> "Split":
        if self.validation + self.test >= 1.0:
            raise ValueError("validation + test leave nothing to train on; lower one of them")
        return self


class ForceFieldDataset(Section):
    """Frames sampled and labelled by a classical force field through LAMMPS."""

    kind: Literal["force_field"]
    force_field: WaterForceField = WaterForceField()
    sampling: dict[Name, SamplingRun] = Field(min_length=1)
    checks: Checks = Checks()
    split: Split = Split()
    dipole_charge_O_e: float | None = Field(
        None,
        lt=0,
        description="q_O of eq. 1; default: the force field's own charge, which is exact",
    )

    @property
    def dipole_charge_O(self) -> float:
        """Fixed charge of oxygen in eq. 1, in e."""
        if self.dipole_charge_O_e is not None:
            return self.dipole_charge_O_e
        return self.force_field.charge_O_e


# Potentials ------------------------------------------------------------------------------------

Durations = PositiveFloat | list[PositiveFloat]


class Potential(Section):
    """What all kinds of potentials share."""

    dataset: Name = Field(description="Dataset it is trained on, or labelled")
    duration_ps: Durations = Field(description="Production MD: one value, or one per thickness")
    replicas: PositiveInt = Field(1, description="Independent MD runs of each thickness")
    label: str | None = Field(None, description="Name in figures; default: the potential's name")


class ForceFieldPotential(Potential):
    """The force field that labelled a dataset, run by LAMMPS."""

    kind: Literal["force_field"]


class MACEPotential(Potential):
    """A short-ranged MACE model (paper, S1.0.2 without the long-range term)."""

    kind: Literal["mace"]
    r_cut_A: PositiveFloat = 6.0
    layers: PositiveInt = Field(2, description="Message-passing layers")
    l_max: NonNegativeInt = Field(1, description="Equivariance of the messages")
    channels: PositiveInt = 128
    max_ell: NonNegativeInt = Field(3, description="Highest spherical harmonic of an edge")
    correlation: PositiveInt = Field(3, description="Body order of the product basis minus one")
    radial_mlp: list[PositiveInt] = [64, 64, 64]
    n_bessel: PositiveInt = 8

    @model_validator(mode="after")
    def _one_layer_is_invariant(self) -> "MACEPotential":
        if self.layers == 1 and self.l_max > 0:
            raise ValueError("l_max needs at least two layers; set l_max: 0 or layers: 2")
        return self


class SplitChargePotential(MACEPotential):
    """A MACE model with local split charges and Coulomb energy (paper, S1.0.2)."""

    kind: Literal["split_charge"]  # type: ignore[assignment]
    formal_charges_e: dict[str, float] = Field(
        default={"H": 1.0, "O": -2.0, "Na": 1.0, "Cl": -1.0}, description="Table S2"
    )
    smearing_A: PositiveFloat = Field(1.5, description="Width σ of the Gaussian multipoles")
    kspace_cutoff_factor: PositiveFloat = 1.25

    @property
    def multipole_l_max(self) -> int:
        """Highest atomic multipole: dipoles need features that carry l = 1."""
        return min(self.l_max, 1)


AnyPotential = Annotated[
    ForceFieldPotential | MACEPotential | SplitChargePotential, Field(discriminator="kind")
]


class Training(Section):
    """One training for all models, so that only their architecture differs."""

    epochs: PositiveInt
    batch_size: PositiveInt = 5
    learning_rate: PositiveFloat = 0.01
    final_learning_rate: PositiveFloat = Field(1e-4, description="Reached by cosine decay")
    energy_weight: NonNegativeFloat = Field(100.0, description="Of the squared error per atom²")
    force_weight: NonNegativeFloat = Field(1.0, description="Of the squared error per component")
    ema_decay: Fraction = 0.99
    gradient_clip: PositiveFloat = 10.0
    weight_decay: NonNegativeFloat = 0.0
    dtype: Literal["float32", "float64"] = "float32"
    device: Literal["auto", "cpu", "cuda"] = "auto"


# Simulations and their analysis ----------------------------------------------------------------


class Slabs(Section):
    """Water slabs in vacuum, periodic in x and y (paper, Fig. 3a)."""

    cross_section_A: PositiveFloat = 12.42
    cell_height_A: PositiveFloat = Field(description="Cell length along z, vacuum included")
    thicknesses_A: list[PositiveFloat] = Field(min_length=1)
    density_g_per_cm3: PositiveFloat = Field(0.997, description="Bulk density that sets the count")
    equilibration_ps: PositiveFloat = Field(20.0, description="By the force field, before each run")

    @model_validator(mode="after")
    def _thicknesses_fit(self) -> "Slabs":
        if sorted(set(self.thicknesses_A)) != list(self.thicknesses_A):
            raise ValueError("thicknesses_A must increase and be distinct; sort them")
        thickest_A = self.cell_height_A - MINIMUM_VACUUM_A
        for index, thickness in enumerate(self.thicknesses_A):
            if float(f"{thickness:g}") != thickness:
                raise ValueError(
                    f"thicknesses_A[{index}]: {thickness} has more than six digits, which folder "
                    f"names do not hold; write {thickness:.3g}"
                )
            if thickness > thickest_A:
                raise ValueError(
                    f"thicknesses_A[{index}]: {thickness:g} Å does not fit cell_height_A: "
                    f"{self.cell_height_A:g} Å with {MINIMUM_VACUUM_A:g} Å of vacuum; "
                    f"raise cell_height_A to {thickness + MINIMUM_VACUUM_A:g} or more"
                )
            if self.n_molecules(thickness) < 1:
                raise ValueError(
                    f"thicknesses_A[{index}]: {thickness:g} Å holds no molecule; make it thicker"
                )
        return self

    def n_molecules(self, thickness_A: float) -> int:
        """Water molecules in a slab of this nominal thickness at the bulk density."""
        volume = thickness_A * self.cross_section_A**2
        return round(volume * water_number_density(self.density_g_per_cm3))


class Dynamics(Section):
    """Langevin NVT, the same for every potential (paper, S1.1.1 and S1.2.1)."""

    temperature_K: PositiveFloat = 300.0
    timestep_fs: PositiveFloat = 1.0
    friction_per_fs: PositiveFloat = Field(0.01, description="1/(100 fs)")
    hydrogen_mass_u: PositiveFloat = Field(1.008, description="Leaves equilibrium averages alone")
    frame_interval_fs: PositiveFloat = 50.0
    discard_ps: NonNegativeFloat = Field(5.0, description="Start of each run left out of analysis")
    dtype: Literal["float32", "float64"] = "float32"
    device: Literal["auto", "cpu", "cuda"] = "auto"
    neighbour_skin_A: NonNegativeFloat = 0.5

    @property
    def frame_interval_steps(self) -> int:
        """Steps between saved frames."""
        return max(1, round(self.frame_interval_fs / self.timestep_fs))


class Analysis(Section):
    """Estimators of the paper's section S1.0.4 and their error bars."""

    band_gap_eV: PositiveFloat = Field(4.45, description="E_g(0) of PBE water (Fig. 3b)")
    oh_cutoff_A: PositiveFloat = Field(1.2, description="H belongs to an O within this distance")
    relative_permittivity: PositiveFloat = Field(71.0, description="Of the continuum reference")
    z_bin_A: PositiveFloat = 0.25
    maximum_lag_ps: PositiveFloat = 10.0


class Config(Section):
    """Everything a run does; one instance per YAML file."""

    name: Name = Field(description="Results go to results/<name>/")
    seed: NonNegativeInt = 1
    datasets: dict[Name, ForceFieldDataset] = Field(min_length=1)
    training: Training
    potentials: dict[Name, AnyPotential] = Field(min_length=1)
    slabs: Slabs
    dynamics: Dynamics = Dynamics()
    analysis: Analysis = Analysis()

    @model_validator(mode="after")
    def _references_resolve(self) -> "Config":
        for name, potential in self.potentials.items():
            if potential.dataset not in self.datasets:
                raise ValueError(
                    f"potentials.{name}.dataset: there is no dataset '{potential.dataset}'; "
                    f"name one of: {', '.join(self.datasets)}"
                )
            durations = potential.duration_ps
            if isinstance(durations, list) and len(durations) != len(self.slabs.thicknesses_A):
                raise ValueError(
                    f"potentials.{name}.duration_ps: {len(durations)} values for "
                    f"{len(self.slabs.thicknesses_A)} thicknesses; give one each, or one number"
                )
            shortest = min(durations) if isinstance(durations, list) else durations
            analysed_ps = MINIMUM_FRAMES * self.dynamics.frame_interval_fs / 1000.0
            least = self.dynamics.discard_ps + analysed_ps
            if shortest < least:
                raise ValueError(
                    f"potentials.{name}.duration_ps: {shortest:g} ps leaves fewer than "
                    f"{MINIMUM_FRAMES} frames after dynamics.discard_ps; give {least:g} or more"
                )
        return self

    @property
    def trained_potentials(self) -> list[str]:
        """Names of the potentials that need training."""
        return [name for name, p in self.potentials.items() if isinstance(p, MACEPotential)]

    def run_seed(self, *parts: str) -> int:
        """Seed of one job, derived from the run's seed and what names the job."""
        digest = hashlib.sha256("/".join((str(self.seed), *parts)).encode()).digest()
        return int.from_bytes(digest[:4]) >> 1

    def duration_ps(self, potential: str, thickness_A: float) -> float:
        """Length of a production run in ps."""
        durations = self.potentials[potential].duration_ps
        if isinstance(durations, list):
            return durations[self.slabs.thicknesses_A.index(thickness_A)]
        return durations

    def n_steps(self, potential: str, thickness_A: float) -> int:
        """Length of a production run in steps, a whole number of frame intervals."""
        steps = self.duration_ps(potential, thickness_A) * 1000.0 / self.dynamics.timestep_fs
        interval = self.dynamics.frame_interval_steps
        return max(1, round(steps / interval)) * interval


def parse_config(raw: dict[str, Any], *, source: str) -> Config:
    """Validate a plain mapping.

    Parameters
    ----------
    raw
        As read from YAML.
    source
        File name, for error messages.

    Raises
    ------
    ConfigError
        One line per fault, each naming the file and the key.
    """
    try:
        return Config.model_validate(raw)
    except ValidationError as error:
        lines = [_describe(fault, source) for fault in error.errors()]
        raise ConfigError("\n".join(lines)) from None


def load_config(path: str | Path) -> Config:
    """Read and validate a YAML file; raises :class:`ConfigError` as :func:`parse_config`."""
    path = Path(path)
    try:
        raw = yaml.safe_load(path.read_text())
    except FileNotFoundError:
        raise ConfigError(f"{path}: no such file; see config/ for examples") from None
    except yaml.YAMLError as error:
        raise ConfigError(f"{path}: not valid YAML: {error}") from None
    if not isinstance(raw, dict):
        raise ConfigError(f"{path}: expected a mapping of keys at the top level")
    return parse_config(raw, source=str(path))


def _describe(fault: dict[str, Any], source: str) -> str:
    kinds = {"force_field", "mace", "split_charge"}
    # pydantic inserts the discriminator's value into the location; users never wrote it there
    parts = [
        part
        for index, part in enumerate(fault["loc"])
        if not (part in kinds and index == 2 and fault["loc"][0] == "potentials")
    ]
    key = "".join(f"[{p}]" if isinstance(p, int) else f".{p}" for p in parts).lstrip(".")
    message = fault["msg"].removeprefix("Value error, ")
    match fault["type"]:
        case "extra_forbidden":
            message = "unknown key; remove it or correct its spelling (config/schema.json)"
        case "missing":
            message = "required key is missing"
    return f"{source}: {key}: {message}" if key else f"{source}: {message}"


def schema() -> str:
    """JSON schema of the configuration, as kept in `config/schema.json`."""
    return json.dumps(Config.model_json_schema(), indent=2, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    print(schema(), end="")
