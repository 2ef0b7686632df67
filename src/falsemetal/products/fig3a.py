"""Fluctuations of a water slab's dipole against its thickness (paper, Fig. 3a)."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.container import ErrorbarContainer
from matplotlib.figure import Figure
from matplotlib.markers import CARETUP

from falsemetal.arrays import FloatArray
from falsemetal.campaigns import SlabCampaign
from falsemetal.estimators.continuum import (
    blind_fluctuation,
    continuum_thickness,
    dielectric_fluctuation,
    dipole_std,
    nonlocal_fluctuation,
    reduced_fluctuation,
)
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
    "sigma_dV_V",
    "g",
    "g_low",
    "g_high",
    "converged",
    "mean_P_e_per_A",
    "mean_P_low",
    "mean_P_high",
    "correlation_time_ps",
    "memory_ps",
    "equilibrated_after_ps",
    "sampled_ps",
    "n_frames",
    "n_replicas",
    "fraction_metallic",
    "fraction_metallic_low",
    "fraction_metallic_high",
    "fraction_beyond_late_gap",
    "fraction_beyond_early_gap",
]

THEORY_POINTS = 60
THEORY_LINES = {"dielectric": "--", "nonlocal": "-.", "blind": (0, (1, 1.2))}
THEORY_LABELS = {"dielectric": "Dielectric", "nonlocal": "Truncated, theory", "blind": "Blind"}
DODGE = 0.018
"""Largest offset between potentials at one thickness, as a share of the range of thicknesses."""


def tabulate(summary: Tables, spec: ProductSpec) -> pd.DataFrame:
    """Collect the rows of the figure: each potential at each thickness, and what theory expects.

    Summaries are one-row tables by potential and nominal thickness in Å. `sigma_P_e_per_A` is the
    root mean square about zero by a potential's own charge, `sigma_dV_V` by that of electronic
    structure, as all fractions are; `g` is A⟨P_z²⟩/(k_B T ε0 L) by the own charge. Intervals are
    NaN, and `converged` False, where σ is but a lower bound.
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
                "mean_P_low": row["mean_P_e_per_A_low"],
                "mean_P_high": row["mean_P_e_per_A_high"],
                "converged": bool(np.isfinite(row["sigma_P_e_per_A_low"])),
            }
            for end in ("", "_low", "_high"):
                sigma = row[f"sigma_P_e_per_A{end}"]
                described[f"g{end}"] = _reduced(sigma, thickness, spec)
            rows.append({c: described[c] if c in described else row[c] for c in COLUMNS})
    table = pd.concat([pd.DataFrame(rows, columns=COLUMNS), theory(spec)], ignore_index=True)
    # counts stay whole numbers beside theory, which has none
    return table.astype({"n_frames": "Int64", "n_replicas": "Int64"})


def slabs_of(spec: ProductSpec) -> SlabCampaign:
    """Return the campaign that a figure of water slabs shows."""
    assert isinstance(spec.campaign, SlabCampaign)
    return spec.campaign


@dataclass(frozen=True)
class Law:
    """What theory expects of potentials of one reference.

    Attributes
    ----------
    name
        In the figure's table.
    kind
        `dielectric`, `nonlocal` or `blind`.
    potential
        By whose charges.
    reduced
        Reduced fluctuation against thickness in Å.
    """

    name: str
    kind: str
    potential: str
    reduced: Callable[[float], float]


def laws(spec: ProductSpec) -> list[Law]:
    """Laws for each pair of charges, and a nonlocal one for each known end of a Coulomb energy."""
    permittivity = spec.settings["analysis.relative_permittivity"]
    found = []
    for number, name in enumerate(spec.references):
        suffix = f" ({spec.charges(name).own_e:g} e)" if number else ""
        dielectric, blind = dielectric_fluctuation(permittivity), blind_fluctuation(permittivity)
        found.append(Law(f"dielectric{suffix}", "dielectric", name, _constant(dielectric)))
        found.append(Law(f"blind{suffix}", "blind", name, _constant(blind)))
    for name, shown in spec.potentials.items():
        if shown.truncation is not None:
            reduced = _nonlocal(permittivity, shown.truncation.depolarisation)
            found.append(Law(f"nonlocal {name}", "nonlocal", name, reduced))
    return found


