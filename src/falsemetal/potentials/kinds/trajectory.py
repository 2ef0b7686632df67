"""Runs of the user's own, made by any program."""

from collections.abc import Iterator, Mapping
from typing import Annotated, ClassVar, Literal, Self

from pydantic import AfterValidator, Field, model_validator

from falsemetal.potentials.kind import POTENTIALS, Labels, PotentialKind
from falsemetal.potentials.recorded.spec import RecordedRuns, SolidAtoms, atoms_of
from falsemetal.potentials.runners import FileRunner
from falsemetal.section import ASIDE, Name, PositiveFloat
from falsemetal.simulation.settings import Dynamics, Run
from falsemetal.systems.molecule import Element


def _tell_atoms(given: SolidAtoms) -> SolidAtoms:
    atoms_of(given)
    return given


Files = Annotated[list[str], Field(min_length=1)]


@POTENTIALS.register("trajectory")
class TrajectoryKind(PotentialKind):
    """Trajectories of the user's own, such as AIMD: they stand as a potential, the reference."""

    marker: ClassVar[str] = "*"
    runs_key: ClassVar[str] = "files"

    kind: Literal["trajectory"]
    files: Annotated[
        dict[Name, Annotated[dict[PositiveFloat, Files], Field(min_length=1)]], ASIDE
    ] = Field(
        min_length=1,
        description="By campaign and size in Å: what ASE or MDAnalysis reads, a file a replica",
    )
    topology: Annotated[str | None, ASIDE] = Field(
        None, description="File of the elements, for DCD, XTC and the like, by MDAnalysis"
    )
    types: list[Element] | None = Field(
        None, description="Elements of LAMMPS' types, for dumps without elements"
    )
    interval_ps: PositiveFloat | None = Field(
        None, description="Between frames, where the files do not tell"
    )
    cell_A: Annotated[list[PositiveFloat], Field(min_length=3, max_length=3)] | None = Field(
        None, description="Edges of the cell, where the files do not tell (xyz of CP2K)"
    )
    solid_atoms: Annotated[SolidAtoms, AfterValidator(_tell_atoms)] | None = Field(
        None,
        description="Atoms of the solid, from 0: 0-191, a list, or a count of the first ones; "
        "default: those of elements that the liquid lacks, and oxygens without a hydrogen",
    )
    runs: Annotated[dict[Name, Run], ASIDE] = Field({}, description="None: its runs are its files")

    @property
    def by_campaign(self) -> Mapping[str, RecordedRuns]:
        """Files by campaign."""
        return {campaign: RecordedRuns(by_size) for campaign, by_size in self.files.items()}

    def named_files(self) -> Iterator[tuple[str, str]]:
        """Keys and paths of trajectories and topology."""
        if self.topology is not None:
            yield "topology", self.topology
        for campaign, by_size in self.files.items():
            for size, paths in by_size.items():
                for replica, path in enumerate(paths):
                    yield f"files.{campaign}.{size:g}[{replica}]", path

    def runner(self, datasets: Mapping[str, Labels], dynamics: Dynamics) -> FileRunner:
        """None that runs."""
        return FileRunner(needs=None if self.topology is None else "MDAnalysis")

    @model_validator(mode="after")
    def _runs_are_files(self) -> Self:
        if self.runs:
            raise ValueError("runs: nothing is run; remove it, all frames of its files are taken")
        named: dict[str, str] = {}
        for key, path in self.named_files():
            if path in named:
                raise ValueError(f"{key}: {path} is {named[path]} already; name each file once")
            named[path] = key
        return self
