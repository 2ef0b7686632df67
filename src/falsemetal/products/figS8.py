# ruff: noqa: N999 (the name of the figure in the paper)
"""Dipole of the thickest slab: distribution, profile and memory (paper, Fig. S8)."""

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from scipy import stats

from falsemetal.products import style
from falsemetal.products.fig3a import theory
from falsemetal.products.registry import ProductSpec
from falsemetal.products.style import Tables

COLUMNS = ["panel", "potential", "x", "x_quantity", "y", "y_low", "y_high", "y_quantity"]

BINS = 60
PROFILE_MARGIN_A = 3.0


def tabulate(
    dipole: Tables, cumulative: Tables, autocorrelation: Tables, spec: ProductSpec
) -> pd.DataFrame:
    """Collect what the three panels show, in long form with the unit in the quantity's name.

    Of the tables by potential and nominal thickness in Å the thickest is drawn. The bounds `y_low`
    and `y_high` are one standard deviation over frames in panel b and a 95 % interval in panel c.
    """
    thickest = style.largest(dipole)
    edges = _bin_edges(dipole, spec)
    centres = 0.5 * (edges[1:] + edges[:-1])
    parts = []
    for name in spec.potentials:
        if (name, thickest) not in dipole or dipole[name, thickest].empty:
            continue
        values = dipole[name, thickest]["P_z_e_per_A"] * spec.to_first(name)
        density, _ = np.histogram(values, bins=edges, density=True)
        histogram = pd.DataFrame({"x": centres, "y": density})
        parts.append(_label(histogram, "a", name, "P_z_e_per_A", "probability_density_A_per_e"))
        profile = cumulative[name, thickest].rename(columns={"z_A": "x", "P_z_e_per_A": "y"})
        factor = spec.to_first(name)
        profile["y"] *= factor
        std = factor * profile["std_P_z_e_per_A"]
        profile = profile.assign(y_low=profile["y"] - std, y_high=profile["y"] + std)
        parts.append(_label(profile, "b", name, "z_A", "P_z_e_per_A"))
        memory = autocorrelation[name, thickest].rename(
            columns={"lag_ps": "x", "acf": "y", "acf_low": "y_low", "acf_high": "y_high"}
        )
        parts.append(_label(memory, "c", name, "lag_ps", "autocorrelation"))
    expected = pd.DataFrame({"x": centres, "y": _continuum_density(centres, thickest, spec)})
    parts.append(_label(expected, "a", "dielectric", "P_z_e_per_A", "probability_density_A_per_e"))
    return pd.concat(parts, ignore_index=True)[COLUMNS]


def draw(
    dipole: Tables, cumulative: Tables, autocorrelation: Tables, spec: ProductSpec
) -> tuple[Figure, pd.DataFrame]:
    """Draw the three panels; arguments as :func:`tabulate`."""
    table = tabulate(dipole, cumulative, autocorrelation, spec)
    with style.journal_style():
        figure = style.new_figure(style.DOUBLE_COLUMN_IN, 2.55)
        panels = dict(zip("abc", figure.subplots(1, 3), strict=True))
        _draw_distribution(panels["a"], table, style.largest(dipole), spec)
        _draw_profile(panels["b"], table, spec)
        _draw_memory(panels["c"], table, spec)
        for letter, axes in panels.items():
            axes.set_title(f"({letter})", loc="left", fontweight="bold", pad=3)
        style.draw_legend_above(figure, *panels["a"].get_legend_handles_labels(), columns=8)
        style.note_missing(figure, dipole, spec)
    return figure, table


def _draw_distribution(
    axes: Axes, table: pd.DataFrame, thickness_A: float, spec: ProductSpec
) -> None:
    for name, look in style.looks(spec, table).items():
        rows = _rows(table, "a", name)
        axes.step(rows["x"], rows["y"], where="mid", color=look.color, label=look.label)
    rows = _rows(table, "a", "dielectric")
    fine = np.linspace(rows["x"].min(), rows["x"].max(), 400)
    axes.plot(
        fine,
        _continuum_density(fine, thickness_A, spec),
        color=style.CONTINUUM_COLOR,
        linestyle="--",
        label="Dielectric",
    )
    threshold, edge = _threshold(spec), rows["x"].max()
    top = 1.15 * table.loc[table["panel"] == "a", "y"].max()
    for low, high in ((-edge, -threshold), (threshold, edge)):
        axes.axvspan(low, high, color=style.METALLIC_COLOR, alpha=0.13, linewidth=0)
        axes.text(
            0.5 * (low + high),
            0.97 * top,
            "metallic",
            rotation=90,
            color=style.METALLIC_COLOR,
            fontsize=6.5,
            ha="center",
            va="top",
        )
    axes.set_xlim(-edge, edge)
    axes.locator_params(axis="x", nbins=4)
    axes.set_ylim(0.0, top)
    axes.set_xlabel(r"$P_z$ (e/Å)")
    axes.set_ylabel("Probability density (Å/e)")


def _draw_profile(axes: Axes, table: pd.DataFrame, spec: ProductSpec) -> None:
    axes.axhline(0.0, color="black", linewidth=0.5)
    style.draw_curves(axes, table[table["panel"] == "b"], style.looks(spec, table), "x", "y")
    half = 0.5 * max(spec.sizes) + PROFILE_MARGIN_A
    axes.set_xlim(-half, half)
    axes.set_xlabel("$z$ from the slab's centre (Å)")
    axes.set_ylabel(r"Cumulative $P_z(z)$ (e/Å)")


def _draw_memory(axes: Axes, table: pd.DataFrame, spec: ProductSpec) -> None:
    axes.axhline(0.0, color="black", linewidth=0.5)
    style.draw_curves(axes, table[table["panel"] == "c"], style.looks(spec, table), "x", "y")
    longest_ps = table.loc[table["panel"] == "c", "x"].max()
    axes.set_xlim(0.0, longest_ps if longest_ps > 0.0 else spec.settings["analysis.maximum_lag_ps"])
    axes.set_ylim(-0.5, 1.05)
    axes.set_xlabel("Lag (ps)")
    axes.set_ylabel("Autocorrelation of $P_z$")


def _bin_edges(dipole: Tables, spec: ProductSpec) -> np.ndarray:
    largest = max(
        (
            spec.to_first(name) * table["P_z_e_per_A"].abs().max()
            for (name, _), table in dipole.items()
            if len(table)
        ),
        default=0.0,
    )
    reach = 1.05 * max(largest, 1.2 * _threshold(spec))
    return np.linspace(-reach, reach, BINS + 1)


def _continuum_density(dipole: np.ndarray, thickness_A: float, spec: ProductSpec) -> np.ndarray:
    expected = theory(spec).set_index(["potential", "thickness_A"])["sigma_P_e_per_A"]
    return np.asarray(stats.norm.pdf(dipole, scale=expected["dielectric", thickness_A]))


def _threshold(spec: ProductSpec) -> float:
    """Dipole in e/Å, by the first potential's own charge, at which the gap closes."""
    return float(spec.settings["analysis.band_gap_eV"] * spec.e_per_A_per_V())


def _label(table: pd.DataFrame, panel: str, potential: str, x: str, y: str) -> pd.DataFrame:
    labelled = table.reindex(columns=COLUMNS)
    return labelled.assign(panel=panel, potential=potential, x_quantity=x, y_quantity=y)


def _rows(table: pd.DataFrame, panel: str, potential: str) -> pd.DataFrame:
    return table[(table["panel"] == panel) & (table["potential"] == potential)]
