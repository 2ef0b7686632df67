"""What figures of answers to a field share: the potentials whose charges do not answer."""

import textwrap
from collections.abc import Iterable

import pandas as pd
from matplotlib.figure import Figure

from falsemetal.products import style
from falsemetal.products.registry import ProductSpec
from falsemetal.products.style import Tables


def ignoring(spec: ProductSpec) -> dict[str, str]:
    """Labels of potentials whose charges answer to no field, by name."""
    return {name: shown.label for name, shown in spec.potentials.items() if shown.ignores_fields}


def name_ignoring(labels: Iterable[str], *, letters: int, before: str = "") -> str:
    """Name potentials of these labels, in lines of so many letters at most."""
    text = f"{before}charges do not answer: {', '.join(labels)}"
    return textwrap.fill(text, letters, break_on_hyphens=False)


def note_missing(
    figure: Figure, tables: Tables, spec: ProductSpec, sizes_A: Iterable[float]
) -> None:
    """Name below a figure of these sizes what it lacks: of potentials that answer."""
    nothing = pd.DataFrame({"by": ["construction"]})
    lacking = {(name, size): nothing for size in sizes_A for name in ignoring(spec)}
    style.note_missing(figure, {**tables, **lacking}, spec)
