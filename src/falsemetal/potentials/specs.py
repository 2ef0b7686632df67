"""Specifications of what is measured of a model's charges, and names of what the tables hold.

They stand apart from the code that measures, so that a workflow reads them without PyTorch.
"""

from typing import Annotated, Literal

from falsemetal.potentials.force_field.settings import WaterForceField
from falsemetal.section import ASIDE, PositiveInt
from falsemetal.specs import Spec
from falsemetal.systems.molecule import Molecule


class LearnedChargesSpec(Spec):
    """A model whose charges are compared with fixed ones, `charge_e` of the liquid's centre."""

    dtype: Literal["float32", "float64"]
    device: Annotated[Literal["auto", "cpu", "cuda"], ASIDE] = "auto"
    liquid: Molecule
    charge_e: float


class InternalFieldSpec(Spec):
    """Films of a liquid in a field along z."""

    device: Annotated[Literal["auto", "cpu", "cuda"], ASIDE] = "auto"
    liquid: Molecule


SHARED, NEUTRAL, OWN = "one chemical potential", "neutral molecules", "the model's own"
"""What holds charges back: nothing but their sum, those of molecules, or what a model knows."""


class MetalResponseSpec(Spec):
    """Films on a metal in a field along z.

    Attributes
    ----------
    force_field
        Of a potential without a model, in which the metal is a conductor.
    n_layers
        Of the metal.
    """

    device: Annotated[Literal["auto", "cpu", "cuda"], ASIDE] = "auto"
    force_field: WaterForceField | None = None
    n_layers: PositiveInt


METAL_FIELD_V_PER_A = 0.02
"""Along z up and down, for a difference: weak, as an answer need not be linear in it."""

LAYER_CHARGE, LAYER_POTENTIAL, ELECTRONS = "layer charge", "layer potential", "layer, electrons"
PROFILE, SLOPE, SPREAD, BARE = "profile", "slope in the liquid", "spread of layers", "bare drop"
ELECTRONS_SPREAD = "spread of electrons"

UNITS = {
    LAYER_CHARGE: "ε0 E A",
    LAYER_POTENTIAL: "mV",
    ELECTRONS: "mV",
    PROFILE: "V",
    SLOPE: "−E",
    SPREAD: "mV",
    ELECTRONS_SPREAD: "mV",
    BARE: "mV",
}
"""Quantities of the table `metal_response`, all in :data:`METAL_FIELD_V_PER_A`."""
