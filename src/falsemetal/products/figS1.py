# ruff: noqa: N999 (the name of the figure in the paper)
"""Dipoles and gaps by eq. 1 and by electronic structure (paper, Fig. S1a and c)."""

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from falsemetal.electronic.dipole_charge import LEAST_FRAMES, fit_dipole_charge
from falsemetal.potentials.kind import ELECTRONIC_CHARGE_E
from falsemetal.products import style
from falsemetal.products.jobs import done, note_jobs, slabs_without_field
from falsemetal.products.registry import ProductSpec
from falsemetal.units import EPSILON_0

COLUMNS = [
    "frames",
    "frame",
    "job",
    "functional",
    "unit_dipole_per_A",
    "P_z_dft_e_per_A",
    "P_z_fitted_e_per_A",
    "gap_eV",
    "charge_O_fitted_e",
    "charge_O_fitted_low_e",
    "charge_O_fitted_high_e",
    "n_fitted",
    "status",
]


def largest_unit_dipole_per_A(jobs: pd.DataFrame, spec: ProductSpec) -> float:
    """Largest abs(P_z) of eq. 1, for a charge of 1 e, to which the charge is fitted."""
    limit_V: float = spec.settings["electronic.small_dipole_V"]
    return limit_V * EPSILON_0 / abs(float(jobs["charge_e"].iloc[0]))


def tabulate(jobs: pd.DataFrame, spec: ProductSpec) -> pd.DataFrame:
    """Dipoles of slabs without a field by both ways, and a fit for each functional.

    The fit is NaN where fewer than three frames have small dipoles; `P_z_fitted_e_per_A` is then by
    the paper's charge.
    """
    limit_per_A = largest_unit_dipole_per_A(jobs, spec)
    parts = []
    for _, rows in slabs_without_field(jobs).groupby("functional", sort=False):
        table = rows.assign(unit_dipole_per_A=rows["P_z_e_per_A"] / rows["charge_e"])
        usable = done(table)
        values = (np.nan, np.nan, np.nan, 0)
        if (usable["unit_dipole_per_A"].abs() <= limit_per_A).sum() >= LEAST_FRAMES:
            fit = fit_dipole_charge(
                usable["unit_dipole_per_A"].to_numpy(),
                usable["P_z_dft_e_per_A"].to_numpy(),
                limit_per_A=limit_per_A,
            )
            values = (fit.charge_e, fit.low_e, fit.high_e, fit.n_frames)
        table = table.assign(**dict(zip(COLUMNS[-5:-1], values, strict=True)))
        charge = table["charge_O_fitted_e"].fillna(ELECTRONIC_CHARGE_E)
        parts.append(table.assign(P_z_fitted_e_per_A=charge * table["unit_dipole_per_A"]))
    return pd.concat(parts, ignore_index=True)[COLUMNS]


def draw(jobs: pd.DataFrame, spec: ProductSpec) -> tuple[Figure, pd.DataFrame]:
    """Draw dipoles by eq. 1 (a) and gaps (c) against dipoles of electronic structure.

    Arguments as :func:`tabulate`; open symbols are too large for the fit of the charge.
    """
    table = tabulate(jobs, spec)
    shown = done(table)
    with style.journal_style():
        figure = style.new_figure(style.DOUBLE_COLUMN_IN, 2.9)
        dipoles, gaps = figure.subplots(1, 2)
        largest = shown[["P_z_dft_e_per_A", "P_z_fitted_e_per_A"]].abs().to_numpy()
        least = 0.1 * spec.settings["electronic.small_dipole_V"] * EPSILON_0
        _prepare(dipoles, 1.1 * largest.max(initial=least))
        limit = largest_unit_dipole_per_A(jobs, spec)
        for index, (_, rows) in enumerate(shown.groupby("functional", sort=False)):
            color = style.PALETTE[(2 * index + 2) % len(style.PALETTE)]
            small = rows["unit_dipole_per_A"].abs() <= limit
            label: str | None = _describe(rows.iloc[0])
            for part, face in ((rows[small], color), (rows[~small], "none")):
                marker = {"marker": "o", "color": color, "markerfacecolor": face, "linestyle": ""}
                x, y = part["P_z_dft_e_per_A"], part["P_z_fitted_e_per_A"]
                dipoles.plot(x, y, label=label, **marker)
                gaps.plot(x.abs(), part["gap_eV"], **marker)
                label = None
        gaps.axline(
            (0.0, spec.settings["analysis.band_gap_eV"]),
            slope=-1.0 / EPSILON_0,
            color=style.CONTINUUM_COLOR,
            linestyle="--",
            linewidth=0.7,
            zorder=1,
        )
        gaps.set_xlim(left=0.0)
        gaps.set_ylim(-0.2, 1.1 * spec.settings["analysis.band_gap_eV"])
        gaps.set_xlabel(r"$|P_z|$, electronic structure (e/Å)")
        gaps.set_ylabel(r"$E_{\mathrm{g}}$ (eV)")
        for axes, letter in zip((dipoles, gaps), "ac", strict=True):
            axes.set_title(letter, loc="left", fontweight="bold")
        style.draw_legend_above(figure, *dipoles.get_legend_handles_labels(), columns=1)
        note_jobs(figure, table, spec)
    return figure, table


def _describe(row: pd.Series) -> str:
    if np.isnan(row["charge_O_fitted_e"]):
        return (
            f"{row['functional']}: too few frames for a fit; by the paper's {ELECTRONIC_CHARGE_E} e"
        )
    return (
        rf"{row['functional']}: $q_\mathrm{{O}}$ = {row['charge_O_fitted_e']:.4f} e "
        f"(95 %: {row['charge_O_fitted_low_e']:.4f} to {row['charge_O_fitted_high_e']:.4f}; "
        f"{row['n_fitted']} frames); paper: {ELECTRONIC_CHARGE_E} e"
    )


def _prepare(axes: Axes, reach: float) -> None:
    axes.axline((0.0, 0.0), slope=1.0, color=style.CONTINUUM_COLOR, linewidth=0.7, zorder=1)
    axes.set_xlim(-reach, reach)
    axes.set_ylim(-reach, reach)
    axes.set_aspect("equal")
    axes.set_xlabel(r"$P_z$, electronic structure (e/Å)")
    axes.set_ylabel(r"$P_z$, eq. 1 (e/Å)")
