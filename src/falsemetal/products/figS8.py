# ruff: noqa: N999 (the name of the figure in the paper)
"""Dipole of the thickest slab: distribution, profile and memory (paper, Fig. S8)."""

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from scipy import stats

from falsemetal.config import Config
from falsemetal.estimators.voltage import metallic_dipole
from falsemetal.products import style
from falsemetal.products.fig3a import continuum
from falsemetal.products.style import Tables

COLUMNS = ["panel", "potential", "x", "x_quantity", "y", "y_low", "y_high", "y_quantity"]

BINS = 60
PROFILE_MARGIN_A = 3.0


def tabulate(
    dipole: Tables, cumulative: Tables, autocorrelation: Tables, config: Config
) -> pd.DataFrame:
    """Collect what the three panels show, in long form with the unit in the quantity's name.

    Parameters
    ----------
    dipole, cumulative, autocorrelation
        Tables of :class:`falsemetal.observables.slab.SlabObservables` by potential and nominal
        thickness in Å, of which the thickest is drawn. The bounds `y_low` and `y_high` are one
        standard deviation over frames in panel b and a 95 % interval in panel c.
    config
        Gives the order of the potentials.
    """
    thickest = style.thickest(dipole)
    edges = _bin_edges(dipole, config)
    centres = 0.5 * (edges[1:] + edges[:-1])
    parts = []
    for name in config.potentials:
        if (name, thickest) not in dipole or dipole[name, thickest].empty:
            continue
        density, _ = np.histogram(dipole[name, thickest]["P_z_e_per_A"], bins=edges, density=True)
        histogram = pd.DataFrame({"x": centres, "y": density})
        parts.append(_label(histogram, "a", name, "P_z_e_per_A", "probability_density_A_per_e"))
        profile, std = (
            cumulative[name, thickest]["P_z_e_per_A"],
            cumulative[name, thickest]["std_P_z_e_per_A"],
        )
        band = {"x": cumulative[name, thickest]["z_A"], "y": profile}
        band |= {"y_low": profile - std, "y_high": profile + std}
        parts.append(_label(pd.DataFrame(band), "b", name, "z_A", "P_z_e_per_A"))
        memory = autocorrelation[name, thickest].rename(
            columns={"lag_ps": "x", "acf": "y", "acf_low": "y_low", "acf_high": "y_high"}
        )
        parts.append(_label(memory, "c", name, "lag_ps", "autocorrelation"))
    expected = pd.DataFrame({"x": centres, "y": _continuum_density(centres, thickest, config)})
    parts.append(_label(expected, "a", "continuum", "P_z_e_per_A", "probability_density_A_per_e"))
    return pd.concat(parts, ignore_index=True)[COLUMNS]


def draw(
    dipole: Tables, cumulative: Tables, autocorrelation: Tables, config: Config
) -> tuple[Figure, pd.DataFrame]:
    """Draw the three panels; arguments as :func:`tabulate`."""
    table = tabulate(dipole, cumulative, autocorrelation, config)
    with style.journal_style():
        figure = style.new_figure(style.DOUBLE_COLUMN_IN, 2.55)
        panels = dict(zip("abc", figure.subplots(1, 3), strict=True))
        _draw_distribution(panels["a"], table, style.thickest(dipole), config)
        _draw_profile(panels["b"], table, config)
        _draw_memory(panels["c"], table, config)
        for letter, axes in panels.items():
            axes.set_title(f"({letter})", loc="left", fontweight="bold", pad=3)
        handles, labels = panels["a"].get_legend_handles_labels()
        style.draw_legend_above(figure, handles, labels, columns=8)
        style.note_missing(figure, dipole, config, "slabs")
    return figure, table


def _draw_distribution(axes: Axes, table: pd.DataFrame, thickness_A: float, config: Config) -> None:
    for name, look in style.looks(config, table).items():
        rows = _rows(table, "a", name)
        axes.step(rows["x"], rows["y"], where="mid", color=look.color, label=look.label)
    rows = _rows(table, "a", "continuum")
    fine = np.linspace(rows["x"].min(), rows["x"].max(), 400)
    axes.plot(
        fine,
        _continuum_density(fine, thickness_A, config),
        color=style.CONTINUUM_COLOR,
        linestyle="--",
        label="Continuum",
    )
    threshold, edge = metallic_dipole(config.analysis.band_gap_eV), rows["x"].max()
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


def _draw_profile(axes: Axes, table: pd.DataFrame, config: Config) -> None:
    axes.axhline(0.0, color="black", linewidth=0.5)
    for name, look in style.looks(config, table).items():
        rows = _rows(table, "b", name)
        axes.plot(rows["x"], rows["y"], color=look.color)
        style.draw_band(axes, rows["x"], rows["y_low"], rows["y_high"], look.color)
    half = 0.5 * max(config.slabs.thicknesses_A) + PROFILE_MARGIN_A
    axes.set_xlim(-half, half)
    axes.set_xlabel("$z$ from the slab's centre (Å)")
    axes.set_ylabel(r"Cumulative $P_z(z)$ (e/Å)")


def _draw_memory(axes: Axes, table: pd.DataFrame, config: Config) -> None:
    axes.axhline(0.0, color="black", linewidth=0.5)
    for name, look in style.looks(config, table).items():
        rows = _rows(table, "c", name)
        axes.plot(rows["x"], rows["y"], color=look.color)
        style.draw_band(axes, rows["x"], rows["y_low"], rows["y_high"], look.color)
    longest_ps = table.loc[table["panel"] == "c", "x"].max()
    axes.set_xlim(0.0, longest_ps if longest_ps > 0.0 else config.analysis.maximum_lag_ps)
    axes.set_ylim(-0.5, 1.05)
    axes.set_xlabel("Lag (ps)")
    axes.set_ylabel("Autocorrelation of $P_z$")


def _bin_edges(dipole: Tables, config: Config) -> np.ndarray:
    drawn = [table for table in dipole.values() if len(table)]
    largest = max((np.abs(table["P_z_e_per_A"]).max() for table in drawn), default=0.0)
    reach = 1.05 * max(largest, 1.2 * metallic_dipole(config.analysis.band_gap_eV))
    return np.linspace(-reach, reach, BINS + 1)


def _continuum_density(dipole: np.ndarray, thickness_A: float, config: Config) -> np.ndarray:
    sigma = continuum(config).set_index("thickness_A")["sigma_P_e_per_A"]
    return stats.norm.pdf(dipole, scale=sigma[thickness_A])


def _label(table: pd.DataFrame, panel: str, potential: str, x: str, y: str) -> pd.DataFrame:
    labelled = table.reindex(columns=COLUMNS)
    return labelled.assign(panel=panel, potential=potential, x_quantity=x, y_quantity=y)


def _rows(table: pd.DataFrame, panel: str, potential: str) -> pd.DataFrame:
    return table[(table["panel"] == panel) & (table["potential"] == potential)]
