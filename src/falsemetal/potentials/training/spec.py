"""Specifications of a training and of what measures its errors."""

from typing import Annotated, Literal, Self

from pydantic import model_validator

from falsemetal.potentials.kind import POTENTIALS
from falsemetal.potentials.kinds.mace import TrainedKind
from falsemetal.potentials.training.settings import Training
from falsemetal.section import ASIDE, NonNegativeInt
from falsemetal.specs import Spec


class TrainSpec(Spec):
    """A potential to train, of a kind that is trained.

    The seed is of the initial weights and of the order of the frames; the label names the progress;
    `charge_e`, of the liquid's centre in the labels, is told in the model's description; elements
    of the systems that it is to be run in must be in its frames.
    """

    potential: Annotated[TrainedKind, POTENTIALS]
    training: Training
    seed: NonNegativeInt
    label: Annotated[str, ASIDE]
    charge_e: Annotated[float | None, ASIDE] = None
    runs_hold: Annotated[tuple[str, ...], ASIDE] = ()

    @model_validator(mode="after")
    def _is_trained(self) -> Self:
        if self.potential.prepare != "train":
            raise ValueError(f"potential: kind {self.potential.kind} is not one that is trained")
        return self


class EvaluateSpec(Spec):
    """A model whose errors on the test frames are measured; the seed is of the bootstrap."""

    dtype: Literal["float32", "float64"]
    device: Annotated[Literal["auto", "cpu", "cuda"], ASIDE] = "auto"
    seed: NonNegativeInt
