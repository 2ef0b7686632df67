"""Band gap of slabs against their dipole (paper, Fig. 3b)."""

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from scipy import stats

from falsemetal.estimators.statistics import CONFIDENCE
from falsemetal.products import style
from falsemetal.products.jobs import done, note_jobs, slabs_without_field
from falsemetal.products.registry import ProductSpec
from falsemetal.units import EPSILON_0

COLUMNS = [
    "frames",
    "frame",
    "job",
    "functional",
    "engine",
    "delta_V_V",
    "P_z_e_per_A",
    "P_z_dft_e_per_A",
    "gap_eV",
    "edge_gap_eV",
    "edge_flag",
    "status",
    "gap_at_zero_eV",
    "gap_at_zero_half_width_eV",
]


def tabulate(jobs: pd.DataFrame, *, limit_V: float) -> pd.DataFrame:
    """Slabs without a field, whatever became of them, with the line of each functional.

    `gap_at_zero_eV` is where the line of :func:`gap_without_dipole` begins.
    """
    table = slabs_without_field(jobs).assign(
        gap_at_zero_eV=np.nan, gap_at_zero_half_width_eV=np.nan
    )
    for _, rows in done(table).groupby("functional"):
        table.loc[rows.index, COLUMNS[-2:]] = gap_without_dipole(
            rows["gap_eV"].to_numpy(), rows["delta_V_V"].to_numpy(), limit_V=limit_V
        )
    return table[COLUMNS].reset_index(drop=True)


def gap_without_dipole(
    gap_eV: np.ndarray, difference_V: np.ndarray, *, limit_V: float
) -> tuple[float, float]:
    """E_g(0) of the line E_g(0) − e·abs(P_z)/ε0 through frames of small dipoles, with its interval.

    Frames count up to so large an abs(ΔV). Returns, in eV, the value and half of its 95 % interval,
    Student's t over frames, NaN for a single one.
    """
    small = np.abs(difference_V) <= limit_V
    at_zero = (gap_eV + np.abs(difference_V))[small]
    if not len(at_zero):
        return np.nan, np.nan
    if len(at_zero) == 1:
        return float(at_zero[0]), np.nan
    factor = stats.t.ppf(0.5 * (1.0 + CONFIDENCE), len(at_zero) - 1)
    return float(at_zero.mean()), float(factor * at_zero.std(ddof=1) / np.sqrt(len(at_zero)))


def draw(jobs: pd.DataFrame, spec: ProductSpec) -> tuple[Figure, pd.DataFrame]:
    """Draw E_g against abs(P_z) and the line on which a drop of potential closes it.

    Filled: between the highest occupied level and the next. Open: by the search for band edges in
    the density of states (S1.0.5). Crosses: the filled ones at the dipole of electronic structure
    instead of that of eq. 1. The upper axis gives the drop of the potential, abs(P_z)/ε0.
    """
    table = tabulate(jobs, limit_V=spec.settings["electronic.small_dipole_V"])
    with style.journal_style():
        figure = style.new_figure(style.SINGLE_COLUMN_IN, 2.7)
        axes = figure.subplots()
        for index, (name, rows) in enumerate(done(table).groupby("functional", sort=False)):
            color = style.PALETTE[(2 * index + 2) % len(style.PALETTE)]
            dipole = rows["P_z_e_per_A"].abs()
            axes.plot(dipole, rows["gap_eV"], "o", color=color, label=f"{name}, levels", zorder=3)
            axes.plot(
                dipole,
                rows["edge_gap_eV"],
                "o",
                color=color,
                markerfacecolor="none",
                markersize=6.5,
                markeredgewidth=0.7,
                label=f"{name}, band edges",
            )
            axes.plot(
                rows["P_z_dft_e_per_A"].abs(),
                rows["gap_eV"],
                "x",
                color=color,
                markersize=3.5,
                markeredgewidth=0.7,
                label=rf"{name}, levels, at $P_z^\mathrm{{DFT}}$",
            )
            _draw_line(axes, rows.iloc[0], color)
        axes.axhline(0.0, color=style.METALLIC_COLOR, linestyle=":", linewidth=1.0, zorder=1)
        axes.set_xlim(left=0.0)
        if done(table).empty:
            axes.set_xlim(right=spec.settings["analysis.band_gap_eV"] * EPSILON_0)
        axes.set_xlabel(r"$|P_z|$ (e/Å)")
        axes.set_ylabel(r"$E_{\mathrm{g}}$ (eV)")
        axes.tick_params(top=False)
        top = axes.secondary_xaxis("top", functions=(style.in_volts, style.in_e_per_A))
        top.set_xlabel(r"$|P_z|/\varepsilon_0$ (V)")
        handles, labels = axes.get_legend_handles_labels()
        if handles:
            axes.legend(handles, labels, loc="upper right")
        note_jobs(figure, table, spec)
    return figure, table


def _draw_line(axes: Axes, row: pd.Series, color: str) -> None:
    gap, half_width = row["gap_at_zero_eV"], row["gap_at_zero_half_width_eV"]
    if np.isnan(gap):
        return
    spread = "" if np.isnan(half_width) else f" ± {half_width:.2f}"
    axes.plot(
        [0.0, gap * EPSILON_0],
        [gap, 0.0],
        color=color,
        linewidth=0.8,
        label=rf"{gap:.2f}{spread} eV $- e|P_z|/\varepsilon_0$",
        zorder=1,
    )
