"""Whether learning cures a short-ranged model: what it fluctuates and feels, by generation."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from falsemetal.products import style
from falsemetal.products.depth import (
    MARKERS,
    SPACING,
    draw_levels,
    draw_point,
    estimate_of,
    levels,
    models,
)
from falsemetal.products.registry import ProductSpec
from falsemetal.products.style import Tables

COLUMNS = ["panel", "quantity", "potential", "dataset", "layers", "value", "low", "high"]


@dataclass(frozen=True)
class Quantity:
    """What a panel shows: an estimate of each potential, in tables of one row and one size.

    Attributes
    ----------
    column, symbol
        Of the estimate, whose interval ends with `_low` and `_high`.
    title
        Of the panel.
    tables
        By potential and size.
    """

    column: str
    symbol: str
    title: str
    tables: Tables
    logarithmic: bool = False


def draw(
    summary: Tables,
    structure_factors: Tables,
    verdict: Mapping[str, pd.DataFrame],
    spec: ProductSpec,
) -> tuple[Figure, pd.DataFrame]:
    """Draw σ(ΔV) of the thinnest and thickest layer, λ of the stacking test, and S_L(k → 0).

    Against the datasets of the short-ranged models, a colour and marker per number of layers, with
    95 % intervals or as lower bounds; lines are references and long-ranged models.
    """
    parts = []
    with style.journal_style():
        figure = style.new_figure(style.DOUBLE_COLUMN_IN, 4.6)
        panels = figure.subplots(2, 2).ravel()
        quantities = _quantities(summary, structure_factors, verdict)
        for letter, axes, quantity in zip("abcd", panels, quantities, strict=True):
            rows = _draw_quantity(axes, quantity, spec)
            parts.append(rows.assign(panel=letter, quantity=quantity.column))
            axes.set_title(f"({letter}) {quantity.title}", fontsize=7, loc="left", pad=3)
        handles: dict[str, Any] = {}
        for axes in panels:
            for handle, label in zip(*axes.get_legend_handles_labels(), strict=True):
                handles.setdefault(label, handle)
        style.draw_legend_above(figure, list(handles.values()), list(handles), columns=4)
        style.note_missing(figure, summary, spec)
    table = pd.concat(parts) if parts else pd.DataFrame()
    return figure, table.reindex(columns=COLUMNS)


def _quantities(
    summary: Tables, structure_factors: Tables, verdict: Mapping[str, pd.DataFrame]
) -> list[Quantity]:
    sizes = sorted({size for _, size in summary})
    thin, thick = (
        {key: table for key, table in summary.items() if key[1:] == tuple(ends)}
        for ends in (sizes[:1], sizes[-1:])
    )
    stacked = {
        (name, 0.0): table.assign(
            lambda_low=table["lambda"] - table["lambda_uncertainty"],
            lambda_high=table["lambda"] + table["lambda_uncertainty"],
        )
        for name, table in verdict.items()
    }
    longest = {
        key: table.sort_values("k_per_A").head(1)
        for key, table in structure_factors.items()
        if len(table)
    }
    k = next((table["k_per_A"].iloc[0] for table in longest.values()), np.nan)
    sigma = ("sigma_dV_V", r"$\sigma(\Delta V)$ (V)")
    return [
        Quantity(*sigma, f"layer of {_size(thin)} Å", thin),
        Quantity(*sigma, f"layer of {_size(thick)} Å", thick),
        Quantity("lambda", r"$\lambda$", "share of the field that is felt, by stacking", stacked),
        Quantity("S_L", r"$S_\mathrm{L}(k)$", f"periodic cell, $k$ = {k:.2f} 1/Å", longest, True),
    ]


def _size(tables: Tables) -> str:
    return "".join(f"{size:g}" for size in sorted({size for _, size in tables}))


def _draw_quantity(axes: Axes, quantity: Quantity, spec: ProductSpec) -> pd.DataFrame:
    column = quantity.column
    lines = draw_levels(axes, levels(spec), quantity.tables, spec, column)
    rows = [
        [line["potential"], None, np.nan, *(line[f"{column}{e}"] for e in ("", "_low", "_high"))]
        for line in lines.to_dict("records")
    ]
    shown = models(spec)
    datasets = list(dict.fromkeys(str(spec.potentials[name].dataset) for name in shown))
    depths = sorted({int(spec.potentials[name].architecture["layers"]) for name in shown})
    labelled: set[int] = set()
    for name in shown:
        potential = spec.potentials[name]
        layers, dataset = int(potential.architecture["layers"]), str(potential.dataset)
        estimate = estimate_of(name, quantity.tables, column)
        if estimate is None:
            continue
        place = depths.index(layers)
        x = datasets.index(dataset) + SPACING * (place - 0.5 * (len(depths) - 1))
        # of several orders or seeds beside each other
        x += 0.2 * SPACING * sum(row[1:3] == [dataset, layers] for row in rows)
        color = style.PALETTE[(1 + place) % len(style.PALETTE)]
        count = "1 layer" if layers == 1 else f"{layers} layers"
        label = None if layers in labelled else count
        marker = MARKERS[place % len(MARKERS)]
        draw_point(axes, x, estimate, color=color, marker=marker, label=label)
        labelled.add(layers)
        rows.append([name, dataset, layers, *estimate])
    axes.set_xticks(range(len(datasets)), datasets)
    axes.set_xlim(-0.5, len(datasets) - 0.5)
    axes.set_ylabel(quantity.symbol)
    if quantity.logarithmic:
        axes.set_yscale("log")
    else:
        axes.set_ylim(bottom=min(0.0, axes.get_ylim()[0]))
    return pd.DataFrame(rows, columns=COLUMNS[2:])
