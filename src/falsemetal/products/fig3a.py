"""Fluctuations of a water slab's dipole against its thickness (paper, Fig. 3a)."""

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.container import ErrorbarContainer
from matplotlib.figure import Figure
from matplotlib.markers import CARETUP

from falsemetal.campaigns import WaterSlab
from falsemetal.estimators.continuum import continuum_dipole_std, continuum_thickness
from falsemetal.estimators.voltage import metallic_dipole
from falsemetal.products import style
from falsemetal.products.registry import ProductSpec
from falsemetal.products.style import Tables

COLUMNS = [
    "potential",
    "kind",
    "dataset",
    "thickness_A",
    "sigma_P_e_per_A",
    "sigma_P_low",
    "sigma_P_high",
    "mean_P_e_per_A",
    "correlation_time_ps",
    "n_frames",
    "n_replicas",
    "fraction_metallic",
]

CONTINUUM_POINTS = 60
DODGE = 0.018
"""Largest offset between potentials at one thickness, as a share of the range of thicknesses."""


def tabulate(summary: Tables, spec: ProductSpec) -> pd.DataFrame:
    """Collect the rows of the figure: each potential at each thickness, and the continuum.

    Summaries are one-row tables by potential and nominal thickness in Å.
    """
    rows = []
    for name, potential in spec.potentials.items():
        for thickness in spec.sizes:
            if (name, thickness) not in summary:
                continue
            row = summary[name, thickness].iloc[0]
            described = {
                "potential": name,
                "kind": potential.kind,
                "dataset": potential.dataset,
                "thickness_A": thickness,
                "sigma_P_low": row["sigma_P_e_per_A_low"],
                "sigma_P_high": row["sigma_P_e_per_A_high"],
            }
            rows.append({c: described[c] if c in described else row[c] for c in COLUMNS})
    table = pd.concat([pd.DataFrame(rows, columns=COLUMNS), continuum(spec)], ignore_index=True)
    # counts stay whole numbers beside the continuum, which has none
    return table.astype({"n_frames": "Int64", "n_replicas": "Int64"})


def slabs_of(spec: ProductSpec) -> WaterSlab:
    """Return the campaign that a figure of water slabs shows."""
    assert isinstance(spec.campaign, WaterSlab)
    return spec.campaign


def continuum(spec: ProductSpec) -> pd.DataFrame:
    """Continuum expectation at the nominal thicknesses, in the columns of the figure's table."""
    thicknesses = spec.sizes
    sigma = [_continuum_sigma(thickness, spec) for thickness in thicknesses]
    table = pd.DataFrame({"thickness_A": thicknesses, "sigma_P_e_per_A": sigma})
    table = table.assign(potential="continuum", kind="continuum", mean_P_e_per_A=0.0)
    return table.reindex(columns=COLUMNS)


def draw(summary: Tables, spec: ProductSpec) -> tuple[Figure, pd.DataFrame]:
    """Draw σ(P_z) against thickness with 95 % intervals; arguments as :func:`tabulate`.

    The right axis gives σ of the potential drop, σ(P_z)/ε0. The dotted line marks the dipole at
    which a single configuration turns metallic, ε0·E_g/e. An arrow marks an interval that ends
    above the frame.
    """
    table = tabulate(summary, spec)
    with style.journal_style():
        figure = style.new_figure(style.SINGLE_COLUMN_IN, 2.8)
        axes = figure.subplots()
        _draw_potentials(axes, table, spec)
        _draw_continuum(axes, spec)
        _draw_threshold(axes, spec)
        _finish_axes(axes, table, spec)
        _draw_legend(figure, axes)
        style.note_missing(figure, summary, spec)
    return figure, table


def _draw_potentials(axes: Axes, table: pd.DataFrame, spec: ProductSpec) -> None:
    looks = style.looks(spec, table)
    offsets = _dodge(len(looks), spec)
    top = _top(table, spec)
    for offset, (name, look) in zip(offsets, looks.items(), strict=True):
        rows = table[table["potential"] == name]
        sigma = rows["sigma_P_e_per_A"].to_numpy()
        bars = np.array([sigma - rows["sigma_P_low"], rows["sigma_P_high"] - sigma])
        axes.errorbar(
            rows["thickness_A"] + offset,
            sigma,
            # the interval is corrected for bias and may leave a value of few samples outside
            np.maximum(bars, 0.0),
            color=look.color,
            marker=look.marker,
            markeredgecolor="white",
            markeredgewidth=0.4,
            markersize=5,
            elinewidth=0.8,
            capsize=1.8,
            capthick=0.8,
            label=look.label,
            zorder=3,
        )
        beyond = rows["sigma_P_high"] > top
        if beyond.any():  # unclipped and empty it would lie in the corner, and the layout make room
            axes.plot(
                rows["thickness_A"][beyond] + offset,
                np.full(beyond.sum(), top),
                color=look.color,
                marker=CARETUP,
                linestyle="none",
                markersize=4.5,
                clip_on=False,
                zorder=5,
            )


