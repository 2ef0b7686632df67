"""Distributions of ΔV in periodic cells, by length and potential: the body of Fig. 3c and S10."""

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from scipy import stats

from falsemetal.products import style
from falsemetal.products.registry import ProductSpec
from falsemetal.products.style import Tables

COLUMNS = ["potential", "length_A", "quantity", "x_V", "y", "y_low", "y_high", "n_runs"]
DENSITY, MEAN = "probability_density_per_V", "mean_dV_V"
BEYOND = "fraction_beyond_gap"

GRID_POINTS = 120
VIOLIN_WIDTH = 0.8
"""Share of the room between two lengths that their violins fill."""


def tabulate(summary: Tables, voltage: Tables, spec: ProductSpec) -> pd.DataFrame:
    """Collect violins and means in long form.

    Of each potential and length there are the `probability_density_per_V` at ΔV = `x_V`, and the
    rows `mean_dV_V` and `fraction_beyond_gap` with 95 % intervals, NaN for a mean of too few
    independent frames.
    """
    parts = []
    for name in spec.potentials:
        for key in sorted(key for key in voltage if key[0] == name):
            frames = voltage[key]
            if frames.empty:
                continue
            described = {"potential": name, "length_A": key[1]}
            described["n_runs"] = frames["replica"].nunique()
            parts.append(_density(frames["delta_V_V"].to_numpy()).assign(**described))
            parts.append(_estimates(summary[key].iloc[0]).assign(**described))
    if not parts:
        return pd.DataFrame(columns=COLUMNS)
    return pd.concat(parts, ignore_index=True).reindex(columns=COLUMNS)


def draw(summary: Tables, voltage: Tables, spec: ProductSpec) -> tuple[Figure, pd.DataFrame]:
    """Draw violins side by side at each length, with means, intervals and the band gap.

    Arguments as :func:`tabulate`.
    """
    table = tabulate(summary, voltage, spec)
    lengths = sorted(table["length_A"].unique())
    with style.journal_style():
        figure = style.new_figure(style.SINGLE_COLUMN_IN, 2.8)
        axes = figure.subplots()
        looks = style.looks(spec, table)
        width = VIOLIN_WIDTH / max(1, len(looks))
        for index, (name, look) in enumerate(looks.items()):
            shift = width * (index - 0.5 * (len(looks) - 1))
            for place, length in enumerate(lengths):
                rows = table[(table["potential"] == name) & (table["length_A"] == length)]
                if not rows.empty:
                    _draw_violin(axes, rows, place + shift, 0.47 * width, look)
        style.draw_threshold(axes, spec, r"$E_{\mathrm{g}}/e$")
        axes.set_xticks(range(len(lengths)), [f"{length:g}" for length in lengths])
        axes.set_xlim(-0.6, len(lengths) - 0.4)
        axes.tick_params(axis="x", top=False)
        axes.set_xlabel(f"{spec.campaign.size_label} ${spec.campaign.size_symbol}$ (Å)")
        axes.set_ylabel(r"$\Delta V$ (V)")
        handles = [
            Line2D([], [], color=look.color, marker=look.marker, linestyle="none")
            for look in looks.values()
        ]
        style.draw_legend_above(figure, handles, [look.label for look in looks.values()], columns=4)
        style.note_missing(figure, summary, spec)
    return figure, table


def _draw_violin(
    axes: Axes, rows: pd.DataFrame, centre: float, half_width: float, look: style.Look
) -> None:
    density = rows[rows["quantity"] == DENSITY]
    reach = half_width * density["y"] / density["y"].max()
    low, high = centre - reach, centre + reach
    axes.fill_betweenx(density["x_V"], low, high, color=look.color, alpha=0.35, linewidth=0.5)
    mean = rows[rows["quantity"] == MEAN].iloc[0]
    axes.errorbar(
        [centre],
        [mean["y"]],
        np.nan_to_num([[mean["y"] - mean["y_low"]], [mean["y_high"] - mean["y"]]]),
        color=look.color,
        marker=look.marker,
        # open without an interval
        markerfacecolor=look.color if np.isfinite(mean["y_low"]) else "white",
        markeredgecolor="white" if np.isfinite(mean["y_low"]) else look.color,
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
