"""Families of short-ranged models, told apart by dataset, depth and order."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from falsemetal.products.registry import ProductSpec
from falsemetal.products.style import Tables

MARKERS = ("s", "D", "v", "P")
"""By l_max."""

SPACING = 0.12
"""Between families, and members of one, in layers."""


@dataclass
class Family:
    """Short-ranged models of one dataset and l_max.

    Attributes
    ----------
    dataset, l_max
        Of all.
    color, marker, place
        Looks, and its offset from the number of layers.
    layers
        Names of the models by number of layers, of several seeds.
    """

    dataset: str
    l_max: int
    color: str
    marker: str
    place: float = 0.0
    layers: dict[int, list[str]] = field(default_factory=dict)

    @property
    def label(self) -> str:
        """As a legend says it."""
        return rf"{self.dataset}, $\ell_\mathrm{{max}}$ = {self.l_max}"

    def members(self) -> Iterator[tuple[str, int, float]]:
        """Name, layers and offset of each model."""
        for layers, names in sorted(self.layers.items()):
            for index, name in enumerate(names):
                yield name, layers, self.place + 0.3 * SPACING * (index - 0.5 * (len(names) - 1))


def families(spec: ProductSpec) -> list[Family]:
    """Families of the short-ranged models that a product shows, in the configuration's order."""
    found: dict[tuple[str, int], Family] = {}
    colors: dict[str | None, str] = {}
    for name in models(spec):
        shown = spec.potentials[name]
        dataset, l_max = str(shown.dataset), int(shown.architecture["l_max"])
        # of a dataset that of its first model, so that no line of a reference has it
        color = colors.setdefault(shown.dataset, shown.color)
        family = found.setdefault(
            (dataset, l_max), Family(dataset, l_max, color, MARKERS[l_max % len(MARKERS)])
        )
        family.layers.setdefault(int(shown.architecture["layers"]), []).append(name)
    for index, family in enumerate(found.values()):
        family.place = SPACING * (index - 0.5 * (len(found) - 1))
    return list(found.values())


def levels(spec: ProductSpec) -> list[str]:
    """Potentials that are no short-ranged models: references, and long-ranged models."""
    return [name for name in spec.potentials if name not in models(spec)]


def models(spec: ProductSpec) -> list[str]:
    """Names of the short-ranged models that a product shows."""
    return [
        name
        for name, shown in spec.potentials.items()
        if "layers" in shown.architecture and "formal_charges_e" not in shown.architecture
    ]


def draw_levels(
    axes: Axes, names: Sequence[str], tables: Tables, spec: ProductSpec, column: str
) -> pd.DataFrame:
    """Draw an estimate of potentials as lines with 95 % bands; returns their rows."""
    rows = []
    for name in names:
        shown, estimate = spec.potentials[name], estimate_of(name, tables, column)
        if estimate is None:
            continue
        value, low, high = estimate
        axes.axhline(value, color=shown.color, linewidth=1.0, label=shown.label)
        if np.isfinite(low):
            axes.axhspan(low, high, color=shown.color, alpha=0.12, linewidth=0)
        ends = {f"{column}_low": low, f"{column}_high": high}
        rows.append({"potential": name, column: value, **ends})
    return pd.DataFrame(rows)


def draw_point(
    axes: Axes,
    x: float,
    estimate: tuple[float, float, float],
    *,
    color: str,
    marker: str,
    label: str | None,
) -> None:
    """Draw an estimate with the ends of its interval, or as a lower bound where these are NaN."""
    value, low, high = estimate
    known = np.isfinite(low)
    # the interval is corrected for bias and may leave a value of few samples outside
    error = np.maximum([[value - low], [high - value]], 0.0) if known else 0.1 * value
    axes.errorbar(
        x,
        value,
        yerr=error,
        lolims=not known,
        color=color,
        marker=marker,
        markerfacecolor=color if known else "white",
        linestyle="none",
        capsize=1.8,
        elinewidth=0.8,
        label=label,
    )


def estimate_of(name: str, tables: Tables, column: str) -> tuple[float, float, float] | None:
    """Estimate of a potential with the ends of its interval; None without a number."""
    for (potential, _), table in tables.items():
        if potential == name and len(table) and np.isfinite(table.iloc[0][column]):
            value, low, high = (table.iloc[0][f"{column}{end}"] for end in ("", "_low", "_high"))
            return float(value), float(low), float(high)
    return None
