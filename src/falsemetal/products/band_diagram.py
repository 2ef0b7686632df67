"""Densities of states resolved in height, for any job (paper, Fig. 2a, S6, S9, S11)."""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.colors import PowerNorm
from matplotlib.figure import Figure

from falsemetal.products import style

WINDOW_EV = (-8.0, 7.0)

COLORS = "magma_r"

JobKey = tuple[str, int, str]
"""Set of frames, number of the frame, name of the job."""

DESCRIBED = ["functional", "delta_V_V", "P_z_e_per_A", "gap_eV"]
COLUMNS = ["panel", *DESCRIBED, "z_A", "energy_eV", "states_per_eV"]


def as_map(density: pd.DataFrame) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Heights (n_layers,), energies (n_energies,) and states/eV (n_layers, n_energies)."""
    table = density.pivot_table(
        index="z_A", columns="energy_eV", values="states_per_eV", aggfunc="sum"
    )
    return table.index.to_numpy(), table.columns.to_numpy(), table.to_numpy()


def draw_layers(axes: Axes, density: pd.DataFrame) -> None:
    """Draw :func:`falsemetal.electronic.summary.tabulate_density` as colour.

    Height is to the right, energy from the Fermi level upward.
    """
    heights, energies, values = as_map(density)
    # a power below one, since the empty states are spread thinly
    norm = PowerNorm(0.5, vmin=0.0, vmax=np.quantile(values, 0.995))
    axes.pcolormesh(
        heights, energies, values.T, shading="nearest", cmap=COLORS, norm=norm, rasterized=True
    )
    axes.axhline(0.0, color=style.CONTINUUM_COLOR, linestyle="--", linewidth=0.7)
    axes.set_ylim(*WINDOW_EV)
    axes.set_xlabel("$z$ (Å)")


def draw_total(axes: Axes, density: pd.DataFrame) -> None:
    """Draw the density of states of all layers together, to the right, against energy."""
    _, energies, values = as_map(density)
    axes.fill_betweenx(energies, 0.0, values.sum(axis=0), color=style.PALETTE[2], linewidth=0)
    axes.axhline(0.0, color=style.CONTINUUM_COLOR, linestyle="--", linewidth=0.7)
    inside = (energies > WINDOW_EV[0]) & (energies < WINDOW_EV[1])
    axes.set_xlim(0.0, 1.05 * values.sum(axis=0)[inside].max())
    axes.set_ylim(*WINDOW_EV)
    axes.set_xticks([])


def draw_panels(
    panels: pd.DataFrame, density: Mapping[JobKey, pd.DataFrame], titles: Sequence[str]
) -> tuple[Figure, pd.DataFrame]:
    """Draw jobs side by side, each with its whole density of states at its right.

    Jobs have `frames`, `frame` and `job`; densities are tables of
    :func:`falsemetal.electronic.summary.tabulate_density`. The table returned holds those of all
    panels in long form.
    """
    parts = []
    n_panels = max(1, len(panels))
    with style.journal_style():
        figure = style.new_figure(style.DOUBLE_COLUMN_IN, 2.6)
        axes = figure.subplots(1, 2 * n_panels, sharey=True, width_ratios=[4, 1] * n_panels)
        for index, (title, job) in enumerate(zip(titles, panels.itertuples(), strict=True)):
            table = density[job.frames, job.frame, job.job]
            draw_layers(axes[2 * index], table)
            draw_total(axes[2 * index + 1], table)
            axes[2 * index].set_title(title, fontsize=7)
            described = {key: getattr(job, key) for key in DESCRIBED}
            parts.append(table.assign(panel=index, **described)[COLUMNS])
        axes[0].set_ylabel(r"$E - E_{\mathrm{F}}$ (eV)")
    return figure, pd.concat(parts) if parts else pd.DataFrame(columns=COLUMNS)
