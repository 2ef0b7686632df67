"""Families of potentials: one whose settings are varied, all values with all."""

import re
from collections.abc import Iterator, Mapping
from itertools import product
from typing import Any

from pydantic import Field, JsonValue, ValidationError

from falsemetal.potentials.kind import POTENTIALS, PotentialKind
from falsemetal.section import Name, Section

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")

KEPT = ("kind", "grid", "label")
"""Settings that a grid does not vary."""


class Grid(Section):
    """Potentials named `<grid>-<value>-<value>…`, in the order of the lists, the last fastest.

    They become potentials like any other, with the key `grid`; figures of single potentials leave
    them out.
    """

    of: Name = Field(description="Potential that is varied")
    over: dict[str, list[JsonValue]] = Field(
        min_length=1, description="Settings of it, each with its values"
    )


class GridError(ValueError):
    """A grid that cannot be laid out; `key` is where it is."""

    def __init__(self, key: tuple[str, ...], message: str) -> None:
        super().__init__(message)
        self.key = key


def lay_out(raw: Mapping[str, Any]) -> Mapping[str, Any]:
    """Replace the grids of a configuration, as read from YAML, by their potentials.

    What is not as the sections have it is left for validation to tell of; GridError for a grid of
    settings or of a potential that are not there.
    """
    grids = raw.get("grids")
    if not isinstance(grids, Mapping) or not isinstance(raw.get("potentials"), Mapping):
        return raw
    potentials = dict(raw["potentials"])
    for name, settings in grids.items():
        if NAME.fullmatch(str(name)) is None:
            raise GridError(
                ("grids", str(name)),
                "write letters, digits, '.', '_' and '-', a letter or digit first",
            )
        try:
            grid = Grid.model_validate(settings)
        except ValidationError:
            return raw
        for member, potential in _members(str(name), grid, potentials):
            if member in potentials:
                raise GridError(
                    ("grids", str(name)), f"there is a potential '{member}'; rename the grid"
                )
            potentials[member] = potential
    return {**raw, "potentials": potentials, "grids": {}}


def _members(
    name: str, grid: Grid, potentials: Mapping[str, Any]
) -> Iterator[tuple[str, dict[str, Any]]]:
    varied = potentials.get(grid.of)
    if not isinstance(varied, Mapping):
        known = ", ".join(map(str, potentials))
        raise GridError(
            ("grids", name, "of"), f"there is no potential '{grid.of}'; name one of: {known}"
        )
    fields = POTENTIALS.get(str(varied.get("kind")), PotentialKind).model_fields
    for key, values in grid.over.items():
        where = ("grids", name, "over", key)
        if key in KEPT or key not in fields:
            raise GridError(where, f"{grid.of} has no such setting to vary")
        if any(isinstance(value, list | dict) for value in values):
            raise GridError(where, "holds lists; a grid varies numbers and names alone")
        if not values or len({str(value) for value in values}) < len(values):
            raise GridError(where, "give distinct values, at least one")
    for chosen in product(*grid.over.values()):
        changed = dict(zip(grid.over, chosen, strict=True))
        told = ", ".join(f"{key} {value}" for key, value in changed.items())
        yield (
            "-".join([name, *map(str, chosen)]),
            {**varied, **changed, "grid": name, "label": f"{varied.get('label', grid.of)}: {told}"},
        )
