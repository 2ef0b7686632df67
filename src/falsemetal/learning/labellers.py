"""What labels frames: potentials, engines of electronic structure, programs of the user's own."""

from collections.abc import Iterable, Iterator, Sequence
from io import StringIO
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal, Self

import numpy as np
from ase import Atoms
from pydantic import Field, model_validator

from falsemetal.datasets.errors import DatasetError
from falsemetal.datasets.faults import faulty_frame
from falsemetal.electronic.engine import AnyEngine
from falsemetal.progress import logger
from falsemetal.registry import KindRegistry
from falsemetal.section import LATER, Name, PositiveFloat, Section
from falsemetal.systems.charged import NEUTRAL_E
from falsemetal.systems.labels import CHARGES, ENERGY, FORCES, GEOMETRY, total_charge

if TYPE_CHECKING:
    from falsemetal.potentials.runners import Runner

STRUCTURE = "structure.extxyz"


class LabellerKind(Section):
    """A source of energies and forces.

    Attributes
    ----------
    one_by_one
        Whether each frame is a job of its own.
    """

    one_by_one: ClassVar[bool] = False

    kind: str

    def find_fault(self) -> str | None:
        """Tell why it labels nothing on this machine, or None."""
        return None

    def prepare(self, frames: Sequence[Atoms], folder: Path) -> None:
        """Write what is needed to label frames elsewhere, all of them, where they must be.

        DatasetError if labels are still to be computed; arguments as of :meth:`label`.
        """

    def label(
        self,
        frames: Sequence[Atoms],
        folder: Path,
        *,
        runner: "Runner | None",
        model: Path,
        threads: int,
    ) -> list[Atoms]:
        """Label copies of frames with `REF_energy` in eV and `REF_forces` in eV/Å.

        Parameters
        ----------
        frames
            Unlabelled; their `info` is kept.
        folder
            For files that are to last.
        runner, model
            Of a potential that labels: its program and its folder.
        threads
            To compute with.

        Returns
        -------
        list of Atoms
            In the order of the frames; one that could not be labelled carries its fault
            (:mod:`falsemetal.datasets.faults`).
        """
        raise NotImplementedError


LABELLERS: KindRegistry[LabellerKind] = KindRegistry("kind of labeller")

AnyLabeller = Annotated[LabellerKind, LABELLERS]


@LABELLERS.register("potential")
class PotentialLabeller(LabellerKind):
    """A potential of the configuration: a force field, or any ASE calculator."""

    kind: Literal["potential"]
    potential: Name | None = Field(
        None, description="In the configuration; default: the first dataset's force field"
    )
    charges: Annotated[bool, LATER] = Field(
        False, description="Charges of atoms among the labels, as its calculator tells them"
    )

    def label(
        self,
        frames: Sequence[Atoms],
        folder: Path,
        *,
        runner: "Runner | None",
        model: Path,
        threads: int,
    ) -> list[Atoms]:
        """Label each frame by a single point.

        DatasetError if its package is not here, or if it does not know total charges that frames
        have, or charges of atoms that are asked for.
        """
        assert runner is not None, "the plan gives a labelling potential its runner"
        if fault := runner.find_fault():
            raise DatasetError(f"label.potential: {fault}")
        calculator: Any = runner.make_calculator(model, threads=threads)
        labelled = [_by_calculator(frame, calculator, charges=self.charges) for frame in frames]
        if fault := _fault_of_charges(labelled):
            raise DatasetError(f"label.potential: {self.potential or 'the force field'} {fault}")
        return labelled


def _by_calculator(frame: Atoms, calculator: Any, *, charges: bool) -> Atoms:
    from ase.calculators.calculator import PropertyNotImplementedError

    asked = _with_charge(frame)
    try:
        energy = float(calculator.get_potential_energy(asked))
        labelled = _labelled(frame, energy, calculator.get_forces(asked))
        if charges:
            labelled.arrays[CHARGES] = np.array(calculator.get_charges(asked), dtype=float)
    except PropertyNotImplementedError:
        raise DatasetError(
            "label.charges: its calculator tells no charges of atoms; leave them out"
        ) from None
    except (ValueError, RuntimeError) as error:  # of a structure that the potential cannot treat
        return _faulty(frame, _told(frame), error)
    return labelled


def _with_charge(frame: Atoms) -> Atoms:
    """Tell a frame's total charge in all ways in which calculators read it."""
    charge_e = total_charge(frame)
    if abs(charge_e) <= NEUTRAL_E:
        return frame
    asked: Atoms = frame.copy()
    asked.info["charge"] = charge_e
    # some take the sum of these
    asked.set_initial_charges([charge_e, *[0.0] * (len(frame) - 1)])
    return asked


