"""Programs that run a potential, each with what its runs depend on beside the model's files."""

import importlib.util
import shutil
from collections.abc import Collection
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal, Self

from pydantic import Field, JsonValue

from falsemetal.files import expand
from falsemetal.potentials.force_field.settings import WaterForceField
from falsemetal.section import ASIDE, Section
from falsemetal.simulation.settings import Conditions
from falsemetal.specs import Spec

if TYPE_CHECKING:
    from ase.calculators.abc import GetPropertiesMixin

    from falsemetal.simulation.engine import MDEngine
    from falsemetal.systems.system import System


class Runner(Section):
    """A program with its settings.

    Attributes
    ----------
    title
        Its name in messages.
    program
        By which its rule goes.
    """

    title: ClassVar[str]

    program: str

    def find_fault(self) -> str | None:
        """Tell why it cannot be used on this machine, or None."""
        return None

    def make_engine(
        self, start: "System", conditions: Conditions, *, path: Path, folder: Path, threads: int
    ) -> "MDEngine":
        """Make the engine of a run.

        Parameters
        ----------
        start
            Equilibrated, with velocities.
        conditions
            Of the run.
        path
            Trajectory that will be written.
        folder
            Of the model; of a potential without files it need not be there.
        threads
            To compute with.
        """
        raise NotImplementedError

    def beside(self, elements: Collection[str]) -> Self:
        """Return the same with nothing in it that depends on other solids than of these."""
        return self

    def for_single_points(self) -> Self:
        """Return the same with nothing in it that only dynamics depends on, in double precision."""
        return self

    def make_calculator(self, folder: Path, *, threads: int) -> "GetPropertiesMixin":
        """Make an ASE calculator for single points; parameters as of :meth:`make_engine`."""
        raise NotImplementedError


class LammpsRunner(Runner):
    """A force field by LAMMPS with its Langevin thermostat."""

    title: ClassVar[str] = "LAMMPS"

    program: Literal["lammps"] = "lammps"
    force_field: WaterForceField
    friction_per_fs: float

    def make_engine(
        self, start: "System", conditions: Conditions, *, path: Path, folder: Path, threads: int
    ) -> "MDEngine":
        """Make the engine of a run."""
        from falsemetal.potentials.force_field.md import LammpsMD

        return LammpsMD(start, self.force_field, conditions, friction_per_fs=self.friction_per_fs)

    def beside(self, elements: Collection[str]) -> Self:
        """Return it with the parameters of solids of these elements alone."""
        return self.model_copy(update={"force_field": self.force_field.beside(elements)})

    def for_single_points(self) -> Self:
        """Return the force field without a thermostat."""
        return self.model_copy(update={"friction_per_fs": 0.0})

    def make_calculator(self, folder: Path, *, threads: int) -> "GetPropertiesMixin":
        """Make the calculator of labels."""
        from falsemetal.potentials.force_field.calculator import ForceFieldCalculator

        return ForceFieldCalculator(self.force_field)


class AseRunner(Runner):
    """An ASE calculator by ASE's Langevin thermostat.

    Attributes
    ----------
    factory
        `module:function`; called with this runner, the conditions, the model's folder and the
        number of threads, it returns the calculator. For single points conditions are None.
    arguments
        For the factory.
    dtype, device, neighbour_skin_A, compile
        For calculators that heed them.
    """

    title: ClassVar[str] = "ASE"

    program: Literal["ase"] = "ase"
    factory: str
    arguments: dict[str, JsonValue] = Field({})
    friction_per_fs: float
    dtype: Literal["float32", "float64"]
    device: Annotated[Literal["auto", "cpu", "cuda"], ASIDE] = "auto"
    neighbour_skin_A: Annotated[float, ASIDE] = 0.3
    compile: Annotated[Literal["auto", "never"], ASIDE] = "auto"

    def make_engine(
        self, start: "System", conditions: Conditions, *, path: Path, folder: Path, threads: int
    ) -> "MDEngine":
        """Make the engine of a run."""
        from falsemetal.simulation.ase_engine import AseLangevin

        calculator = self._call_factory(conditions, folder, threads)
        return AseLangevin(start, calculator, conditions, friction_per_fs=self.friction_per_fs)

    def for_single_points(self) -> Self:
        """Return the calculator in double precision and without a thermostat."""
        return self.model_copy(update={"friction_per_fs": 0.0, "dtype": "float64"})

    def make_calculator(self, folder: Path, *, threads: int) -> "GetPropertiesMixin":
        """Make the calculator without conditions."""
        calculator: GetPropertiesMixin = self._call_factory(None, folder, threads)
        return calculator

    def _call_factory(self, conditions: Conditions | None, folder: Path, threads: int) -> Any:
        module, _, name = self.factory.partition(":")
        factory: Any = getattr(import_module(module), name)
        return factory(self, conditions, folder=folder, threads=threads)


