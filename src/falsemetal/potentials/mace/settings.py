"""Architectures of MACE models."""

from typing import Literal

from pydantic import Field, model_validator

from falsemetal.potentials.kind import MODEL_SECONDS
from falsemetal.section import (
    NonNegativeInt,
    Number,
    PositiveFloat,
    PositiveInt,
    Section,
)
from falsemetal.systems.molecule import Element


class MACEArchitecture(Section):
    """A short-ranged MACE model (paper, S1.0.2 without the long-range term)."""

    r_cut_A: PositiveFloat = Field(6.0, ge=1.0, le=15.0)
    layers: PositiveInt = Field(2, description="Message-passing layers")
    l_max: NonNegativeInt = Field(1, description="Equivariance of the messages")
    channels: PositiveInt = 128
    max_ell: NonNegativeInt = Field(3, description="Highest spherical harmonic of an edge")
    correlation: PositiveInt = Field(3, description="Body order of the product basis minus one")
    radial_mlp: list[PositiveInt] = Field([64, 64, 64], description="Hidden layers")
    n_bessel: PositiveInt = 8

    @property
    def seconds_per_atom_step(self) -> float:
        """Core-seconds of a step for each atom, in proportion to channels, components, layers."""
        components = (self.l_max + 1) ** 2
        volume = (self.r_cut_A / 4.5) ** 3
        return MODEL_SECONDS * self.channels / 24 * self.layers / 2 * components * volume

    @model_validator(mode="after")
    def _one_layer_is_invariant(self) -> "MACEArchitecture":
        if self.layers == 1 and self.l_max > 0:
            raise ValueError("l_max needs at least two layers; set l_max: 0 or layers: 2")
        return self


class SplitChargeArchitecture(MACEArchitecture):
    """A MACE model with local split charges and Coulomb energy (paper, S1.0.2)."""

    formal_charges_e: dict[str, Number] = Field(
        default={"H": 1.0, "O": -2.0, "Na": 1.0, "Cl": -1.0}, description="Table S2"
    )
    smearing_A: PositiveFloat = Field(
        1.5, le=10.0, description="Width σ of the Gaussian multipoles"
    )
    kspace_cutoff_factor: PositiveFloat = Field(1.25, le=10.0)

    @property
    def multipole_l_max(self) -> int:
        """Highest atomic multipole: dipoles need features that carry l = 1."""
        return min(self.l_max, 1)


class QEqArchitecture(MACEArchitecture):
    """A MACE model whose charges minimise an energy (charge equilibration).

    Electronegativities, and by choice the hardness, are read from its features.
    """

    smearing_A: PositiveFloat = Field(
        1.0,
        le=10.0,
        description="Width σ of the Gaussian charges: some 1.5 in a liquid, 0.7 at a metal's "
        "surface, 0.5 in small molecules. The cost grows as σ⁻³",
    )
    kspace_cutoff_factor: PositiveFloat = Field(1.25, le=10.0)
    hardness_eV_per_e2: PositiveFloat = Field(
        10.0,
        le=100.0,
        description="Where the hardness of every element starts in training; a metal's is l²/(ε0 v)"
        " by its screening length l and volume v per atom, some 4",
    )
    hardness: Literal["element", "environment"] = Field(
        "element", description="What it depends on; it is never negative"
    )
    short_range: Literal["local", "reads_charges"] = Field(
        "local", description="Whether the short-ranged energy depends on the charges, too"
    )


class FixedPointArchitecture(QEqArchitecture):
    """A MACE model whose atoms answer to the potential they feel by a curve, self-consistently."""

    wide_A: PositiveFloat = Field(
        3.0, le=20.0, description="Width of the other Gaussian by which an atom reads the potential"
    )
    bend_width: PositiveInt = Field(16, description="Hidden layer that bends an atom's answer")

    @model_validator(mode="after")
    def _other_width_is_wider(self) -> "FixedPointArchitecture":
        if self.wide_A <= self.smearing_A:
            raise ValueError(
                f"wide_A: {self.wide_A:g} Å is not wider than smearing_A, {self.smearing_A:g} Å, "
                "by which the potential is read already; make it some twice as wide"
            )
        return self


class ResponseChargeArchitecture(SplitChargeArchitecture):
    """A MACE model with split charges that answer to the potential they are in.

    Charge flows along edges, in a dielectric, and within a conductor of given elements.
    """

    response_cutoff_A: PositiveFloat = Field(
        3.0, le=15.0, description="Length of the edges over which charge answers"
    )
    conductors: list[Element] = Field(
        [],
        description="Elements of a metal, whose atoms share one potential; it holds what formal "
        "charges lack of the total",
    )
    hardness_eV_per_e2: PositiveFloat = Field(
        4.0,
        le=100.0,
        description="Where the hardness of a conductor's elements starts in training: l²/(ε0 v) by "
        "the screening length l and the volume v per atom",
    )
    polarisable_atoms: bool = Field(
        False, description="Whether every atom has a polarisability, beside what flows along edges"
    )

    @model_validator(mode="after")
    def _edges_are_within_the_cutoff(self) -> "ResponseChargeArchitecture":
        if self.response_cutoff_A > self.r_cut_A:
            raise ValueError(
                f"response_cutoff_A: {self.response_cutoff_A:g} Å is beyond r_cut_A, "
                f"{self.r_cut_A:g} Å, up to which edges are known; make it shorter"
            )
        return self

    @model_validator(mode="after")
    def _conductors_have_formal_charges(self) -> "ResponseChargeArchitecture":
        missing = sorted(set(self.conductors) - set(self.formal_charges_e))
        if missing:
            raise ValueError(
                f"formal_charges_e lacks {', '.join(missing)} of conductors; add it, 0 for a metal"
            )
        return self
