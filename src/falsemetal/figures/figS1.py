# ruff: noqa: N999 (the name of the figure in the paper)
"""Dipoles by fixed charges against those of electronic structure (paper, Fig. S1a and c)."""

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from falsemetal.config import Config
from falsemetal.electronic.dipole_charge import LEAST_FRAMES, ChargeFit, fit_dipole_charge
from falsemetal.electronic.job import DONE
from falsemetal.figures import style
from falsemetal.units import EPSILON_0

PAPER_CHARGE_O_E = -0.5562
"""Best value of S1.0.4."""

COLUMNS = [
    "frames",
    "frame",
    "functional",
    "unit_dipole_per_A",
    "P_z_dft_e_per_A",
    "P_z_fitted_e_per_A",
    "charge_O_e",
    "charge_O_low_e",
    "charge_O_high_e",
    "n_fitted",
    "status",
]


def fit(jobs: pd.DataFrame, config: Config) -> ChargeFit | None:
    """Fit of q_O to the jobs of small dipoles, or None for fewer than three of them."""
    done = jobs[jobs["status"] == DONE]
    limit = config.electronic.charge_fit_limit_V * EPSILON_0
    if (done["P_z_dft_e_per_A"].abs() <= limit).sum() < LEAST_FRAMES:
        return None
    return fit_dipole_charge(
        (done["P_z_e_per_A"] / done["charge_O_e"]).to_numpy(),
        done["P_z_dft_e_per_A"].to_numpy(),
        limit_e_per_A=limit,
    )


def tabulate(jobs: pd.DataFrame, config: Config) -> tuple[pd.DataFrame, ChargeFit | None]:
    """Dipoles of slabs without a field by both ways, and the fit.

    Parameters
    ----------
    jobs
        Rows of :func:`falsemetal.electronic.summary.summarise_job`, with `frames` and `frame`.
    config
        Gives the limit of the fit.
    """
    chosen = jobs["P_z_e_per_A"].notna() & ~(jobs["field_V_per_A"] > 0.0)
    table = jobs[chosen].reset_index(drop=True)
    fitted = fit(table, config)
    table["unit_dipole_per_A"] = table["P_z_e_per_A"] / table["charge_O_e"]
    values = (np.nan, np.nan, np.nan, 0)
    if fitted is not None:
        values = (fitted.charge_O_e, fitted.low_e, fitted.high_e, fitted.n_frames)
    names = ("charge_O_e", "charge_O_low_e", "charge_O_high_e", "n_fitted")
    table = table.assign(**dict(zip(names, values, strict=True)))
    table["P_z_fitted_e_per_A"] = table["charge_O_e"] * table["unit_dipole_per_A"]
    return table[COLUMNS], fitted


def draw(jobs: pd.DataFrame, config: Config) -> tuple[Figure, pd.DataFrame]:
    """Draw the dipoles of the fit (a) and all (c); arguments as :func:`tabulate`."""
    table, fitted = tabulate(jobs, config)
    done = table[table["status"] == DONE]
    limit = config.electronic.charge_fit_limit_V * EPSILON_0
    with style.journal_style():
        figure = style.new_figure(style.DOUBLE_COLUMN_IN, 2.8)
        panels = figure.subplots(1, 2)
        charge = PAPER_CHARGE_O_E if fitted is None else fitted.charge_O_e
        for axes, letter in zip(panels, "ac", strict=True):
            _draw_panel(axes, done, charge, limit, whole=letter == "c")
            axes.set_title(letter, loc="left", fontweight="bold")
        said = f"too few frames for a fit; drawn with the paper's {charge} e"
        if fitted is not None:
            said = (
                rf"$q_\mathrm{{O}}$ = {charge:.4f} e (95 %: {fitted.low_e:.4f} to "
                f"{fitted.high_e:.4f}; {fitted.n_frames} frames); paper: {PAPER_CHARGE_O_E} e"
            )
        figure.suptitle(said, fontsize=7)
        style.note_jobs(figure, table)
    return figure, table


def _draw_panel(
    axes: Axes, done: pd.DataFrame, charge: float, limit: float, *, whole: bool
) -> None:
    by_charges = charge * done["unit_dipole_per_A"]
    axes.plot(done["P_z_dft_e_per_A"], by_charges, "o", color=style.PALETTE[2], zorder=3)
    reach = limit
    if whole and len(done):
        reach = 1.1 * max(done["P_z_dft_e_per_A"].abs().max(), by_charges.abs().max())
        axes.axvspan(-limit, limit, color=style.CONTINUUM_COLOR, alpha=0.12, linewidth=0)
    axes.axline((0.0, 0.0), slope=1.0, color=style.CONTINUUM_COLOR, linewidth=0.7, zorder=1)
    axes.set_xlim(-reach, reach)
    axes.set_ylim(-reach, reach)
    axes.set_aspect("equal")
    axes.set_xlabel(r"$P_z$, electronic structure (e/Å)")
    axes.set_ylabel(r"$P_z$, eq. 1 (e/Å)")
