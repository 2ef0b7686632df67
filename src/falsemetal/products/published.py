"""Errors that others have published of their models, to stand beside those of this program's."""

from functools import cache
from pathlib import Path

import yaml
from pydantic import Field

from falsemetal.section import PositiveFloat, Section

FILE = Path(__file__).with_name("published_errors.yaml")


class PublishedErrors(Section):
    """Root-mean-square errors of a model on frames held out from a public set.

    Energies are in meV/atom, forces in meV/Å, charges in me, None where the model has none. The
    source is a name of the file's, or, in a specification, the citation.
    """

    model: str
    energy: PositiveFloat
    force: PositiveFloat
    charge: PositiveFloat | None = None
    source: str


class Publications(Section):
    """Published errors by set, and citations of where they stand."""

    sources: dict[str, str]
    sets: dict[str, list[PublishedErrors]] = Field(min_length=1)


@cache
def published_sets() -> dict[str, list[PublishedErrors]]:
    """Read the published errors by set, each with its citation."""
    found = Publications.model_validate(yaml.safe_load(FILE.read_text(encoding="utf-8")))
    return {
        name: [row.model_copy(update={"source": found.sources[row.source]}) for row in rows]
        for name, rows in found.sets.items()
    }
