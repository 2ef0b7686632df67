"""Short-ranged MACE models."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, ClassVar, Literal

from pydantic import Field

from falsemetal.potentials.kind import POTENTIALS, Labels, PotentialKind
from falsemetal.potentials.mace.settings import MACEArchitecture
from falsemetal.potentials.runners import AseRunner
from falsemetal.section import Name, NonNegativeInt, PositiveFloat
from falsemetal.simulation.settings import Dynamics
from falsemetal.systems.surfaces import Surface

if TYPE_CHECKING:
    from falsemetal.potentials.mace.model import DatasetStatistics, ShortRangedMACE


class TrainedKind(PotentialKind):
    """A potential that is trained by this program and evaluated in its fast form."""

    prepare: ClassVar[Literal["train", "fetch", "none"]] = "train"

    dataset: Name = Field(description="Dataset that it is trained on")
    r_cut_A: PositiveFloat
    seed: NonNegativeInt | None = Field(
        None,
        description="Of the initial weights and the order of the frames; default: the "
        "configuration's",
    )

    def runner(self, datasets: Mapping[str, Labels], dynamics: Dynamics) -> AseRunner:
        """ASE with the model in its fast form."""
        return fast_runner(dynamics)

    def find_fault_beside(
        self, solid: Surface, datasets: Mapping[str, Labels]
    ) -> tuple[str, str] | None:
        """Key and message of a dataset without the solid's elements, or None."""
        held = datasets[self.dataset].elements
        missing = [element for element in solid.elements if element not in (held or solid.elements)]
        if not missing:
            return None
        return (
            "dataset",
            f"no run of {self.dataset} samples {', '.join(missing)}, which this campaign holds; "
            "add one to its sampling, or name another dataset",
        )

    def build(self, statistics: "DatasetStatistics") -> "ShortRangedMACE":
        """Untrained model with random weights, in PyTorch's default precision."""
        raise NotImplementedError


def fast_runner(dynamics: Dynamics) -> AseRunner:
    """ASE with a model of this program in its fast form."""
    return AseRunner(
        factory="falsemetal.potentials.calculator:calculator_of_folder",
        friction_per_fs=dynamics.friction_per_fs,
        dtype=dynamics.dtype,
        device=dynamics.device,
        neighbour_skin_A=dynamics.neighbour_skin_A,
        compile=dynamics.compile,
    )


@POTENTIALS.register("mace")
class MACEKind(MACEArchitecture, TrainedKind):
    """A short-ranged MACE model (paper, S1.0.2 without the long-range term)."""

    marker: ClassVar[str] = "s"
    ignores_fields: ClassVar[bool] = True

    kind: Literal["mace"]

    def build(self, statistics: "DatasetStatistics") -> "ShortRangedMACE":
        """Untrained model."""
        from falsemetal.potentials.mace.model import ShortRangedMACE

        return ShortRangedMACE(self, statistics)
