# ruff: noqa: N999 (the name of the figure in the paper)
"""Dipoles of water on a metal by electronic structure and by eq. 1 (paper, Fig. S1b)."""

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from falsemetal.electronic.metallic_window import has_reached
from falsemetal.products import style
from falsemetal.products.jobs import done, note_jobs, slabs_without_field
from falsemetal.products.registry import ProductSpec
from falsemetal.units import EPSILON_0

COLUMNS = [
    "frames",
    "frame",
    "job",
    "functional",
    "delta_V_V",
    "P_z_e_per_A",
    "P_z_dft_e_per_A",
    "offset_e_per_A",
    "n_offset",
    "vbm_eV",
    "cbm_eV",
    "status",
]


def tabulate(jobs: pd.DataFrame, limit_V: float) -> pd.DataFrame:
    """Dipoles of films by both ways, with the mean offset of the small ones by functional.

    `offset_e_per_A` is that of electronic structure less that of eq. 1, over the `n_offset` frames
    that converged with abs(ΔV) up to the limit: the dipole of the metal's own surface and of what
    lies between it and the water. NaN where there is no such frame.
    """
    table = slabs_without_field(jobs).assign(offset_e_per_A=np.nan, n_offset=0)
    for _, rows in done(table).groupby("functional"):
        small = rows[rows["delta_V_V"].abs() <= limit_V]
        same = table["functional"] == rows["functional"].iloc[0]
        table.loc[same, "n_offset"] = len(small)
        table.loc[same, "offset_e_per_A"] = (small["P_z_dft_e_per_A"] - small["P_z_e_per_A"]).mean()
    return table[COLUMNS].reset_index(drop=True)


def draw(jobs: pd.DataFrame, spec: ProductSpec) -> tuple[Figure, pd.DataFrame]:
    """Draw the dipole of electronic structure against that of eq. 1, and what is expected of it.

    Open symbols are frames in which a band of the water reaches the Fermi level.
    """
    limit_V = spec.settings["electronic.small_dipole_V"]
    table = tabulate(jobs, limit_V)
    with style.journal_style():
        figure = style.new_figure(style.SINGLE_COLUMN_IN, 2.9)
        axes = figure.subplots()
        for index, (name, rows) in enumerate(done(table).groupby("functional", sort=False)):
            color = style.PALETTE[(2 * index + 2) % len(style.PALETTE)]
            _draw_frames(axes, rows, color, str(name))
            _draw_line(axes, rows.iloc[0], color)
        axes.set_xlabel(r"$P_z$ of the water, eq. 1 (e/Å)")
        axes.set_ylabel(r"$P_z$, electronic structure (e/Å)")
        axes.tick_params(top=False)
        axes.xaxis.set_major_locator(MaxNLocator(5))
        volts_of = (lambda dipole: dipole / EPSILON_0, lambda voltage: voltage * EPSILON_0)
        top = axes.secondary_xaxis("top", functions=volts_of)
        top.set_xlabel(r"$\Delta V = P_z/\varepsilon_0$ (V)")
        style.draw_legend_above(figure, *axes.get_legend_handles_labels(), columns=1)
        note_jobs(figure, slabs_without_field(jobs), spec)
    return figure, table


def _draw_frames(axes: Axes, rows: pd.DataFrame, color: str, name: str) -> None:
    metallic = has_reached(rows["vbm_eV"].to_numpy(), rows["cbm_eV"].to_numpy())
    for part, face, label in (
        (rows[~metallic], color, name),
        (rows[metallic], "none", f"{name}, a band of the water at $E_\\mathrm{{F}}$"),
    ):
        if len(part):
            axes.plot(
                part["P_z_e_per_A"],
                part["P_z_dft_e_per_A"],
                "o",
                color=color,
                markerfacecolor=face,
                label=label,
            )


def _draw_line(axes: Axes, row: pd.Series, color: str) -> None:
    offset = row["offset_e_per_A"]
    if np.isnan(offset):
        return
    axes.axline(
        (0.0, offset),
        slope=1.0,
        color=color,
        linestyle="--",
        linewidth=0.8,
        zorder=1,
        label=f"slope 1, offset {offset / EPSILON_0:+.2f} V of {row['n_offset']} small dipoles",
    )
