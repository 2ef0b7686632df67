# ruff: noqa: N999 (the name of the figure in the paper)
"""Spread of the dipole against depth and dataset of short-ranged models (paper, Fig. S4b)."""

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from falsemetal.products import style
from falsemetal.products.depth import (
    Family,
    draw_levels,
    draw_point,
    estimate_of,
    families,
    levels,
)
from falsemetal.products.registry import ProductSpec
from falsemetal.products.style import Tables

COLUMNS = ["potential", "dataset", "layers", "l_max"]
COLUMNS += ["sigma_dV_V", "sigma_dV_V_low", "sigma_dV_V_high"]


def draw(summary: Tables, spec: ProductSpec) -> tuple[Figure, pd.DataFrame]:
    """Draw σ(ΔV) with 95 % intervals, or lower bounds, against the number of layers.

    A colour per dataset, a marker per l_max; models that differ by their seed alone stand beside
    each other. Lines: references and long-ranged models.
    """
    parts = []
    with style.journal_style():
        figure = style.new_figure(style.SINGLE_COLUMN_IN, 2.9)
        axes = figure.subplots()
        parts.append(draw_levels(axes, levels(spec), summary, spec, "sigma_dV_V"))
        parts += [_draw_family(axes, family, summary) for family in families(spec)]
        depths = sorted({int(layers) for family in families(spec) for layers in family.layers})
        axes.set_xticks(depths)
        if depths:
            axes.set_xlim(depths[0] - 0.5, depths[-1] + 0.5)
        axes.set_xlabel("message-passing layers")
        axes.set_ylabel(r"$\sigma(\Delta V)$ (V)")
        axes.set_ylim(bottom=0.0)
        handles, labels = axes.get_legend_handles_labels()
        if handles:
            style.draw_legend_above(figure, handles, labels, columns=2)
        style.note_missing(figure, summary, spec)
    there = [part for part in parts if len(part)]
    table = pd.concat(there) if there else pd.DataFrame()
    return figure, table.reindex(columns=COLUMNS)


def _draw_family(axes: Axes, family: Family, summary: Tables) -> pd.DataFrame:
    rows: list[list[object]] = []
    for name, layers, shift in family.members():
        estimate = estimate_of(name, summary, "sigma_dV_V")
        if estimate is None:
            continue
        look = {"color": family.color, "marker": family.marker}
        label = None if rows else family.label
        draw_point(axes, layers + shift, estimate, label=label, **look)
        rows.append([name, family.dataset, layers, family.l_max, *estimate])
    return pd.DataFrame(rows, columns=COLUMNS)
