"""Structure factors of the polarisation in periodic cells against the wave vector."""

from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from falsemetal.estimators.continuum import (
    blind_fluctuation,
    dielectric_fluctuation,
    longitudinal_stiffness,
)
from falsemetal.products import style
from falsemetal.products.registry import ProductSpec
from falsemetal.products.style import Tables

THEORY_POINTS = 100
DODGE = 0.012
"""Offset between potentials at one wave vector, as a share of it."""


def tabulate(structure_factors: Tables, spec: ProductSpec) -> pd.DataFrame:
    """Stack the tables of all potentials and sizes."""
    return style.stack(structure_factors, spec, size_column="size_A")


def draw(structure_factors: Tables, spec: ProductSpec) -> tuple[Figure, pd.DataFrame]:
    """Draw S_L and S_T against k with 95 % intervals; open symbols with an arrow are lower bounds.

    Dashed: 1 − 1/ε and ε − 1, both for k → 0. Dash-dotted: 1/S_L = 1/(ε − 1) + λ_k of a truncated
    Coulomb energy.
    """
    table = tabulate(structure_factors, spec)
    permittivity = spec.settings["analysis.relative_permittivity"]
    with style.journal_style():
        figure = style.new_figure(style.DOUBLE_COLUMN_IN, 2.7)
        panels = figure.subplots(1, 2, sharex=True)
        limits = (dielectric_fluctuation(permittivity), blind_fluctuation(permittivity))
        for axes, symbol, limit in zip(panels, "LT", limits, strict=True):
            axes.axhline(limit, color=style.CONTINUUM_COLOR, linestyle="--", linewidth=0.9)
            _draw_factors(axes, table, spec, symbol)
            axes.set_yscale("log")
            axes.set_xlabel("$k$ (1/Å)")
            axes.set_ylabel(rf"$S_\mathrm{{{symbol}}}(k)$")
            axes.set_xlim(0.0, 1.08 * table["k_per_A"].max() if len(table) else 1.0)
        _draw_truncated(panels[0], spec, permittivity)
        style.draw_legend_above(figure, *panels[1].get_legend_handles_labels(), columns=8)
        style.note_missing(figure, structure_factors, spec)
    return figure, table


def _draw_factors(axes: Axes, table: pd.DataFrame, spec: ProductSpec, symbol: str) -> None:
    looks = style.looks(spec, table)
    for index, (name, look) in enumerate(looks.items()):
        rows = table[table["potential"] == name].sort_values("k_per_A")
        shift = 1.0 + DODGE * (index - 0.5 * (len(looks) - 1))
        x, y = shift * rows["k_per_A"].to_numpy(), rows[f"S_{symbol}"].to_numpy()
        low, high = (rows[f"S_{symbol}_{end}"].to_numpy() for end in ("low", "high"))
        known = np.isfinite(low)
        bars = np.maximum([y - low, high - y], 0.0)[:, known]
        plain: dict[str, Any] = {
            "color": look.color,
            "linestyle": "none",
            "elinewidth": 0.8,
            "markersize": 3.5,
        }
        axes.errorbar(
            x[known], y[known], bars, marker=look.marker, capsize=1.5, label=look.label, **plain
        )
        axes.errorbar(
            x[~known],
            y[~known],
            0.35 * y[~known],
            lolims=True,
            marker=look.marker,
            markerfacecolor="white",
            **plain,
        )


def _draw_truncated(axes: Axes, spec: ProductSpec, permittivity: float) -> None:
    low, high = axes.get_xlim()
    k = np.linspace(low, high, THEORY_POINTS + 1)[1:]
    for shown in spec.potentials.values():
        if shown.truncation is None:
            continue
        truncation = shown.truncation
        stiffness = np.array(
            [longitudinal_stiffness(x, truncation.depolarisation, truncation.cutoff_A) for x in k]
        )
        expected = 1.0 / (1.0 / blind_fluctuation(permittivity) + stiffness)
        axes.plot(k, expected, color=shown.color, linestyle="-.", linewidth=0.9)