def _draw_continuum(axes: Axes, spec: ProductSpec) -> None:
    fine = np.linspace(0.0, max(spec.sizes) + 0.1 * _range(spec), CONTINUUM_POINTS)[1:]
    axes.plot(
        fine,
        [_continuum_sigma(thickness, spec, whole=False) for thickness in fine],
        color=style.CONTINUUM_COLOR,
        linestyle="--",
        label="Continuum",
        zorder=2,
    )


def _draw_threshold(axes: Axes, spec: ProductSpec) -> None:
    gap = spec.settings["analysis.band_gap_eV"]
    threshold = metallic_dipole(gap)
    axes.axhline(threshold, color=style.METALLIC_COLOR, linestyle=":", linewidth=1.0, zorder=1)
    axes.annotate(
        rf"metallic: $|\Delta V| > E_{{\mathrm{{g}}}}/e$ = {gap:.2f} V",
        (0.02, threshold),
        xycoords=("axes fraction", "data"),
        xytext=(0, 3),
        textcoords="offset points",
        color=style.METALLIC_COLOR,
        fontsize=7,
        ha="left",
        va="bottom",
        bbox={"facecolor": "white", "edgecolor": "none", "pad": 0.6},
        zorder=4,
    )


def _finish_axes(axes: Axes, table: pd.DataFrame, spec: ProductSpec) -> None:
    thicknesses = spec.sizes
    margin = 0.1 * _range(spec)
    axes.set_xlim(max(0.0, min(thicknesses) - margin), max(thicknesses) + margin)
    axes.set_ylim(0.0, _top(table, spec))
    axes.set_xlabel("Slab thickness (Å)")
    axes.set_ylabel(r"$\sigma(P_z)$ (e/Å)")
    axes.tick_params(axis="y", right=False)
    right = axes.secondary_yaxis("right", functions=(style.in_volts, style.in_e_per_A))
    right.set_ylabel(r"$\sigma(\Delta V)$ (V)")


def _draw_legend(figure: Figure, axes: Axes) -> None:
    handles, labels = axes.get_legend_handles_labels()
    # plain markers, and the continuum after the potentials
    plain = {
        label: handle[0] if isinstance(handle, ErrorbarContainer) else handle
        for handle, label in zip(handles, labels, strict=True)
    }
    plain["Continuum"] = plain.pop("Continuum")
    style.draw_legend_above(figure, list(plain.values()), list(plain), columns=4)


def _dodge(n_potentials: int, spec: ProductSpec) -> np.ndarray:
    spread = 0.5 * np.diff(spec.sizes).min(initial=_range(spec))
    step = min(DODGE * _range(spec), spread / n_potentials)
    return np.asarray(step * (np.arange(n_potentials) - 0.5 * (n_potentials - 1)))


def _top(table: pd.DataFrame, spec: ProductSpec) -> float:
    """Upper end of the axis, which the interval of one or two independent samples may leave."""
    threshold = metallic_dipole(spec.settings["analysis.band_gap_eV"])
    return float(max(1.2 * threshold, 1.5 * table["sigma_P_e_per_A"].max()))


def _range(spec: ProductSpec) -> float:
    thicknesses = spec.sizes
    return max(thicknesses) - min(thicknesses) or max(thicknesses)


def _continuum_sigma(thickness_A: float, spec: ProductSpec, *, whole: bool = True) -> float:
    """Take the thickness of a whole number of molecules, or the thickness as it is."""
    slabs = slabs_of(spec)
    area = slabs.cross_section_A**2
    if whole:
        thickness_A = continuum_thickness(
            slabs.n_molecules(thickness_A), area, slabs.density_g_per_cm3
        )
    return continuum_dipole_std(
        thickness_A,
        area,
        temperature_K=spec.settings["dynamics.temperature_K"],
        relative_permittivity=spec.settings["analysis.relative_permittivity"],
    )
