"""Band edges of water on a metal against its dipole, and how often they reach E_F (Fig. 2c)."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from falsemetal.electronic.metallic_window import OVERLAP_V, EdgeLine, fit_edge
from falsemetal.estimators.statistics import fraction_interval, independent_frames
from falsemetal.estimators.voltage import is_outside
from falsemetal.products import style
from falsemetal.products.jobs import done, note_jobs, of_first_functional, slabs_without_field
from falsemetal.products.registry import ProductSpec, Shown
from falsemetal.products.style import Tables
from falsemetal.units import EPSILON_0

COLUMNS = ["series", "name", "x_V", "quantity", "y", "y_low", "y_high", "n"]

EDGES = {"vbm_eV": -1.0, "cbm_eV": 1.0}
"""Columns of edges, with the sign of the ΔV that moves each: the valence band rises below zero."""

COLORS = {"vbm_eV": style.PALETTE[2], "cbm_eV": style.PALETTE[1]}
LABELS = {"vbm_eV": "VBM", "cbm_eV": "CBM"}

WINDOW = ("window_low_V", "window_high_V")

WINDOWS = {"fits": "lines", "campaign": "configured"}
"""Where a window is from, as the legend says it."""

BIN_V = 0.5
"""Width of bins in which edges of several frames are averaged; the paper's was not recovered."""

HISTOGRAM_BIN_V = 0.25

_volts_and_back: Any = (lambda voltage: voltage * EPSILON_0, lambda dipole: dipole / EPSILON_0)


def found_edges(jobs: pd.DataFrame) -> pd.DataFrame:
    """Films without a field that converged, of one functional, whose edges were found."""
    shown = of_first_functional(done(slabs_without_field(jobs)))
    return shown[shown["vbm_eV"].notna() & shown["edge_flag"].fillna("").eq("")]


def fit_lines(edges: pd.DataFrame) -> dict[str, EdgeLine]:
    """Lines of those edges that have enough frames, by column."""
    voltages = edges["delta_V_V"].to_numpy()
    lines = {
        quantity: fit_edge(voltages, edges[quantity].to_numpy(), side=side)
        for quantity, side in EDGES.items()
    }
    return {quantity: line for quantity, line in lines.items() if line is not None}


def tabulate(jobs: pd.DataFrame, voltage: Tables, spec: ProductSpec) -> pd.DataFrame:
    """Collect all that is drawn in long form.

    `series` is `frame`, an edge of one; `bin`, its mean over a bin of ΔV, and one standard
    deviation to either side where several frames lie there; `fit`, slope and intercept of its line;
    `window`, where the lines reach the Fermi level, with 95 % intervals; `distribution` of a
    potential's ΔV, per V; and `metallic_share` of its frames, outside the window, with a 95 %
    interval and `n` independent frames.
    """
    edges = found_edges(jobs)
    lines = fit_lines(edges)
    rows: list[dict[str, Any]] = []
    for quantity in EDGES:
        rows += [
            _row("frame", f"{job.frames}/{job.frame}/{job.job}", job.delta_V_V, quantity, value)
            for job, value in zip(edges.itertuples(), edges[quantity], strict=True)
        ]
        rows += _bins(edges, quantity)
        if line := lines.get(quantity):
            n = {"n": line.n_fitted}
            rows.append(_row("fit", quantity, np.nan, "slope_eV_per_V", line.slope_eV_per_V, **n))
            rows.append(_row("fit", quantity, np.nan, "intercept_eV", line.intercept_eV, **n))
    window = _window(lines, spec)
    rows += window
    ends = (window[0]["y"], window[1]["y"]) if window else None
    for name in spec.potentials:
        rows += _of_runs(name, voltage, ends)
    return pd.DataFrame(rows, columns=COLUMNS)


def _window(lines: Mapping[str, EdgeLine], spec: ProductSpec) -> list[dict[str, Any]]:
    """Take the window of the lines where both reach the Fermi level, else the configured one."""
    reaching = [line for line in lines.values() if np.isfinite(line.crossing_V)]
    if len(reaching) == len(EDGES):
        return [
            _row(
                "window",
                "fits",
                np.nan,
                end,
                line.crossing_V,
                y_low=line.crossing_V - line.crossing_half_width_V,
                y_high=line.crossing_V + line.crossing_half_width_V,
                n=line.n_fitted,
            )
            for end, line in zip(WINDOW, reaching, strict=True)
        ]
    known = [c.metallic_window_V for c in spec.campaigns.values() if c.metallic_window_V]
    if not known:
        return []
    return [
        _row("window", "campaign", np.nan, end, value, n=0)
        for end, value in zip(WINDOW, known[0], strict=True)
    ]


