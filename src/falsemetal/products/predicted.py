"""Fluctuations of slabs in molecular dynamics beside what the stacking test predicts."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from falsemetal.arrays import FloatArray
from falsemetal.estimators.continuum import SURFACE_UNCERTAINTY, dipole_std, nonlocal_fluctuation
from falsemetal.products import style
from falsemetal.products.fig3a import slabs_of
from falsemetal.products.registry import ProductSpec
from falsemetal.products.style import Tables

COLUMNS = (
    "potential",
    "thickness_A",
    "sigma_dV_V",
    "sigma_dV_V_low",
    "sigma_dV_V_high",
    "converged",
    "predicted_dV_V",
)

FINE_A = 1.5
"""Spacing of the lines."""


def tabulate(
    summary: Tables, depolarisation: Mapping[str, pd.DataFrame], spec: ProductSpec
) -> pd.DataFrame:
    """Collect σ(ΔV) of molecular dynamics, with 95 % intervals, and of linear response to λ(l).

    Both are by the charge of electronic structure; an interval is NaN where σ is a lower bound.
    """
    rows = []
    for name in spec.potentials:
        for thickness in spec.sizes:
            if (name, thickness) not in summary:
                continue
            row = summary[name, thickness].iloc[0]
            sigma = row["sigma_dV_V"]
            ratio = sigma / row["sigma_P_e_per_A"]
            low, high = (ratio * row[f"sigma_P_e_per_A_{end}"] for end in ("low", "high"))
            predicted = (
                _predict(name, depolarisation[name], np.array([thickness]), spec)[0]
                if name in depolarisation
                else np.nan
            )
            values = (name, thickness, sigma, low, high, bool(np.isfinite(low)), predicted)
            rows.append(dict(zip(COLUMNS, values, strict=True)))
    return pd.DataFrame(rows, columns=list(COLUMNS))


def draw(
    summary: Tables, depolarisation: Mapping[str, pd.DataFrame], spec: ProductSpec
) -> tuple[Figure, pd.DataFrame]:
    """Draw points of molecular dynamics and lines of linear response, which surfaces widen.

    Arguments as of :func:`tabulate`. Open symbols with an arrow are lower bounds.
    """
    table = tabulate(summary, depolarisation, spec)
    with style.journal_style():
        figure = style.new_figure(style.SINGLE_COLUMN_IN, 3.0)
        axes = figure.subplots()
        end = 1.1 * max(spec.sizes)
        thickness = np.arange(FINE_A, end + FINE_A, FINE_A)
        for name, look in style.looks(spec, table).items():
            if name in depolarisation:
                line = _predict(name, depolarisation[name], thickness, spec)
                axes.plot(thickness, line, color=look.color, linewidth=0.9)
                ends = (line / (1.0 + SURFACE_UNCERTAINTY), line * (1.0 + SURFACE_UNCERTAINTY))
                axes.fill_between(thickness, *ends, color=look.color, alpha=0.1, linewidth=0)
            _draw_points(axes, table[table["potential"] == name], look)
        style.draw_threshold(axes, spec, r"metallic: $|\Delta V| > E_{\mathrm{g}}/e$")
        axes.set_xlim(0.0, end)
        axes.set_ylim(0.0, None)
        axes.set_xlabel("Thickness (Å)")
        axes.set_ylabel(r"$\sigma(\Delta V)$ (V)")
        style.draw_legend_above(figure, *axes.get_legend_handles_labels(), columns=4)
        style.note_missing(figure, summary, spec)
    return figure, table


def _draw_points(axes: Axes, rows: pd.DataFrame, look: style.Look) -> None:
    sure = rows["converged"].astype(bool)
    value = rows["sigma_dV_V"]
    low, high = rows["sigma_dV_V_low"], rows["sigma_dV_V_high"]
    drawn: dict[str, Any] = {
        "color": look.color,
        "marker": look.marker,
        "linestyle": "none",
        "markersize": 5,
    }
    axes.errorbar(
        rows["thickness_A"][sure],
        value[sure],
        np.maximum([value[sure] - low[sure], high[sure] - value[sure]], 0.0),
        markeredgecolor="white",
        markeredgewidth=0.4,
        elinewidth=0.8,
        capsize=1.8,
        label=look.label,
        **drawn,
    )
    if not sure.all():
        axes.errorbar(
            rows["thickness_A"][~sure],
            value[~sure],
            yerr=0.3,
            lolims=True,
            markerfacecolor="white",
            elinewidth=0.8,
            **drawn,
        )


def _predict(
    name: str, curve: pd.DataFrame, thickness_A: FloatArray, spec: ProductSpec
) -> FloatArray:
    """σ(ΔV) in V by the charge of electronic structure, of slabs as wide as the campaign's."""
    area = slabs_of(spec).cross_section_A ** 2
    at, values = curve["thickness_A"].to_numpy(), curve["lambda"].to_numpy()
    sigma = [
        dipole_std(
            nonlocal_fluctuation(
                length,
                float(curve["susceptibility"].iloc[0]),
                lambda distance: np.interp(distance, at, values),
            ),
            length,
            area,
            temperature_K=spec.settings["dynamics.temperature_K"],
        )
        for length in thickness_A
    ]
    return np.array(sigma) / spec.e_per_A_per_V(name)
