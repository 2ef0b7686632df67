"""Distributions of ΔV in periodic cells, by length and potential: the body of Fig. 3c and S10."""

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from scipy import stats

from falsemetal.config import Config
from falsemetal.products import style
from falsemetal.products.style import Tables

COLUMNS = ["potential", "length_A", "quantity", "x_V", "y", "y_low", "y_high", "n_runs"]
DENSITY, MEAN = "probability_density_per_V", "mean_dV_V"
BEYOND = "fraction_beyond_gap"

GRID_POINTS = 120
VIOLIN_WIDTH = 0.8
"""Share of the room between two lengths that their violins fill."""


def tabulate(summary: Tables, potential: Tables, config: Config) -> pd.DataFrame:
    """Collect violins and means in long form.

    Parameters
    ----------
    summary, potential
        Tables of :class:`falsemetal.observables.bulk.BulkObservables` by potential and cell length.
    config
        Gives the order of the potentials.

    Returns
    -------
    DataFrame
        Of each potential and length the `probability_density_per_V` at ΔV = `x_V`, and the rows
        `mean_dV_V` and `fraction_beyond_gap` with 95 % intervals: of correlated frames and, for
        the mean of several runs, of Student's t over the runs' own means.
    """
    parts = []
    for name in config.potentials:
        for key in sorted(key for key in potential if key[0] == name):
            frames = potential[key]
            if frames.empty:
                continue
            described = {"potential": name, "length_A": key[1]}
            described["n_runs"] = frames["replica"].nunique()
            parts.append(_density(frames["delta_V_V"].to_numpy()).assign(**described))
            parts.append(_estimates(summary[key].iloc[0]).assign(**described))
    return pd.concat(parts, ignore_index=True).reindex(columns=COLUMNS) if parts else _empty()


def draw(table: pd.DataFrame, config: Config, *, size_label: str) -> Figure:
    """Draw violins side by side at each length, with means, intervals and the band gap.

    Parameters
    ----------
    table
        From :func:`tabulate`.
    config
        Gives looks and band gap.
    size_label
        Of the axis of lengths.
    """
    lengths = sorted(table["length_A"].unique())
    with style.journal_style():
        figure = style.new_figure(style.SINGLE_COLUMN_IN, 2.8)
        axes = figure.subplots()
        looks = style.looks(config, table)
        width = VIOLIN_WIDTH / max(1, len(looks))
        for index, (name, look) in enumerate(looks.items()):
            shift = width * (index - 0.5 * (len(looks) - 1))
            for place, length in enumerate(lengths):
                rows = table[(table["potential"] == name) & (table["length_A"] == length)]
                if not rows.empty:
                    _draw_violin(axes, rows, place + shift, 0.47 * width, look)
        gap = config.analysis.band_gap_eV
        axes.axhline(gap, color=style.METALLIC_COLOR, linestyle=":", linewidth=1.0, zorder=1)
        axes.annotate(
            r"$E_{\mathrm{g}}/e$",
            (0.99, gap),
            xycoords=("axes fraction", "data"),
            xytext=(0, 2),
            textcoords="offset points",
            color=style.METALLIC_COLOR,
            fontsize=7,
            ha="right",
        )
        axes.set_xticks(range(len(lengths)), [f"{length:g}" for length in lengths])
        axes.set_xlim(-0.6, len(lengths) - 0.4)
        axes.tick_params(axis="x", top=False)
        axes.set_xlabel(size_label)
        axes.set_ylabel(r"$\Delta V$ (V)")
        handles = [_legend_handle(look) for look in looks.values()]
        if handles:
            labels = [look.label for look in looks.values()]
            style.draw_legend_above(figure, handles, labels, columns=4)
    return figure


def _legend_handle(look: style.Look) -> Line2D:
    return Line2D([], [], color=look.color, marker=look.marker, linestyle="none")


def _draw_violin(
    axes: Axes, rows: pd.DataFrame, centre: float, half_width: float, look: style.Look
) -> None:
    density = rows[rows["quantity"] == DENSITY]
    reach = half_width * density["y"] / density["y"].max()
    axes.fill_betweenx(
        density["x_V"],
        centre - reach,
        centre + reach,
        facecolor=look.color,
        edgecolor=look.color,
        alpha=0.35,
        linewidth=0.5,
    )
    mean = rows[rows["quantity"] == MEAN].iloc[0]
    axes.errorbar(
        [centre],
        [mean["y"]],
        [[mean["y"] - mean["y_low"]], [mean["y_high"] - mean["y"]]],
        color=look.color,
        marker=look.marker,
        markeredgecolor="white",
        markeredgewidth=0.4,
        elinewidth=0.9,
        capsize=1.6,
        linestyle="none",
        zorder=3,
    )


def _density(difference: np.ndarray) -> pd.DataFrame:
    margin = 0.15 * np.ptp(difference) + 1e-3
    grid = np.linspace(difference.min() - margin, difference.max() + margin, GRID_POINTS)
    density = stats.gaussian_kde(difference)(grid)
    return pd.DataFrame({"quantity": DENSITY, "x_V": grid, "y": density})


def _estimates(summary: pd.Series) -> pd.DataFrame:
    estimates = {
        name: (summary[name], summary[f"{name}_low"], summary[f"{name}_high"])
        for name in (MEAN, BEYOND)
    }
    values = pd.DataFrame(estimates, index=["y", "y_low", "y_high"]).T
    return values.rename_axis("quantity").reset_index()


def _empty() -> pd.DataFrame:
    return pd.DataFrame(columns=COLUMNS)