def _fault_of_charges(labelled: Sequence[Atoms]) -> str | None:
    """Tell that a geometry has one energy at all total charges: they were not read."""
    states: dict[tuple[str, int], dict[float, float]] = {}
    for frame in labelled:
        if GEOMETRY in frame.info and ENERGY in frame.info:
            key = (str(frame.info.get("config_type")), int(frame.info[GEOMETRY]))
            states.setdefault(key, {})[total_charge(frame)] = frame.info[ENERGY]
    for (name, geometry), energies in states.items():
        if len(energies) > 1 and np.ptp(list(energies.values())) < SAME_EV:
            told = ", ".join(f"{charge:g}" for charge in energies)
            return (
                f"gives geometry {geometry} of {name} one energy at total charges {told} e: it "
                "does not read them from initial charges, nor from total_charge or charge in info"
            )
    return None


SAME_EV = 1e-6
"""Difference of energies below which charge states are not told apart."""


@LABELLERS.register("engine")
class EngineLabeller(LabellerKind):
    """An engine of electronic structure: run here, or elsewhere and its outputs copied back."""

    one_by_one: ClassVar[bool] = True

    kind: Literal["engine"]
    engine: AnyEngine
    functional: Name = "PBE"
    vacuum_A: PositiveFloat = Field(11.0, description="On either side of a slab")

    def find_fault(self) -> str | None:
        """Tell why the engine cannot be run here, or None."""
        return self.engine.find_fault()

    def prepare(self, frames: Sequence[Atoms], folder: Path) -> None:
        """Write the jobs of all frames where the engine is not here."""
        fault = self.find_fault()
        if fault is None:
            return
        places = [self._write(frame, folder) for frame in frames]
        if waiting := [p for p in places if not (p / self.engine.output).exists()]:
            command, success, _ = self.engine.guide
            raise DatasetError(
                f"{fault}. {len(waiting)} of {len(frames)} frames wait for their labels in "
                f"{folder}: run each job elsewhere ({command.splitlines()[0]}) until {success}, "
                f"copy {self.engine.output} back, and start again"
            )

    def _write(self, frame: Atoms, folder: Path) -> Path:
        from falsemetal.electronic.labels import write_label_job

        place = folder / str(frame.info["number"])
        write_label_job(place, frame, self.engine, self.functional, vacuum_A=self.vacuum_A)
        return place

    def label(
        self,
        frames: Sequence[Atoms],
        folder: Path,
        *,
        runner: "Runner | None",
        model: Path,
        threads: int,
    ) -> list[Atoms]:
        """Label by a job in a folder of its own for each frame."""
        from falsemetal.electronic.errors import ResultError
        from falsemetal.electronic.labels import label_job, write_label_job

        folders = [folder / str(frame.info["number"]) for frame in frames]
        for frame, place in zip(frames, folders, strict=True):
            write_label_job(place, frame, self.engine, self.functional, vacuum_A=self.vacuum_A)
        fault = self.find_fault()
        waiting = [p for p in folders if not (p / self.engine.output).exists()] if fault else []
        if waiting:
            command, success, _ = self.engine.guide
            raise DatasetError(
                f"{fault}. {len(waiting)} frames wait for their labels in {folder}: run each job "
                f"elsewhere ({command.splitlines()[0]}), copy {self.engine.output} back to where "
                f"{success}, and start again"
            )
        labelled = []
        for frame, place in zip(frames, folders, strict=True):
            try:
                energy, forces = label_job(
                    place, frame, self.engine, vacuum_A=self.vacuum_A, n_cores=threads
                )
                labelled.append(_labelled(frame, energy, forces))
            except ResultError as error:  # not converged, or unreadable
                labelled.append(_faulty(frame, f"{place}", error))
        return labelled


