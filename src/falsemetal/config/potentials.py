"""Potentials, and the one training for all that are trained."""

from typing import Annotated, Literal

from pydantic import (
    Field,
    NonNegativeFloat,
    NonNegativeInt,
    PositiveFloat,
    PositiveInt,
    model_validator,
)

from falsemetal.config.campaigns import Run
from falsemetal.config.section import Fraction, Name, Section

CampaignName = Literal["slabs", "elongated", "cubic"]


class Potential(Section):
    """What all kinds of potentials share."""

    dataset: Name = Field(description="Dataset it is trained on, or labelled")
    runs: dict[CampaignName, Run] = Field(
        {}, description="Campaigns in which it is run, and for how long; default: none"
    )
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
    radial_mlp: list[PositiveInt] = Field([64, 64, 64], description="Hidden layers")
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


class BPNNPPotential(Potential):
    """A committee of Behler-Parrinello networks in n2p2's files (paper, Fig. 3c)."""

    kind: Literal["bpnnp"]
    source: Name = Field(
        "bulkH2O-jcp2020-cnnp", description="Its files in data/sources.yaml, or in CP2K's data"
    )
    path: str | None = Field(None, description="Folder with nnp-1, nnp-2, … to take instead")
    engine: Literal["native", "cp2k"] = Field(
        "native", description="native: our own, as all potentials; cp2k: CP2K with CSVR thermostat"
    )
    csvr_time_fs: PositiveFloat = Field(100.0, description="Time constant of CP2K's thermostat")


AnyPotential = Annotated[
    ForceFieldPotential | MACEPotential | SplitChargePotential | BPNNPPotential,
    Field(discriminator="kind"),
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