def theory(spec: ProductSpec) -> pd.DataFrame:
    """Tabulate expectations at the nominal thicknesses, in the columns of the figure's table."""
    rows = []
    for law in laws(spec):
        for thickness in spec.sizes:
            whole = _whole_thickness(thickness, spec)
            sigma = _sigma(law.reduced(whole), whole, spec)
            rows.append(
                {
                    "potential": law.name,
                    "kind": "theory",
                    "thickness_A": thickness,
                    "sigma_P_e_per_A": sigma,
                    "sigma_dV_V": sigma / spec.e_per_A_per_V(law.potential),
                    "g": law.reduced(whole),
                    "converged": True,
                    "mean_P_e_per_A": 0.0,
                }
            )
    return pd.DataFrame(rows).reindex(columns=COLUMNS)


def draw(summary: Tables, spec: ProductSpec) -> tuple[Figure, pd.DataFrame]:
    """Draw the fluctuation of P_z against thickness with 95 % intervals.

    Arguments as :func:`tabulate`. Points lie by their voltage, σ(ΔV) by the charge of electronic
    structure, on the right axis; the left axis has the dipole by the charge of their labels, if
    that is one. Dotted: the voltage at which a
    configuration turns metallic, E_g/e, with the scatter of single frames about it. An open symbol
    with an arrow is a lower bound. An arrow at the top marks an interval that ends above the frame.
    """
    table = tabulate(summary, spec)
    with style.journal_style():
        figure = style.new_figure(style.SINGLE_COLUMN_IN, 3.1)
        axes = figure.subplots()
        _draw_potentials(axes, table, spec)
        _draw_theory(axes, spec)
        style.draw_threshold(axes, spec, r"metallic: $|\Delta V| > E_{\mathrm{g}}/e$")
        _finish_axes(axes, table, spec)
        _draw_legend(figure, axes)
        style.note_missing(figure, summary, spec)
    return figure, table


def _draw_potentials(axes: Axes, table: pd.DataFrame, spec: ProductSpec) -> None:
    looks = style.looks(spec, table)
    top = _top(table, spec)
    for offset, (name, look) in zip(_dodge(len(looks), spec), looks.items(), strict=True):
        rows = table[table["potential"] == name]
        x, value = rows["thickness_A"] + offset, rows["sigma_dV_V"].to_numpy()
        ratio = value / rows["sigma_P_e_per_A"].to_numpy()
        low, high = ratio * rows["sigma_P_low"], ratio * rows["sigma_P_high"]
        axes.plot(x, value, color=look.color, zorder=3)
        axes.errorbar(
            x,
            value,
            # the interval is corrected for bias and may leave a value of few samples outside
            np.nan_to_num(np.maximum([value - low, high - value], 0.0)),
            color=look.color,
            marker=look.marker,
            markeredgecolor="white",
            markeredgewidth=0.4,
            markersize=5,
            linestyle="none",
            elinewidth=0.8,
            capsize=1.8,
            capthick=0.8,
            label=look.label,
            zorder=4,
        )
        bound = ~rows["converged"].astype(bool) & np.isfinite(value)
        axes.errorbar(
            x[bound],
            value[bound],
            yerr=0.07 * top,
            lolims=True,
            color=look.color,
            marker=look.marker,
            markerfacecolor="white",
            markersize=5,
            linestyle="none",
            elinewidth=0.8,
            zorder=5,
        )
        beyond = high > top
        if beyond.any():  # unclipped and empty it would lie in the corner, and the layout make room
            axes.plot(
                x[beyond],
                np.full(beyond.sum(), top),
                color=look.color,
                marker=CARETUP,
                linestyle="none",
                markersize=4.5,
                clip_on=False,
                zorder=6,
            )


