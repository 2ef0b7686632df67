# ruff: noqa: N999 (the name of the figure in the paper)
"""Radial distributions of bulk water with their spread over replicas (paper, Fig. S7)."""

import re

import pandas as pd
from matplotlib.figure import Figure

from falsemetal.products import style
from falsemetal.products.registry import ProductSpec
from falsemetal.products.style import Tables

RDF = re.compile("g_[A-Z][A-Za-z]*")
ELEMENT = re.compile("[A-Z][a-z]*")

TOPS = {"OO": 3.6, "OH": 2.2, "HH": 3.6}
"""Upper ends of the axes; the peaks of bonds within a molecule leave them."""

NEAREST_A = 1.2
"""Left end of the axes, beyond the bonds."""


def draw(rdf: Tables, spec: ProductSpec) -> tuple[Figure, pd.DataFrame]:
    """Draw g(r) of the three pairs with 95 % bands."""
    table = style.stack(rdf, spec, size_column="length_A")
    pairs = [column.removeprefix("g_") for column in table if RDF.fullmatch(column)]
    with style.journal_style():
        figure = style.new_figure(style.DOUBLE_COLUMN_IN, 2.4)
        panels = figure.subplots(1, len(pairs))
        for axes, pair in zip(panels, pairs, strict=True):
            axes.axhline(1.0, color=style.CONTINUUM_COLOR, linewidth=0.6, zorder=1)
            style.draw_curves(axes, table, style.looks(spec, table), "r_A", f"g_{pair}")
            axes.set_title("–".join(ELEMENT.findall(pair)))
            axes.set_xlim(NEAREST_A, table["r_A"].max() if len(table) else None)
            axes.set_ylim(0.0, TOPS.get(pair, 3.6))
            axes.set_xlabel("$r$ (Å)")
        panels[0].set_ylabel("$g(r)$")
        style.draw_legend_above(figure, *panels[0].get_legend_handles_labels(), columns=6)
        style.note_missing(figure, rdf, spec)
    return figure, table