def _row(
    series: str, name: str, x: float, quantity: str, y: float, **more: float
) -> dict[str, Any]:
    row = {"series": series, "name": name, "x_V": x, "quantity": quantity, "y": y}
    return row | {"y_low": np.nan, "y_high": np.nan, "n": 1} | more


def _bins(edges: pd.DataFrame, quantity: str) -> list[dict[str, Any]]:
    number = np.floor(edges["delta_V_V"] / BIN_V)
    rows = []
    for index, values in edges.groupby(number)[quantity]:
        mean, spread = values.mean(), values.std()
        ends = {"y_low": mean - spread, "y_high": mean + spread, "n": len(values)}
        rows.append(_row("bin", "", (float(index) + 0.5) * BIN_V, quantity, mean, **ends))
    return rows


def _of_runs(
    name: str, voltage: Tables, window: tuple[float, float] | None
) -> list[dict[str, Any]]:
    runs = [table for (potential, _), table in voltage.items() if potential == name and len(table)]
    if not runs:
        return []
    table = pd.concat(runs)
    values = table["delta_V_V"].to_numpy()
    edges = HISTOGRAM_BIN_V * np.arange(
        np.floor(values.min() / HISTOGRAM_BIN_V), np.ceil(values.max() / HISTOGRAM_BIN_V) + 1.5
    )
    density, _ = np.histogram(values, bins=edges, density=True)
    rows = [
        _row("distribution", name, x, "probability_density_per_V", y)
        for x, y in zip(0.5 * (edges[1:] + edges[:-1]), density, strict=True)
    ]
    if window is not None:
        replicas = [series.to_numpy() for _, series in table.groupby("replica")["delta_V_V"]]
        share = fraction_interval(
            float(is_outside(values, *window).mean()), independent_frames(replicas)
        )
        ends = {"y_low": share.low, "y_high": share.high, "n": share.n_independent}
        rows.append(_row("metallic_share", name, np.nan, "fraction", share.value, **ends))
    return rows


def draw(jobs: pd.DataFrame, voltage: Tables, spec: ProductSpec) -> tuple[Figure, pd.DataFrame]:
    """Draw edges, bins and lines, distributions behind them, and what lies outside the window."""
    table = tabulate(jobs, voltage, spec)
    with style.journal_style():
        figure = style.new_figure(style.DOUBLE_COLUMN_IN, 3.2)
        axes = figure.subplots()
        behind = axes.twinx()
        axes.set_zorder(behind.get_zorder() + 1)
        axes.patch.set_visible(False)
        axes.axhline(0.0, color="black", linestyle="--", linewidth=0.7)
        for quantity in EDGES:
            _draw_edge(axes, table, quantity)
        _draw_distributions(behind, table, spec.potentials)
        _shade(axes, table)
        axes.set_xlabel(r"$\Delta V = P_z/\varepsilon_0$ (V)")
        axes.set_ylabel(r"$E - E_\mathrm{F}$ (eV)")
        behind.set_ylabel("Probability density (1/V)")
        axes.tick_params(top=False, right=False)
        top = axes.secondary_xaxis("top", functions=_volts_and_back)
        top.set_xlabel(r"$P_z$ (e/Å)")
        (lines, labels), (others, more) = (
            each.get_legend_handles_labels() for each in (axes, behind)
        )
        style.draw_legend_above(figure, [*lines, *others], [*labels, *more], columns=3)
        note_jobs(figure, slabs_without_field(jobs), spec, *_notes(jobs, voltage, spec))
    return figure, table