class ForeignRunner(AseRunner):
    """A calculator of another package, made by a recipe.

    Attributes
    ----------
    named
        What its user calls it.
    arguments
        The recipe, as of :func:`falsemetal.potentials.foreign.worker.make_calculator`.
    files, sha256
        That the recipe names, and their checksums.
    python
        Interpreter in which it is made, if not this one.
    d3
        Functional whose dispersion is added, or None.
    """

    title: ClassVar[str] = "calculator"

    program: Literal["foreign"] = "foreign"  # type: ignore[assignment]
    named: Annotated[str, ASIDE]
    files: Annotated[list[str], ASIDE] = Field([])
    sha256: list[str] = Field([])
    python: Annotated[str | None, ASIDE] = None
    d3: str | None = None

    def identity(self, *, extent: bool = True) -> dict[str, Any]:
        """Tell what a result depends on: files by name and checksum, wherever they are."""
        found = super().identity(extent=extent)
        return found | {"arguments": _without_folders(found["arguments"], self.files)}

    def find_fault(self) -> str | None:
        """Tell that its package or its interpreter is not here, or None."""
        if self.python is not None:
            found = shutil.which(expand(self.python))
            return None if found else f"{self.named}: python: there is no program {self.python}"
        if "file" in self.arguments:
            return None
        package = str(self.arguments["factory"]).partition(":")[0].partition(".")[0]
        if importlib.util.find_spec(package) is not None:
            return None
        install = self.arguments.get("install") or package
        return f"{self.named} needs {package}: pip install {install}"


def _without_folders(value: Any, files: list[str]) -> Any:
    if isinstance(value, dict):
        return {key: _without_folders(item, files) for key, item in value.items()}
    if isinstance(value, list):
        return [_without_folders(item, files) for item in value]
    return Path(value).name if value in files else value


class Cp2kRunner(Runner):
    """A committee of networks by CP2K with its CSVR thermostat, as in the paper."""

    title: ClassVar[str] = "CP2K"

    program: Literal["cp2k"] = "cp2k"
    csvr_time_fs: float

    def find_fault(self) -> str | None:
        """Tell why CP2K cannot be used here, or None."""
        from falsemetal.programs.cp2k import Cp2kError, require_cp2k

        try:
            require_cp2k()
        except Cp2kError as error:
            return str(error)
        return None

    def make_engine(
        self, start: "System", conditions: Conditions, *, path: Path, folder: Path, threads: int
    ) -> "MDEngine":
        """Make the engine of a run."""
        from falsemetal.potentials.bpnnp.md import Cp2kMD

        scratch = path.with_suffix(".cp2k")
        return Cp2kMD(
            start,
            folder,
            conditions,
            csvr_time_fs=self.csvr_time_fs,
            scratch=scratch,
            n_ranks=threads,
        )

    def for_single_points(self) -> Self:
        """Return the program without a thermostat."""
        return self.model_copy(update={"csvr_time_fs": 0.0})

    def make_calculator(self, folder: Path, *, threads: int) -> "GetPropertiesMixin":
        """Make our own form of the committee, which knows slabs."""
        from falsemetal.potentials.calculator import calculator_for_points

        return calculator_for_points(str(folder))


class FileRunner(Runner):
    """No program: its runs are files, which are read.

    Attributes
    ----------
    needs
        Package beside ASE that reads them, or None.
    """

    title: ClassVar[str] = "reader of trajectories"

    program: Literal["files"] = "files"
    needs: str | None = None

    def find_fault(self) -> str | None:
        """Tell that the package is not here, or None."""
        if self.needs is None or importlib.util.find_spec(self.needs) is not None:
            return None
        return f"{self.needs} is not here: pip install 'falsemetal[trajectory]'"


AnyRunner = Annotated[
    LammpsRunner | AseRunner | ForeignRunner | Cp2kRunner, Field(discriminator="program")
]


class RunSpec(Spec):
    """A production run of one potential."""

    conditions: Conditions
    runner: AnyRunner
