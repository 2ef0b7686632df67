# ruff: noqa: N999 (the name of the figure in the paper)
"""Radial distributions of bulk water with their spread over replicas (paper, Fig. S7)."""

import pandas as pd
from matplotlib.figure import Figure

from falsemetal.config import Config
from falsemetal.observables.bulk_rdf import PAIRS
from falsemetal.products import style
from falsemetal.products.style import Tables

TOPS = {"OO": 3.6, "OH": 2.2, "HH": 3.6}
"""Upper ends of the axes; the peaks of bonds within a molecule leave them."""

NEAREST_A = 1.2
"""Left end of the axes, beyond the bonds."""


def tabulate(rdf: Tables, config: Config) -> pd.DataFrame:
    """Stack the tables of all potentials.

    Parameters
    ----------
    rdf
        Tables of :class:`falsemetal.observables.bulk.BulkObservables` by potential and cell length.
    config
        Gives the order of the potentials.
    """
    parts = [
        rdf[key].assign(potential=name, length_A=key[1])
        for name in config.potentials
        for key in sorted(key for key in rdf if key[0] == name)
    ]
    table = pd.concat([part for part in parts if len(part)] or parts, ignore_index=True)
    return table[["potential", "length_A", *table.columns.drop(["potential", "length_A"])]]


def draw(rdf: Tables, config: Config) -> tuple[Figure, pd.DataFrame]:
    """Draw g(r) of the three pairs with 95 % bands; arguments as :func:`tabulate`."""
    table = tabulate(rdf, config)
    with style.journal_style():
        figure = style.new_figure(style.DOUBLE_COLUMN_IN, 2.4)
        panels = figure.subplots(1, len(PAIRS))
        for axes, pair in zip(panels, PAIRS, strict=True):
            axes.axhline(1.0, color=style.CONTINUUM_COLOR, linewidth=0.6, zorder=1)
            for name, look in style.looks(config, table).items():
                rows = table[table["potential"] == name]
                axes.plot(rows["r_A"], rows[f"g_{pair}"], color=look.color, label=look.label)
                low, high = rows[f"g_{pair}_low"], rows[f"g_{pair}_high"]
                style.draw_band(axes, rows["r_A"], low, high, look.color)
            axes.set_title("–".join(pair))
            axes.set_xlim(NEAREST_A, table["r_A"].max() if len(table) else None)
            axes.set_ylim(0.0, TOPS[pair])
            axes.set_xlabel("$r$ (Å)")
        panels[0].set_ylabel("$g(r)$")
        handles, labels = panels[0].get_legend_handles_labels()
        if handles:
            style.draw_legend_above(figure, handles, labels, columns=6)
        style.note_missing(figure, rdf, config, "cubic")
    return figure, table
