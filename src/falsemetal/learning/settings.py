"""Settings of datasets that grow by what a potential's own runs have visited (paper, S1.1.2)."""

from typing import Annotated, Literal

from pydantic import Field

from falsemetal.datasets.settings import (
    CurateSpec,
    ForceFieldDataset,
    LabelledChecks,
    LabelledDataset,
    Split,
)
from falsemetal.learning.displaced import DisplacedDataset
from falsemetal.learning.labellers import AnyLabeller, PotentialLabeller
from falsemetal.potentials.runners import AnyRunner
from falsemetal.section import (
    Name,
    NonNegativeFloat,
    NonNegativeInt,
    Number,
    PositiveFloat,
    PositiveInt,
    Section,
)
from falsemetal.specs import Spec
from falsemetal.systems.molecule import Molecule


class Selection(Section):
    """Which frames of the runs are labelled."""

    n_frames: PositiveInt = Field(le=100_000, description="At most")
    how: Literal["beyond", "even"] = Field(
        "beyond",
        description="beyond: frames whose dipole, or share of broken molecules, lies outside what "
        "the dataset holds. even: evenly in time, as a proxy of a longer reference run",
    )
    known_share: Annotated[Number, Field(gt=0.5, le=1.0)] = Field(
        0.98, description="Central share of the dataset's dipoles that bounds what is known"
    )
    n_bins: PositiveInt = Field(
        10, le=1000, description="Of the dipole, from which frames are taken in turn"
    )
    separation_ps: NonNegativeFloat = Field(0.3, description="Least time between two of a run")
    discard_ps: NonNegativeFloat = Field(
        0.0, description="Start of each run that is left out, which still resembles the reference"
    )


class ExtendedDataset(Section):
    """A dataset and labelled frames of a potential's runs in one system.

    A run that broke down is explored up to there.
    """

    kind: Literal["extended"]
    of: Name = Field(description="Dataset that is extended")
    by: Name = Field(description="Potential whose runs are explored")
    campaign: Name = Field(description="Of these runs, which the potential's `runs` name")
    size_A: PositiveFloat = Field(description="Of the explored system")
    select: Selection
    label: AnyLabeller = Field(
        PotentialLabeller(kind="potential"),
        description="What labels the frames; default: the first dataset's force field",
    )
    checks: LabelledChecks = LabelledChecks()
    split: Split = Field(
        Split(block_ps=0.5, gap_ps=0.0),
        description="Of the frames that are added; where they are few, all are trained on",
    )


FirstDataset = ForceFieldDataset | LabelledDataset | DisplacedDataset
"""What a chain of extensions may begin with."""

AnyDataset = Annotated[FirstDataset | ExtendedDataset, Field(discriminator="kind")]


class ExploreSpec(Spec):
    """Frames of a potential's runs to choose, beside what a dataset holds.

    Attributes
    ----------
    select
        How.
    minimum_distance_A
        Limits of distances by pair of elements, which an unphysical frame breaks.
    liquid, charge_e
        Molecules, and the charge of their centre by which dipoles are told, in e.
    electronic_charge_e
        That by which they are told in V.
    """

    select: Selection
    minimum_distance_A: dict[str, float]
    liquid: Molecule
    charge_e: float
    electronic_charge_e: float
    by: str


class LabelSpec(Spec):
    """Chosen frames to label.

    Attributes
    ----------
    labeller
        As configured.
    runner
        Program of the potential that labels, or None.
    batch, n_batches
        Which part of the frames.
    """

    labeller: AnyLabeller
    runner: AnyRunner | None
    batch: NonNegativeInt
    n_batches: PositiveInt


class ExtendSpec(CurateSpec):
    """Labelled frames to check, split and lay beside a dataset.

    Attributes
    ----------
    known_share
        As of :class:`Selection`.
    """

    known_share: float
