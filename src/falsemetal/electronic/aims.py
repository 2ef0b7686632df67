"""FHI-aims as an engine of electronic structure."""

import re
import shlex
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, ClassVar, Literal

from pydantic import AfterValidator, Field

from falsemetal.electronic.density_of_states import DensityOfStates
from falsemetal.electronic.engine import ENGINES, EngineKind, SinglePoint
from falsemetal.electronic.errors import JobError
from falsemetal.files import expand
from falsemetal.programs.process import run_program
from falsemetal.section import ASIDE, PositiveFloat, PositiveInt

if TYPE_CHECKING:
    from ase import Atoms

    from falsemetal.arrays import FloatArray
    from falsemetal.electronic.result import ElectronicStructure
    from falsemetal.electronic.structure import Layers

CONTROL, GEOMETRY, OUTPUT = "control.in", "geometry.in", "aims.out"


def _existing_folder(path: str) -> str:
    folder = expand(path)
    if not folder.is_dir():
        raise ValueError(
            f"{path}: no folder; give species_defaults/…/intermediate of your copy, which may not "
            "be passed on"
        )
    return path


@ENGINES.register("fhi-aims")
class AimsEngine(EngineKind):
    """FHI-aims as in S1.0.5; it is licensed, and its species come from the user's copy."""

    title: ClassVar[str] = "FHI-aims"
    output: ClassVar[str] = OUTPUT
    patterns: ClassVar[tuple[str, ...]] = (OUTPUT, "atom_proj_dos*.dat", "*.cube")
    guide: ClassVar[tuple[str, str, str]] = (
        "mpirun -np 8 aims.x > aims.out",
        "`aims.out` says “Self-consistency cycle converged.” and “Have a nice day.”",
        "`aims.out`, all `atom_proj_dos_*.dat` and, where there are any, the cubes",
    )
    change: ClassVar[re.Pattern[str]] = re.compile(r"Change of charge density +: +(\S+)\s")
    functionals: ClassVar[Mapping[str, str]] = {"PBE": "pbe", "RPBE": "rpbe"}

    kind: Literal["fhi-aims"]
    species_directory: Annotated[str, AfterValidator(_existing_folder)] = Field(
        description="Folder `species_defaults/…/intermediate` of your copy, which may not be "
        "passed on"
    )
    command: Annotated[str | None, ASIDE] = Field(
        None, min_length=1, description="Such as: mpirun -np {cores} aims.x"
    )
    k_grid: tuple[PositiveInt, PositiveInt, PositiveInt] = Field(
        (1, 1, 1), description="Not recovered from the paper"
    )
    occupation_smearing_eV: PositiveFloat = Field(0.01, description="Not recovered from the paper")

    def find_fault(self) -> str | None:
        """Tell that there is no command, or none on PATH; else None."""
        if self.command is None:
            return "electronic.engine.command: required to run FHI-aims here; give it"
        try:
            program = self._words(1)[0]
        except ValueError as error:
            return f"electronic.engine.command: {error}; close the quotes"
        found = shutil.which(program)
        return None if found else f"electronic.engine.command: {program} is not on PATH"

    def _words(self, n_cores: int) -> list[str]:
        """Split the command into words, or raise ValueError where a quote is open."""
        words = shlex.split((self.command or "").replace("{cores}", str(n_cores)))
        return [str(expand(word)) for word in words]

    def write(
        self, structure: "Atoms", layers: "Layers", states: DensityOfStates, point: SinglePoint
    ) -> dict[str, str]:
        """Texts of `control.in` and `geometry.in`."""
        from falsemetal.electronic.aims_input import aims_input

        return aims_input(structure, self, states, point)

    def run(self, folder: Path, *, n_cores: int, watch: Callable[[], None]) -> None:
        """Run FHI-aims by the command."""
        if fault := self.find_fault():
            raise JobError(fault)
        command, log = self._words(n_cores), folder / OUTPUT
        status = run_program(command, folder, log, watch=watch)
        if status != 0:
            raise JobError(f"{self.command}: ended with status {status}; {log} tells why")

    def is_converged(self, output: Path) -> bool:
        """Tell whether a finished run reached self-consistency."""
        from falsemetal.electronic.aims_result import is_converged

        return is_converged(output)

    def read(
        self, folder: Path, structure: "Atoms", layers: "Layers", states: DensityOfStates
    ) -> "ElectronicStructure":
        """Read a job that converged, with the density of states that FHI-aims has smeared."""
        from falsemetal.electronic.aims_result import read_aims

        return read_aims(folder, structure, layers)

    def read_labels(self, folder: Path, structure: "Atoms") -> "tuple[float, FloatArray]":
        """Energy, that which forces belong to, and forces of a job that converged."""
        from falsemetal.electronic.aims_result import read_labels

        return read_labels(folder, structure)
