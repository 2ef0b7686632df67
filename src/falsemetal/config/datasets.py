"""Datasets: the reference that samples and labels, the checks, the split."""

from typing import Annotated, Literal

from pydantic import (
    Field,
    NonNegativeFloat,
    PositiveFloat,
    PositiveInt,
    model_validator,
)

from falsemetal.config.section import Fraction, Name, Section

MINIMUM_VACUUM_A = 15.0
"""Vacuum a slab's cell must hold: below it periodic images and evaporated molecules interact."""


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


PAPER_CHARGE_O_E = -0.5562
"""q_O of eq. 1 that meets water's dipoles by density-functional theory best (paper, S1.0.4)."""


class LabelledDataset(Section):
    """Frames that others have labelled, such as the paper's revPBE0-D3 set."""

    kind: Literal["labelled"]
    source: Name | None = Field(None, description="In data/sources.yaml: downloaded")
    path: str | None = Field(None, description="File to take instead of a download")
    format: Literal["runner", "extxyz"] | None = Field(
        None, description="Of a path without source, as are the three keys below"
    )
    energy_key: str = Field("REF_energy", description="Total energy in eV; extxyz only")
    forces_key: str = Field("REF_forces", description="Forces in eV/Å; extxyz only")
    step_fs: PositiveFloat | None = Field(
        None, description="Time between two steps of i-PI's comments; runner only"
    )
    checks: Checks = Field(
        Checks(maximum_net_force_eV_per_A=1.0),
        description="By default with room for the net force of a density functional on a grid",
    )
    split: Split = Split()
    dipole_charge_O_e: float = Field(
        PAPER_CHARGE_O_E,
        lt=0,
        description="q_O of eq. 1; the paper's value for water's DFT dipoles",
    )

    @model_validator(mode="after")
    def _there_is_an_origin(self) -> "LabelledDataset":
        if self.source is None and None in (self.path, self.format):
            raise ValueError(
                "name a source of data/sources.yaml, or path and format of a local file"
            )
        if self.source is not None and self.format is not None:
            raise ValueError("source tells the format; remove format, or source")
        return self

    @property
    def dipole_charge_O(self) -> float:
        """Fixed charge of oxygen in eq. 1, in e."""
        return self.dipole_charge_O_e


AnyDataset = Annotated[ForceFieldDataset | LabelledDataset, Field(discriminator="kind")]