def _draw_theory(axes: Axes, spec: ProductSpec) -> None:
    fine = np.linspace(0.0, max(spec.sizes) + 0.1 * _range(spec), THEORY_POINTS)[1:]
    first = spec.references[0]
    for law in laws(spec):
        sigma = [_sigma(law.reduced(thickness), thickness, spec) for thickness in fine]
        # lines of further references in the colour of their first potential
        plain = law.kind != "nonlocal" and law.potential == first
        axes.plot(
            fine,
            np.array(sigma) / spec.e_per_A_per_V(law.potential),
            color=style.CONTINUUM_COLOR if plain else spec.potentials[law.potential].color,
            linestyle=THEORY_LINES[law.kind],
            linewidth=0.9,
            label=THEORY_LABELS[law.kind],
            zorder=2,
        )


def _finish_axes(axes: Axes, table: pd.DataFrame, spec: ProductSpec) -> None:
    thicknesses = spec.sizes
    margin = 0.1 * _range(spec)
    axes.set_xlim(max(0.0, min(thicknesses) - margin), max(thicknesses) + margin)
    axes.set_ylim(0.0, _top(table, spec))
    axes.set_xlabel("Slab thickness (Å)")
    style.name_both_charges(axes, spec, dipole=r"$\sigma(P_z)$", voltage=r"$\sigma(\Delta V)$")


def _draw_legend(figure: Figure, axes: Axes) -> None:
    handles, labels = axes.get_legend_handles_labels()
    # plain markers, and theory after the potentials
    plain = {
        label: handle[0] if isinstance(handle, ErrorbarContainer) else handle
        for handle, label in zip(handles, labels, strict=True)
    }
    for label in THEORY_LABELS.values():
        if label in plain:
            plain[label] = plain.pop(label)
    style.draw_legend_above(figure, list(plain.values()), list(plain), columns=3)


def _dodge(n_potentials: int, spec: ProductSpec) -> np.ndarray:
    spread = 0.5 * np.diff(spec.sizes).min(initial=_range(spec))
    step = min(DODGE * _range(spec), spread / n_potentials)
    return np.asarray(step * (np.arange(n_potentials) - 0.5 * (n_potentials - 1)))


def _top(table: pd.DataFrame, spec: ProductSpec) -> float:
    """Upper end of the axis, which the interval of few independent samples may leave."""
    gap, scatter = (spec.settings[f"analysis.band_gap{end}_eV"] for end in ("", "_scatter"))
    measured = table.loc[table["kind"] != "theory", "sigma_dV_V"].max()
    return float(np.fmax(1.1 * (gap + scatter), 1.4 * measured))


def _range(spec: ProductSpec) -> float:
    thicknesses = spec.sizes
    return max(thicknesses) - min(thicknesses) or max(thicknesses)


def _constant(reduced: float) -> Callable[[float], float]:
    return lambda _: reduced


def _nonlocal(
    permittivity: float, depolarisation: Callable[[FloatArray], FloatArray]
) -> Callable[[float], float]:
    return lambda thickness: nonlocal_fluctuation(thickness, permittivity - 1.0, depolarisation)


def _whole_thickness(thickness_A: float, spec: ProductSpec) -> float:
    """Thickness in Å of a whole number of molecules at the bulk density."""
    slabs = slabs_of(spec)
    n_molecules = slabs.n_molecules(thickness_A)
    return continuum_thickness(n_molecules, slabs.cross_section_A**2, slabs.density_g_per_cm3)


def _reduced(sigma_e_per_A: float, thickness_A: float, spec: ProductSpec) -> float:
    return reduced_fluctuation(
        sigma_e_per_A**2,
        _whole_thickness(thickness_A, spec),
        slabs_of(spec).cross_section_A ** 2,
        temperature_K=spec.settings["dynamics.temperature_K"],
    )


def _sigma(reduced: float, thickness_A: float, spec: ProductSpec) -> float:
    return dipole_std(
        reduced,
        thickness_A,
        slabs_of(spec).cross_section_A ** 2,
        temperature_K=spec.settings["dynamics.temperature_K"],
    )
