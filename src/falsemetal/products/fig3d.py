"""Autocorrelation of the potential difference in elongated cells (paper, Fig. 3d)."""

import pandas as pd
from matplotlib.figure import Figure

from falsemetal.config import Config
from falsemetal.products import style
from falsemetal.products.style import Tables

COLUMNS = ["potential", "length_A", "lag_ps", "acf", "acf_low", "acf_high"]


def tabulate(autocorrelation: Tables, config: Config) -> pd.DataFrame:
    """Stack the tables of all potentials and lengths.

    Parameters
    ----------
    autocorrelation
        Tables of :class:`falsemetal.observables.bulk.BulkObservables` by potential and cell length.
    config
        Gives the order of the potentials.
    """
    parts = [
        autocorrelation[key].assign(potential=name, length_A=key[1])
        for name in config.potentials
        for key in sorted(key for key in autocorrelation if key[0] == name)
        if not autocorrelation[key].empty
    ]
    return pd.concat(parts, ignore_index=True)[COLUMNS] if parts else pd.DataFrame(columns=COLUMNS)


def draw(autocorrelation: Tables, config: Config) -> tuple[Figure, pd.DataFrame]:
    """Draw a panel for each length with 95 % bands; arguments as :func:`tabulate`."""
    table = tabulate(autocorrelation, config)
    lengths = sorted({length for _, length in autocorrelation})
    with style.journal_style():
        width = min(style.DOUBLE_COLUMN_IN, 0.6 + 1.9 * len(lengths))
        figure = style.new_figure(width, 2.4)
        panels = figure.subplots(1, len(lengths), sharey=True, squeeze=False)[0]
        looks = style.looks(config, table)
        for axes, length in zip(panels, lengths, strict=True):
            axes.axhline(0.0, color=style.CONTINUUM_COLOR, linewidth=0.6, zorder=1)
            for name, look in looks.items():
                rows = table[(table["potential"] == name) & (table["length_A"] == length)]
                axes.plot(rows["lag_ps"], rows["acf"], color=look.color, label=look.label)
                style.draw_band(axes, rows["lag_ps"], rows["acf_low"], rows["acf_high"], look.color)
            axes.set_title(f"$L_z$ = {length:g} Å")
            axes.set_xlim(0.0, table["lag_ps"].max() if len(table) else None)
            axes.set_ylim(-0.6, 1.02)
            axes.set_xlabel("Lag (ps)")
        panels[0].set_ylabel(r"Autocorrelation of $\Delta V$")
        if looks:
            style.draw_legend_above(figure, *panels[0].get_legend_handles_labels(), columns=6)
        style.note_missing(figure, autocorrelation, config, "elongated")
    return figure, table
