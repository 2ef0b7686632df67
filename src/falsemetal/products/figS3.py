# ruff: noqa: N999 (the name of the figure in the paper)
"""Dissociated molecules on a metal against time (paper, Fig. S3)."""

import pandas as pd
from matplotlib.figure import Figure

from falsemetal.products import layers, style
from falsemetal.products.figS2 import note_foundation
from falsemetal.products.registry import ProductSpec
from falsemetal.products.style import Tables

SHARE = "share_"

LEAST_PERCENT = 1.0
"""Upper end of an axis, at least."""


def draw(dissociation: Tables, spec: ProductSpec) -> tuple[Figure, pd.DataFrame]:
    """Draw a panel for each dissociated species, of the first run of each potential."""
    columns = [column for table in dissociation.values() for column in table.columns]
    shares = dict.fromkeys(column for column in columns if column.startswith(SHARE))
    with style.journal_style():
        figure = style.new_figure(style.DOUBLE_COLUMN_IN, 2.4)
        panels = layers.panels(figure, spec, 1, max(1, len(shares)))
        parts = [_draw_share(*pair, dissociation) for pair in zip(panels, shares, strict=False)]
        layers.finish(figure, panels, dissociation)
        note_foundation(figure, spec)
    return figure, layers.collect(parts)


def _draw_share(panel: layers.Panel, column: str, dissociation: Tables) -> pd.DataFrame:
    species, parts = column.removeprefix(SHARE), []
    for name, table in panel.of(dissociation):
        first = table[table["replica"] == table["replica"].min()]
        look, percent = panel.look(name), 100.0 * first[column]
        panel.axes.plot(first["time_ps"], percent, color=look.color, label=look.label)
        quantities = ("time_ps", f"percent_{species}")
        parts.append(panel.rows(name, quantities, x=first["time_ps"], y=percent))
    top = max([LEAST_PERCENT, *(part["y"].max() for part in parts)])
    panel.axes.set_ylim(-0.03 * top, 1.1 * top)
    panel.axes.set_xlabel("Time (ps)")
    panel.axes.set_ylabel(f"Molecules as {species} (%)")
    return layers.collect(parts)
