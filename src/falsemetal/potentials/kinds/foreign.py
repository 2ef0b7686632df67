"""Potentials of other packages, through ASE."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field, JsonValue, field_validator

from falsemetal.files import expand, file_sha256
from falsemetal.potentials.foreign.architectures import ALIASES, ARCHITECTURES, recipe_of
from falsemetal.potentials.kind import POTENTIALS, Labels, PotentialKind
from falsemetal.potentials.runners import ForeignRunner
from falsemetal.section import ASIDE, PositiveFloat
from falsemetal.simulation.settings import Dynamics

FOREIGN_SECONDS = 1e-2
"""Core-seconds of a step for each atom of a foundation model, on an AMD EPYC."""


class ForeignKind(PotentialKind):
    """A potential whose calculator another package makes, here or in another interpreter."""

    marker: ClassVar[str] = "P"

    python: Annotated[str | None, ASIDE] = Field(
        None,
        description="Interpreter of an environment that has its package and ASE, where it cannot "
        "be installed beside this program",
    )
    d3: str | None = Field(None, description="Functional whose D3(BJ) dispersion is added: pbe, …")
    kwargs: dict[str, JsonValue] = Field({}, description="Further arguments of its calculator")
    step_s_per_atom: Annotated[PositiveFloat, ASIDE] = Field(
        FOREIGN_SECONDS, description="Of one core, by which the cost of runs is estimated"
    )

    @property
    def seconds_per_atom_step(self) -> float:
        """Core-seconds of a step for each atom."""
        return self.step_s_per_atom

    @property
    def named(self) -> str:
        """Name in messages."""
        raise NotImplementedError

    def recipe(self) -> dict[str, Any]:
        """How its calculator is made."""
        raise NotImplementedError

    def runner(self, datasets: Mapping[str, Labels], dynamics: Dynamics) -> ForeignRunner:
        """ASE with the calculator; files by which it is made count by what they hold."""
        recipe = self.recipe()
        files = list(_files(recipe))
        return ForeignRunner(
            named=self.named,
            factory="falsemetal.potentials.foreign.running:calculator_of_recipe",
            arguments=recipe,
            files=files,
            sha256=[file_sha256(path) for path in files],
            python=self.python,
            d3=self.d3,
            friction_per_fs=dynamics.friction_per_fs,
            dtype="float64",  # what it computes in is told by its own arguments
        )


@POTENTIALS.register("foundation")
class FoundationKind(ForeignKind):
    """A model by the name of its architecture, as janus-core and ml-peg have it."""

    kind: Literal["foundation"]
    arch: str = Field(description="Architecture, such as mace_mp, chgnet or sevennet")
    model: str | None = Field(None, description="Name or file; default: the architecture's")
    head: str | None = Field(None, description="Head, task or modality of the model")
    device: Annotated[Literal["cpu", "cuda"] | None, ASIDE] = Field(
        None, description="Where it computes; default: as the package chooses"
    )

    @field_validator("arch")
    @classmethod
    def _is_known(cls, arch: str) -> str:
        known = [*ARCHITECTURES, *ALIASES]
        if arch not in known:
            raise ValueError(f"there is no architecture '{arch}'; name one of: {', '.join(known)}")
        return arch

    @property
    def named(self) -> str:
        """Name in messages."""
        return self.arch if self.model is None else f"{self.arch}:{self.model}"

    def recipe(self) -> dict[str, Any]:
        """How its calculator is made."""
        return recipe_of(
            self.arch, self.model, head=self.head, device=self.device, kwargs=dict(self.kwargs)
        )

    def find_fault(self, datasets: Mapping[str, Labels]) -> tuple[str, str] | None:
        """Key and message of a model or a head that does not fit, or None."""
        try:
            self.recipe()
        except ValueError as error:
            return "model", str(error)
        return super().find_fault(datasets)


@POTENTIALS.register("ase")
class AseKind(ForeignKind):
    """Any ASE calculator that a function makes."""

    kind: Literal["ase"]
    module: str = Field(description="Dotted name, or path of a Python file")
    factory: str = Field(
        "calculator", description="Of the module: a class, a function, or a calculator itself"
    )

    @property
    def named(self) -> str:
        """Name in messages."""
        return f"{self.module}:{self.factory}"

    def recipe(self) -> dict[str, Any]:
        """How its calculator is made."""
        if self.module.endswith(".py"):
            path = str(expand(self.module).resolve())
            return {"file": path, "factory": self.factory, "kwargs": dict(self.kwargs)}
        return {"factory": f"{self.module}:{self.factory}", "kwargs": dict(self.kwargs)}

    def find_fault(self, datasets: Mapping[str, Labels]) -> tuple[str, str] | None:
        """Key and message of a file that is not there, or None."""
        if self.module.endswith(".py") and not expand(self.module).is_file():
            return "module", f"there is no file '{self.module}'"
        return super().find_fault(datasets)


def _files(value: Any) -> Iterator[str]:
    """Files that a recipe names anywhere: a script, a model."""
    if isinstance(value, Mapping | list):
        for item in value.values() if isinstance(value, Mapping) else value:
            yield from _files(item)
    elif isinstance(value, str) and "/" in value and Path(value).is_file():
        yield value
