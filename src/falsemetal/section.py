"""What all settings and specifications share, and what of them a result depends on."""

from collections.abc import Mapping
from enum import Enum
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

Name = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$", max_length=100)]


def _refuse_truth(value: Any) -> Any:
    if isinstance(value, bool):
        raise ValueError(f"{str(value).lower()} is no number")  # YAML reads yes, on, no, off so
    return value


Number = Annotated[float, BeforeValidator(_refuse_truth)]
Integer = Annotated[int, BeforeValidator(_refuse_truth)]
PositiveFloat = Annotated[Number, Field(gt=0)]
NonNegativeFloat = Annotated[Number, Field(ge=0)]
PositiveInt = Annotated[Integer, Field(gt=0)]
NonNegativeInt = Annotated[Integer, Field(ge=0)]
Fraction = Annotated[Number, Field(gt=0.0, lt=1.0)]


class Part(Enum):
    """Part that a field has in a result, given as metadata of its type; none: it changes it."""

    ASIDE = "changes nothing but speed, looks or what is told"
    EXTENT = "tells how far a result goes: what goes less far is continued, not begun anew"
    LATER = "came later than results that know nothing of it: changes none while at its default"


ASIDE, EXTENT, LATER = Part


class Section(BaseModel):
    """Base of all sections: unknown keys are errors, values cannot change after validation."""

    # built at first use: until then kinds may be registered
    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False, defer_build=True)

    def identity(self, *, extent: bool = True) -> dict[str, Any]:
        """Tell what a result depends on, as plain builtins, ready for JSON.

        The one definition that rerun triggers, checkpoints and resumed runs share.

        Parameters
        ----------
        extent
            With what tells how far the result goes; without, a run that is to be continued is
            recognised.
        """
        left_out = {ASIDE} if extent else {ASIDE, EXTENT}
        identity = {}
        for name, field in type(self).model_fields.items():
            value = getattr(self, name)
            parts = {part for part in field.metadata if isinstance(part, Part)}
            at_default = LATER in parts and value == field.get_default(call_default_factory=True)
            if not (left_out & parts or at_default):
                identity[name] = _plain(value, extent)
        return identity


def rebuild_sections() -> None:
    """Let sections that have been used know of kinds that were registered since."""
    waiting: list[type[Section]] = [Section]
    while waiting:
        section = waiting.pop()
        if section.__pydantic_complete__:
            section.model_rebuild(force=True)
        waiting += section.__subclasses__()


def _plain(value: Any, extent: bool) -> Any:
    if isinstance(value, Section):
        return value.identity(extent=extent)
    if isinstance(value, Mapping):
        return {str(key): _plain(item, extent) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item, extent) for item in value]
    return value
