"""Settings of the one training for all models."""

from typing import Annotated, Literal

from pydantic import Field

from falsemetal.section import (
    ASIDE,
    LATER,
    Fraction,
    NonNegativeFloat,
    PositiveFloat,
    PositiveInt,
    Section,
)


class Training(Section):
    """One training for all models, so that only their architecture differs."""

    epochs: PositiveInt
    batch_size: PositiveInt = 5
    learning_rate: PositiveFloat = Field(0.01, le=10.0)
    final_learning_rate: PositiveFloat = Field(1e-4, le=10.0, description="Reached by cosine decay")
    energy_weight: NonNegativeFloat = Field(100.0, description="Of the squared error per atom²")
    force_weight: NonNegativeFloat = Field(1.0, description="Of the squared error per component")
    charge_weight: Annotated[NonNegativeFloat, LATER] = Field(
        10.0,
        description="Of the squared error of charges, where a model has them and frames have "
        "REF_charges",
    )
    dipole_weight: Annotated[NonNegativeFloat, LATER] = Field(
        10.0,
        description="Of the squared error per atom² of dipoles, along directions that are not "
        "periodic, where a model has them and neutral frames have REF_dipole",
    )
    fermi_weight: Annotated[NonNegativeFloat, LATER] = Field(
        0.0,
        description="Of the squared error of Fermi levels, where a model has them and frames have "
        "REF_fermi_eV; their zero must be the model's",
    )
    ema_decay: Fraction = 0.99
    gradient_clip: PositiveFloat = 10.0
    weight_decay: NonNegativeFloat = 0.0
    dtype: Literal["float32", "float64"] = "float32"
    device: Annotated[Literal["auto", "cpu", "cuda"], ASIDE] = "auto"
