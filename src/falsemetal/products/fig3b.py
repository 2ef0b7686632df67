"""Band gap of slabs against their dipole (paper, Fig. 3b)."""

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from scipy import optimize, stats

from falsemetal.arrays import FloatArray
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
    "largest_gap_eV",
    "intercept_eV",
    "slope_eV_per_V",
    "slope_half_width_eV_per_V",
    "scatter_eV",
    "n_fitted",
]

_volts_and_back: Any = (lambda dipole: dipole / EPSILON_0, lambda voltage: voltage * EPSILON_0)

LEAST_FRAMES = 3
"""Fewer tell no scatter about a line."""


@dataclass(frozen=True)
class GapLine:
    """Straight line of gaps against abs(ΔV), fitted to so many frames.

    The slope's half-width is of its 95 % interval, Student's t; the scatter is the standard
    deviation of single frames about the line. The expected slope is −1 eV/V.
    """

    intercept_eV: float
    slope_eV_per_V: float
    slope_half_width_eV_per_V: float
    scatter_eV: float
    n_fitted: int


def fit_gaps(gap_eV: FloatArray, difference_V: FloatArray) -> GapLine | None:
    """Fit max(0, E_g(0) + slope·abs(ΔV)) to all frames: a closed gap stays closed.

    Frames that are closed where the line has closed tell nothing of it and are not counted. None of
    fewer than three open gaps at different voltages, or where no line fits.
    """
    x, y = np.abs(difference_V), np.asarray(gap_eV, float)
    is_open = y > 0.0
    if len(np.unique(x[is_open])) < LEAST_FRAMES:
        return None
    guess = stats.linregress(x[is_open], y[is_open])
    try:
        (intercept, slope), covariance = optimize.curve_fit(
            _closing, x, y, p0=(guess.intercept, guess.slope)
        )
    except RuntimeError:
        return None
    if not np.isfinite(covariance).all():
        return None
    expected = _closing(x, intercept, slope)
    residuals = y - expected
    n_telling = int(np.count_nonzero((y > 0.0) | (expected > 0.0)))
    degrees = n_telling - 2
    factor = stats.t.ppf(0.5 * (1.0 + CONFIDENCE), degrees)
    variance = covariance[1, 1] * (len(x) - 2) / degrees
    return GapLine(
        intercept_eV=float(intercept),
        slope_eV_per_V=float(slope),
        slope_half_width_eV_per_V=float(factor * np.sqrt(variance)),
        scatter_eV=float(np.sqrt(np.sum(residuals**2) / degrees)),
        n_fitted=n_telling,
    )


def _closing(voltage_V: FloatArray, intercept_eV: float, slope_eV_per_V: float) -> FloatArray:
    return np.maximum(0.0, intercept_eV + slope_eV_per_V * voltage_V)


def tabulate(jobs: pd.DataFrame) -> pd.DataFrame:
    """Slabs without a field, whatever became of them, with the line of each functional.

    `largest_gap_eV` is E_g(0) as the paper has it, the largest gap sampled; the rest is of
    :func:`fit_gaps`.
    """
    table = slabs_without_field(jobs).assign(**dict.fromkeys(COLUMNS[-6:], np.nan))
    for _, rows in done(table).groupby("functional"):
        gaps, differences = (rows[key].to_numpy() for key in ("gap_eV", "delta_V_V"))
        table.loc[rows.index, "largest_gap_eV"] = gaps.max()
        line = fit_gaps(gaps, differences)
        if line is not None:
            table.loc[rows.index, list(asdict(line))] = list(asdict(line).values())
    return table[COLUMNS].reset_index(drop=True)


def draw(jobs: pd.DataFrame, spec: ProductSpec) -> tuple[Figure, pd.DataFrame]:
    """Draw E_g against abs(P_z), a line fitted to it, and that on which the drop closes the gap.

    Filled: between the highest occupied level and the next. Open: by the search for band edges in
    the density of states (S1.0.5). The upper axis gives the drop of the potential, abs(P_z)/ε0.
    """
    table = tabulate(jobs)
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
            _draw_line(axes, rows.iloc[0], color)
        axes.axhline(0.0, color=style.METALLIC_COLOR, linestyle=":", linewidth=1.0, zorder=1)
        axes.set_xlim(left=0.0)
        axes.set_ylim(bottom=-0.2)
        if done(table).empty:
            axes.set_xlim(right=spec.settings["analysis.band_gap_eV"] * EPSILON_0)
        axes.set_xlabel(r"$|P_z|$ (e/Å)")
        axes.set_ylabel(r"$E_{\mathrm{g}}$ (eV)")
        axes.tick_params(top=False)
        top = axes.secondary_xaxis("top", functions=_volts_and_back)
        top.set_xlabel(r"$|P_z|/\varepsilon_0$ (V)")
        handles, labels = axes.get_legend_handles_labels()
        if handles:
            axes.legend(handles, labels, loc="upper right")
        note_jobs(figure, table, spec)
    return figure, table


def _draw_line(axes: Axes, row: pd.Series, color: str) -> None:
    largest = row["largest_gap_eV"]
    axes.plot(
        [0.0, largest * EPSILON_0],
        [largest, 0.0],
        color=style.CONTINUUM_COLOR,
        linestyle="--",
        linewidth=0.8,
        label=rf"{largest:.2f} eV $- e|P_z|/\varepsilon_0$",
        zorder=1,
    )
    if np.isnan(row["slope_eV_per_V"]):
        return
    closes = row["slope_eV_per_V"] < 0.0 < row["intercept_eV"]
    end_V = -row["intercept_eV"] / row["slope_eV_per_V"] if closes else largest
    voltage = np.array([0.0, end_V])
    fitted = row["intercept_eV"] + row["slope_eV_per_V"] * voltage
    slope, half_width = row["slope_eV_per_V"], row["slope_half_width_eV_per_V"]
    axes.plot(
        voltage * EPSILON_0,
        fitted,
        color=color,
        linewidth=0.9,
        label=f"fit: slope {slope:.2f} ± {half_width:.2f} eV/V",
        zorder=1,
    )
    scatter = row["scatter_eV"]
    axes.fill_between(
        voltage * EPSILON_0, fitted - scatter, fitted + scatter, color=color, alpha=0.1, linewidth=0
    )
