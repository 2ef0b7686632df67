"""What every kind of potential says of itself."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal, Protocol

from pydantic import AfterValidator, Field

from falsemetal.potentials.force_field.settings import DampedShiftedCoulomb, WaterForceField
from falsemetal.potentials.recorded.spec import RecordedRuns
from falsemetal.potentials.runners import Runner
from falsemetal.registry import KindRegistry
from falsemetal.section import ASIDE, Name, Number, Section
from falsemetal.simulation.settings import Dynamics, Run
from falsemetal.specs import Spec
from falsemetal.systems.boundary import Boundary
from falsemetal.systems.molecule import Molecule
from falsemetal.systems.surfaces import Surface

if TYPE_CHECKING:
    import torch

    from falsemetal.potentials.model import Model

ELECTRONIC_CHARGE_E = -0.5562
"""Charge of water's oxygen in eq. 1 that meets its dipoles by electronic structure (S1.0.4)."""


LAMMPS_SECONDS = 6.6e-6
"""Core-seconds of a step of the force field for each atom, on an AMD EPYC."""

MODEL_SECONDS = 3e-5
"""The same of a model like the demo's: two layers of 24 scalar channels."""


def _check_label(label: str) -> str:
    label = label.strip()
    if not label or label.startswith("_") or "\n" in label:
        raise ValueError(
            f"{label!r}: a legend shows no label that is empty, begins with _, or has two lines"
        )
    if "$" in label:
        from matplotlib.cbook import is_math_text
        from matplotlib.mathtext import MathTextParser

        try:
            if is_math_text(label):
                MathTextParser("path").parse(label)
        except ValueError as error:
            reason = str(error).splitlines()[-1]
            raise ValueError(
                f"'{label}' is not mathtext that figures can draw: {reason}"
            ) from error
    return label


Label = Annotated[str, Field(min_length=1, max_length=80), AfterValidator(_check_label)]


class ChargeModel(Section):
    """Fixed charges of the liquid's centre by which eq. 1 sees a potential, in e.

    Attributes
    ----------
    own_e
        Those of the potential's labels: for comparison with its reference.
    electronic_e
        Those that meet dipoles by electronic structure: for volts, gaps and what is metallic.
    origin
        Where the own charge comes from.
    """

    own_e: float
    electronic_e: float
    origin: str


class Labels(Protocol):
    """What a kind may ask of a dataset."""

    @property
    def charge_e(self) -> float:
        """Charge of the liquid's centre that the labels carry, in e."""

    @property
    def force_field(self) -> WaterForceField | None:
        """Force field that labelled it, if one did."""

    @property
    def elements(self) -> frozenset[str] | None:
        """Elements of its frames, None where that is not known before they are read."""


