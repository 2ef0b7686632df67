"""Autocorrelation of the potential difference in elongated cells (paper, Fig. 3d)."""

import pandas as pd
from matplotlib.figure import Figure

from falsemetal.products import style
from falsemetal.products.registry import ProductSpec
from falsemetal.products.style import Tables


def draw(autocorrelation: Tables, spec: ProductSpec) -> tuple[Figure, pd.DataFrame]:
    """Draw a panel for each length with 95 % bands."""
    table = style.stack(autocorrelation, spec, size_column="length_A")
    lengths = sorted({length for _, length in autocorrelation})
    with style.journal_style():
        width = min(style.DOUBLE_COLUMN_IN, 0.6 + 1.9 * len(lengths))
        figure = style.new_figure(width, 2.4)
        panels = figure.subplots(1, len(lengths), sharey=True, squeeze=False)[0]
        looks = style.looks(spec, table)
        for axes, length in zip(panels, lengths, strict=True):
            axes.axhline(0.0, color=style.CONTINUUM_COLOR, linewidth=0.6, zorder=1)
            style.draw_curves(axes, table[table["length_A"] == length], looks, "lag_ps", "acf")
            axes.set_title(f"${spec.campaign.size_symbol}$ = {length:g} Å")
            axes.set_xlim(0.0, table["lag_ps"].max() if len(table) else None)
            axes.set_ylim(-0.6, 1.02)
            axes.set_xlabel("Lag (ps)")
        panels[0].set_ylabel(r"Autocorrelation of $\Delta V$")
        style.draw_legend_above(figure, *panels[0].get_legend_handles_labels(), columns=6)
        style.note_missing(figure, autocorrelation, spec)
    return figure, table