def _draw_edge(axes: Axes, table: pd.DataFrame, quantity: str) -> None:
    color, label = COLORS[quantity], LABELS[quantity]
    of_edge = table[table["quantity"] == quantity]
    frames, bins = (of_edge[of_edge["series"] == series] for series in ("frame", "bin"))
    fit = table[(table["series"] == "fit") & (table["name"] == quantity)].set_index("quantity")["y"]
    slope = f", {fit['slope_eV_per_V']:+.2f} eV/V" if len(fit) else ""
    axes.plot(frames["x_V"], frames["y"], "o", color=color, alpha=0.6, label=label + slope)
    several = bins[bins["n"] > 1]
    axes.errorbar(
        several["x_V"],
        several["y"],
        several["y"] - several["y_low"],
        marker="s",
        color=color,
        markerfacecolor="white",
        linestyle="none",
        capsize=2.0,
        elinewidth=0.8,
    )
    if len(fit):
        sign = EDGES[quantity]
        reach = frames.loc[sign * frames["x_V"] > -OVERLAP_V, "x_V"]
        crossing = -fit["intercept_eV"] / fit["slope_eV_per_V"] if fit["slope_eV_per_V"] else 0.0
        # up to the Fermi level, where the edge is held
        x = np.sort(sign * reach)[[0, -1]] * sign
        if sign * crossing > 0.0:
            x[1] = crossing
        axes.plot(x, fit["intercept_eV"] + fit["slope_eV_per_V"] * x, color=color)


def _draw_distributions(axes: Axes, table: pd.DataFrame, potentials: dict[str, Shown]) -> None:
    for name, shown in potentials.items():
        rows = table[(table["series"] == "distribution") & (table["name"] == name)]
        if rows.empty:
            continue
        label = shown.label
        share = table[(table["series"] == "metallic_share") & (table["name"] == name)]
        if len(share):
            value, low, high = (100.0 * share[key].iloc[0] for key in ("y", "y_low", "y_high"))
            label += f": {value:.2g} % ({low:.2g} to {high:.2g})"
        axes.fill_between(
            rows["x_V"], rows["y"], step="mid", color=shown.color, alpha=0.18, linewidth=0
        )
        axes.step(
            rows["x_V"], rows["y"], where="mid", color=shown.color, linewidth=0.7, label=label
        )
    axes.set_ylim(bottom=0.0)


def _shade(axes: Axes, table: pd.DataFrame) -> None:
    rows = table[table["series"] == "window"]
    window = rows.set_index("quantity")["y"]
    low, high = axes.get_xlim()
    if len(window):
        name = rows["name"].iloc[0]
        half_widths = rows["y_high"] - rows["y"]
        ends = " to ".join(
            f"{y:+.1f} ± {half_width:.1f}" if np.isfinite(half_width) else f"{y:+.2f}"
            for y, half_width in zip(rows["y"], half_widths, strict=True)
        )
        axes.plot(
            [],
            [],
            "s",
            color=style.METALLIC_COLOR,
            alpha=0.2,
            label=f"beyond {ends} V ({WINDOWS[name]})",
        )
        for span in ((low, window["window_low_V"]), (window["window_high_V"], high)):
            if span[0] < span[1]:
                axes.axvspan(*span, color=style.METALLIC_COLOR, alpha=0.1, linewidth=0)
    axes.set_xlim(low, high)


def _notes(jobs: pd.DataFrame, voltage: Tables, spec: ProductSpec) -> Sequence[str]:
    """Tell what else a reader must know: unsearched frames, other systems, runs that lack."""
    shown = of_first_functional(done(slabs_without_field(jobs)))
    unfound = shown.drop(found_edges(jobs).index)
    notes = [f"{job.frames}/{job.frame}/{job.job}: {job.edge_flag}" for job in unfound.itertuples()]
    systems = {Path(str(path)).parts[-3:-1] for path in shown["trajectory"]}
    sizes = {size for _, size in voltage}
    drawn = {(name, f"{size:g}A") for name in spec.campaigns for size in sizes}
    if voltage and systems - drawn:
        of_frames, of_runs = (
            ", ".join(f"{name} {size[:-1]} Å" for name, size in sorted(each))
            for each in (systems, drawn)
        )
        notes.append(f"edges of {of_frames}, distributions of {of_runs}")
    there = {name for name, _ in voltage}
    lacking = [
        f"{s.label} ({spec.missing.get(n, 'not made')})"
        for n, s in spec.potentials.items()
        if n not in there
    ]
    if lacking:
        notes.append("no distribution of " + ", ".join(lacking))
    return notes