class PotentialKind(Section):
    """Settings of a potential, how it is made and how it is run.

    Attributes
    ----------
    prepare
        How it is made: by training, from files that are fetched, or not at all.
    marker
        Of its points in figures.
    learns_charges
        Whether its model has charges of its own.
    knows_total_charge
        Whether its model answers to total charges, fields and open boundaries.
    ignores_fields
        Whether its charges, if it has any, answer to no field; see `answers_to_fields`.
    runs_key
        Key of its runs.
    """

    prepare: ClassVar[Literal["train", "fetch", "none"]] = "none"
    marker: ClassVar[str] = "X"
    learns_charges: ClassVar[bool] = False
    knows_total_charge: ClassVar[bool] = False
    ignores_fields: ClassVar[bool] = False
    runs_key: ClassVar[str] = "runs"

    kind: str
    dataset: Annotated[Name | None, ASIDE] = Field(
        None, description="Dataset that it is trained on, labels, or is measured on"
    )
    runs: Annotated[dict[Name, Run], ASIDE] = Field(
        {}, description="Campaigns in which it is run, and for how long; default: none"
    )
    label: Annotated[Label | None, ASIDE] = Field(
        None, description="Name in figures; default: the potential's name"
    )
    optional: Annotated[bool, ASIDE] = Field(
        False, description="Products are complete without it where it cannot be had"
    )
    grid: Annotated[Name | None, ASIDE] = Field(
        None, description="Grid that it is of: shown by figures of grids alone"
    )
    charge_e: Annotated[Number | None, ASIDE] = Field(
        None,
        ge=-10.0,
        le=10.0,
        description="Own charge of the liquid's centre (water: oxygen) in eq. 1; default: that of "
        "its labels. The satellites share minus as much",
    )
    electronic_charge_e: Annotated[Number | None, ASIDE] = Field(
        None,
        ge=-10.0,
        le=10.0,
        description="Charge that meets dipoles by electronic structure (S1.0.4), by which volts "
        "and what is metallic are counted; default: −0.5562 e in water, else the own one",
    )

    @property
    def answers_to_fields(self) -> bool | None:
        """Whether its charges answer to an external field; None where only its program knows.

        A kind that knows total charges does, even if it is derived from one that ignores fields.
        """
        if self.knows_total_charge:
            return True
        return False if self.ignores_fields else None

    def conductor_beside(
        self, solid: Surface | None, datasets: Mapping[str, Labels]
    ) -> WaterForceField | None:
        """Force field by which a solid's charges answer to fields; None: there is none."""
        return None

    @property
    def by_campaign(self) -> Mapping[str, Run | RecordedRuns]:
        """Runs by campaign: those that are made, or those of files."""
        return self.runs

    def named_files(self) -> Iterator[tuple[str, str]]:
        """Keys and paths of further files that must be there, beside its `path`."""
        yield from ()

    @property
    def seconds_per_atom_step(self) -> float:
        """Core-seconds of a step for each atom, roughly, to foretell what a run will cost."""
        return MODEL_SECONDS

    def charges(self, datasets: Mapping[str, Labels], liquid: Molecule) -> ChargeModel:
        """Charges of eq. 1.

        ValueError if they are zero, or of opposite signs.
        """
        electronic = self.electronic_charge_e
        if electronic is None and "O" in liquid.centres:
            electronic = ELECTRONIC_CHARGE_E
        if self.charge_e is not None:
            own, origin = self.charge_e, "the configuration"
        elif self.dataset is not None and self.dataset in datasets:
            own, origin = datasets[self.dataset].charge_e, f"the labels of {self.dataset}"
        elif electronic is not None:
            own, origin = electronic, "the fit to electronic structure"
        else:
            own, origin = 1.0, "unit charge, as none is given"
        if electronic is None:
            electronic = own
        if own * electronic <= 0.0:
            raise ValueError(
                f"charge_e: {own:g} e beside electronic_charge_e: {electronic:g} e; give charges "
                "of one sign, neither of them zero"
            )
        return ChargeModel(own_e=own, electronic_e=electronic, origin=origin)

    def runner(self, datasets: Mapping[str, Labels], dynamics: Dynamics) -> Runner:
        """Program that runs it, with all that a run depends on beside the model's folder."""
        raise NotImplementedError

    def truncation(self, datasets: Mapping[str, Labels]) -> DampedShiftedCoulomb | None:
        """How its Coulomb energy ends, where a formula is known, or None."""
        return None

    def find_fault(self, datasets: Mapping[str, Labels]) -> tuple[str, str] | None:
        """Key and message of what does not fit the datasets, or None."""
        if self.dataset is not None and self.dataset not in datasets:
            known = ", ".join(datasets) or "none yet: add it to datasets"
            return "dataset", f"there is no dataset '{self.dataset}'; name one of: {known}"
        return None

    def find_fault_in(self, boundary: Boundary) -> str | None:
        """Tell why it cannot be run in systems of a boundary, with what to do, or None."""
        return None

    def find_fault_beside(
        self, solid: Surface, datasets: Mapping[str, Labels]
    ) -> tuple[str, str] | None:
        """Key and message of what it lacks for the elements of a solid, or None."""
        return None

    def load(self, folder: Path, *, dtype: "torch.dtype", device: "torch.device | str") -> "Model":
        """Read the model of a folder for evaluation; raises a ModelError if it is none."""
        from falsemetal.potentials.store import load_model

        return load_model(folder, dtype=dtype, device=device)

    def fetch(self, folder: Path, data: Path) -> dict[str, Any]:
        """Put the files of the model into a folder; returns what its description tells of them."""
        raise NotImplementedError


POTENTIALS: KindRegistry[PotentialKind] = KindRegistry("kind of potential")

AnyPotential = Annotated[PotentialKind, POTENTIALS]


class FetchSpec(Spec):
    """A potential whose files are fetched."""

    potential: AnyPotential
