"""What every engine of electronic structure says of itself: how jobs are written, run and read."""

from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from re import Pattern
from typing import TYPE_CHECKING, Annotated, Any, ClassVar

from pydantic import Field

from falsemetal.electronic.density_of_states import DensityOfStates
from falsemetal.electronic.errors import ResultError
from falsemetal.registry import KindRegistry
from falsemetal.section import LATER, Name, Number, Section

if TYPE_CHECKING:
    from ase import Atoms

    from falsemetal.arrays import FloatArray
    from falsemetal.electronic.profiles import Grid
    from falsemetal.electronic.result import ElectronicStructure
    from falsemetal.electronic.structure import Layers


class SinglePoint(Section):
    """Calculation of one frame by a functional, in a field along z.

    The field is positive when it pushes positive charge up; with `cubes` electrostatic potential
    and density are written on a grid; with `forces` a label is computed instead of states.
    """

    functional: Name
    field_V_per_A: Number = 0.0
    cubes: bool = False
    forces: Annotated[bool, LATER] = Field(False, description="Energy and forces, and no states")

    @property
    def name(self) -> str:
        """Name of its job's folder, such as `PBE`, `PBE-0` or `PBE-0.02`."""
        in_field = self.cubes or self.field_V_per_A
        return f"{self.functional}-{self.field_V_per_A:g}" if in_field else self.functional


class EngineKind(Section):
    """Settings of an engine, and how its jobs are written, run and read.

    A job has been run where its `output` is, and files of `patterns` are outputs when they are
    copied back. `guide` is command, mark of success and what to copy back, for whoever runs a job
    elsewhere. `change` finds the change of the density that a step of self-consistency ends with in
    the output; `functionals` are those that it knows, and how it is told them.
    """

    title: ClassVar[str]
    output: ClassVar[str]
    patterns: ClassVar[tuple[str, ...]]
    guide: ClassVar[tuple[str, str, str]]
    change: ClassVar[Pattern[str]]
    functionals: ClassVar[Mapping[str, Any]]

    kind: str

    def find_fault(self) -> str | None:
        """Tell why jobs cannot be run on this machine, or None."""
        return None

    def find_fault_of(self, functionals: Iterable[str]) -> str | None:
        """Tell which functional the engine does not know, or None."""
        unknown = next((name for name in functionals if name not in self.functionals), None)
        return unknown and (
            f"{unknown}: {self.title} has no keyword for it that is known here; choose from "
            f"{', '.join(self.functionals)}, or another engine"
        )

    def inputs_from(self, states: DensityOfStates) -> DensityOfStates:
        """Return what the inputs hold of these settings, the rest at its default."""
        return states

    def write(
        self, structure: "Atoms", layers: "Layers", states: DensityOfStates, point: SinglePoint
    ) -> dict[str, str]:
        """Texts of the input files by name.

        The structure is periodic in x and y; in z, or with vacuum there, where a dipole correction
        is applied. States are projected onto the atoms of a layer together; a field comes with a
        slab alone. An element that the engine lacks raises JobError.
        """
        raise NotImplementedError

    def run(self, folder: Path, *, n_cores: int, watch: Callable[[], None]) -> None:
        """Run a written job; what an interrupted run left is used.

        `watch` is called about twice a second, and what it raises ends the run. A JobError tells
        that the engine cannot be run, or failed.
        """
        raise NotImplementedError

    def is_converged(self, output: Path) -> bool:
        """Tell whether a finished run reached self-consistency.

        An output that is missing, cut short or another program's raises ResultError.
        """
        raise NotImplementedError

    def read(
        self, folder: Path, structure: "Atoms", layers: "Layers", states: DensityOfStates
    ) -> "ElectronicStructure":
        """Read a job that converged and was written for these.

        A file that is missing, cut short, of another program or of another input raises
        ResultError.
        """
        raise NotImplementedError

    def read_labels(self, folder: Path, structure: "Atoms") -> "tuple[float, FloatArray]":
        """Read energy in eV and forces in eV/Å, shape (n_atoms, 3), of a job that converged.

        They are of the structure's atoms in its order; ResultError for those of another structure,
        or where the engine's are not read.
        """
        raise ResultError(f"{folder}: forces of {self.title} are not read")

    def response_grids(self, folder: Path, *, field_V_per_A: float) -> "tuple[Grid, Grid]":
        """Potential energy of an electron in eV, the field's included, and density in 1/Å³.

        Cubes that are missing, cut short or, of this engine, not read raise ResultError.
        """
        raise ResultError(f"{folder}: cubes of {self.title} are not read")


ENGINES: KindRegistry[EngineKind] = KindRegistry("engine of electronic structure")

AnyEngine = Annotated[EngineKind, ENGINES]
