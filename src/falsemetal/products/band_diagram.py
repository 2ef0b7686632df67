"""Densities of states resolved in height, for any job (paper, Fig. 2a, S6, S9, S11)."""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.colors import PowerNorm
from matplotlib.figure import Figure

from falsemetal.products import style
from falsemetal.systems.surfaces import SOLID_REGIONS

WINDOW_EV = (-8.0, 7.0)

COLORS = "magma_r"

QUANTILE = 0.995
"""Of the states at which the colours end."""

JobKey = tuple[str, int, str]
"""Set of frames, number of the frame, name of the job."""

DESCRIBED = ["functional", "delta_V_V", "P_z_e_per_A", "gap_eV"]
COLUMNS = ["panel", *DESCRIBED, "z_A", "energy_eV", "states_per_eV"]

EDGES = ["vbm_eV", "cbm_eV"]
DESCRIBED_BESIDE = ["functional", "delta_V_V", "time_ps", *EDGES]
COLUMNS_BESIDE = [
    *("panel", *DESCRIBED_BESIDE),
    *("height_A", "region", "searched", "energy_eV", "states_per_eV"),
]
"""Of figures of a liquid beside a solid."""


def as_map(
    density: pd.DataFrame, *, height: str = "z_A"
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Heights (n_layers,), energies (n_energies,) and states/eV (n_layers, n_energies)."""
    table = density.pivot_table(
        index=height, columns="energy_eV", values="states_per_eV", aggfunc="sum"
    )
    return table.index.to_numpy(), table.columns.to_numpy(), table.to_numpy()


def draw_layers(axes: Axes, density: pd.DataFrame, *, height: str = "z_A") -> None:
    """Draw :func:`falsemetal.electronic.summary.tabulate_density` as colour.

    Height is to the right, energy from the Fermi level upward.
    """
    heights, energies, values = as_map(density, height=height)
    # a power below one, since the empty states are spread thinly
    norm = PowerNorm(0.5, vmin=0.0, vmax=np.quantile(values, QUANTILE))
    axes.pcolormesh(
        heights, energies, values.T, shading="nearest", cmap=COLORS, norm=norm, rasterized=True
    )
    axes.axhline(0.0, color=style.CONTINUUM_COLOR, linestyle="--", linewidth=0.7)
    axes.set_ylim(*WINDOW_EV)
    axes.set_xlabel("$z$ (Å)")


def draw_total(axes: Axes, density: pd.DataFrame, *, color: str = style.PALETTE[2]) -> None:
    """Draw the density of states of all layers together, to the right, against energy."""
    _, energies, values = as_map(density)
    axes.fill_betweenx(energies, 0.0, values.sum(axis=0), color=color, linewidth=0)
    axes.axhline(0.0, color=style.CONTINUUM_COLOR, linestyle="--", linewidth=0.7)
    inside = (energies > WINDOW_EV[0]) & (energies < WINDOW_EV[1])
    axes.set_xlim(0.0, 1.05 * values.sum(axis=0)[inside].max())
    axes.set_ylim(*WINDOW_EV)
    axes.set_xticks([])


def draw_beside(left: Axes, middle: Axes, right: Axes, density: pd.DataFrame) -> None:
    """Draw the solid's density of states, all layers against height, and the liquid's.

    Of the liquid that of the layers that are searched for edges is darker. In the middle the solid
    is as dark as the liquid: its states are divided by how many more it has.
    """
    solid = density["region"].isin(SOLID_REGIONS)
    dense = [density.loc[of, "states_per_eV"].quantile(QUANTILE) for of in (~solid, solid)]
    scale = np.where(solid, dense[0] / dense[1], 1.0) if dense[1] > 0.0 else 1.0
    scaled = density.assign(states_per_eV=density["states_per_eV"] * scale)
    draw_layers(middle, scaled, height="height_A")
    middle.set_xlabel("Height (Å)")
    draw_total(left, density[solid], color=style.CONTINUUM_COLOR)
    left.invert_xaxis()
    draw_total(right, density[~solid], color=style.PALETTE[6])
    if density["searched"].any():
        _, energies, values = as_map(density[density["searched"]])
        right.fill_betweenx(
            energies, 0.0, values.sum(axis=0), color=style.PALETTE[2], linewidth=0, zorder=2
        )


def draw_panels_beside(
    panels: pd.DataFrame, density: Mapping[JobKey, pd.DataFrame], titles: Sequence[str]
) -> tuple[Figure, pd.DataFrame]:
    """Draw jobs of a liquid beside a solid, each by :func:`draw_beside`, with its edges dotted.

    Arguments and what is returned as of :func:`draw_panels`.
    """
    parts = []
    n_panels = max(1, len(panels))
    with style.journal_style():
        figure = style.new_figure(style.DOUBLE_COLUMN_IN, 2.7)
        axes = figure.subplots(1, 3 * n_panels, sharey=True, width_ratios=[1, 4, 1] * n_panels)
        for index, (title, job) in enumerate(zip(titles, panels.itertuples(), strict=True)):
            table = density[job.frames, job.frame, job.job]
            left, middle, right = axes[3 * index : 3 * index + 3]
            draw_beside(left, middle, right, table)
            for key in EDGES:
                right.axhline(
                    getattr(job, key), color=style.METALLIC_COLOR, linestyle=":", linewidth=0.8
                )
            middle.set_title(title, fontsize=7)
            described = {key: getattr(job, key) for key in DESCRIBED_BESIDE}
            parts.append(table.assign(panel=index, **described)[COLUMNS_BESIDE])
        axes[0].set_ylabel(r"$E - E_{\mathrm{F}}$ (eV)")
    return figure, pd.concat(parts) if parts else pd.DataFrame(columns=COLUMNS_BESIDE)


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