@LABELLERS.register("files")
class FilesLabeller(LabellerKind):
    """A program of the user's own: folders with structures, to which its outputs are copied."""

    kind: Literal["files"]
    output: str = Field(
        pattern=r"^[^/\s]+$",
        description="Name of the output in each frame's folder, in any format that ASE reads with "
        "energy and forces, such as OUTCAR, espresso.pwo or labelled.extxyz",
    )
    format: str | None = Field(None, description="ASE's name of it; default: as ASE finds")

    @model_validator(mode="after")
    def _can_be_read(self) -> Self:
        from ase.io.formats import ioformats

        if self.output == STRUCTURE:
            raise ValueError(f"output: {STRUCTURE} is what is written; name the output otherwise")
        if self.format is not None and self.format not in ioformats:
            raise ValueError(
                f"format: ASE knows no format '{self.format}'; leave it out, or correct it"
            )
        return self

    def label(
        self,
        frames: Sequence[Atoms],
        folder: Path,
        *,
        runner: "Runner | None",
        model: Path,
        threads: int,
    ) -> list[Atoms]:
        """Read the outputs, all of which are there."""
        outputs = [folder / str(frame.info["number"]) / self.output for frame in frames]
        logger.info("labels of %d frames are there", len(frames))
        return list(self._read(frames, outputs))

    def prepare(self, frames: Sequence[Atoms], folder: Path) -> None:
        """Write the structures; outputs of other structures are set aside."""
        places = [folder / str(frame.info["number"]) for frame in frames]
        for frame, place in zip(frames, places, strict=True):
            self._write(frame, place)
        if missing := [place for place in places if not (place / self.output).exists()]:
            raise DatasetError(
                f"{len(missing)} of {len(frames)} frames wait for their labels: compute energy and "
                f"forces of {missing[0] / STRUCTURE} and its siblings, put {self.output} beside "
                "each, and start again"
            )

    def _write(self, frame: Atoms, place: Path) -> None:
        from ase.io import write

        place.mkdir(parents=True, exist_ok=True)
        text = StringIO()
        bare = Atoms(frame.symbols, frame.positions, cell=frame.cell, pbc=frame.pbc)
        write(text, bare, format="extxyz")
        structure, output = place / STRUCTURE, place / self.output
        if structure.exists() and structure.read_text() != text.getvalue() and output.exists():
            output.replace(place / f"{self.output}.superseded")
        structure.write_text(text.getvalue())

    def _read(self, frames: Sequence[Atoms], outputs: Iterable[Path]) -> Iterator[Atoms]:
        from ase.io import read

        for frame, path in zip(frames, outputs, strict=True):
            try:
                found: Any = read(path, format=self.format)
                order = _order(frame, found)
                yield _labelled(frame, _energy(found), found.get_forces()[order])
            except Exception as error:  # of anything that a damaged output may do to ASE
                yield _faulty(frame, f"{path}", error)


def _energy(found: Any) -> float:
    """Energy in eV that forces belong to: the free one where levels are smeared and it is told."""
    from ase.calculators.calculator import PropertyNotImplementedError

    try:
        return float(found.get_potential_energy(force_consistent=True))
    except PropertyNotImplementedError:
        return float(found.get_potential_energy())


SAME_A = 0.01
"""Distance within which an atom of an output is one of the structure."""


def _order(frame: Atoms, found: Atoms) -> np.ndarray:
    """Find the indices of an output's atoms in the structure's order: programs sort by element."""
    from ase.geometry import find_mic

    if len(found) != len(frame):
        raise ValueError(f"{len(found)} atoms, but {len(frame)} in {STRUCTURE}")
    periodic = np.asarray(frame.pbc)
    if (
        found.cell.rank == 3
        and np.abs((found.cell - frame.cell)[periodic]).max(initial=0.0) > SAME_A
    ):
        raise ValueError(f"another cell than {STRUCTURE}")
    order = np.empty(len(frame), dtype=int)
    for element in sorted(set(frame.symbols)):
        here, there = (np.flatnonzero(atoms.symbols == element) for atoms in (frame, found))
        if len(here) != len(there):
            raise ValueError(f"{len(there)} of {element}, but {len(here)} in {STRUCTURE}")
        vectors = frame.positions[here][:, None] - found.positions[there][None]
        _, distances = find_mic(vectors.reshape(-1, 3), frame.cell, pbc=True)
        table = distances.reshape(len(here), len(there))
        nearest = table.argmin(axis=1)
        if table.min(axis=1).max() > SAME_A or len(set(nearest.tolist())) < len(here):
            raise ValueError(f"another structure than {STRUCTURE}")
        order[here] = there[nearest]
    return order


def _labelled(frame: Atoms, energy: float, forces: Any) -> Atoms:
    copy = Atoms(frame.symbols, frame.positions, cell=frame.cell, pbc=frame.pbc)
    copy.info = dict(frame.info) | {ENERGY: float(energy)}
    copy.arrays[FORCES] = np.array(forces, dtype=float)
    return copy


def _faulty(frame: Atoms, where: str, error: Exception) -> Atoms:
    faulty = faulty_frame(where, error)
    faulty.info = frame.info | faulty.info
    return faulty


def _told(frame: Atoms) -> str:
    info = frame.info
    return f"{info.get('trajectory', 'frame')} at {info.get('time_ps', 0.0):g} ps"
