"""Specifications: all that one job of the workflow is told, beside its files."""

from dataclasses import dataclass
from typing import Annotated, Any, Self, TypeVar

from falsemetal.plugins import load_plugins
from falsemetal.section import ASIDE, Section


class Origin(Section):
    """Configuration that a specification comes from, for provenance."""

    name: str
    sha256: str
    seed: int


class Spec(Section):
    """What one job does; made by the configuration, unpacked by the job's script.

    Attributes
    ----------
    origin
        Recorded in what the job makes; it does not depend on it.
    """

    origin: Annotated[Origin, ASIDE]


S = TypeVar("S", bound=Spec)


@dataclass(frozen=True)
class Packed:
    """A specification as text, as it travels from a rule to its script.

    Snakemake compares parameters that are plain builtins and passes over all others: as an object
    the specification reruns nothing, its `identity()`, a parameter of its own, does. As text it can
    be taken out by a process that has not loaded the plugins yet.

    Attributes
    ----------
    content
        JSON.
    plugins
        Loaded before the text is read.
    """

    content: str
    plugins: tuple[str, ...] = ()

    @classmethod
    def pack(cls, spec: Spec, plugins: tuple[str, ...] = ()) -> Self:
        """Pack a specification."""
        return cls(spec.model_dump_json(), plugins)

    def unpack(self, kind: type[S]) -> S:
        """Specification of a kind, as it was packed."""
        load_plugins(self.plugins)
        return kind.model_validate_json(self.content)


def as_parameters(spec: Spec, plugins: tuple[str, ...] = ()) -> dict[str, Any]:
    """Parameters of a rule: `spec` for its script, `identity` for Snakemake's comparison."""
    return {"spec": Packed.pack(spec, plugins), "identity": spec.identity()}
