"""Panels of a layer of a liquid beside a solid, each drawn from rows that tell its numbers.

Rows are in long form, with the unit in a quantity's name. Voltages are by the charge of electronic
structure, dipoles by a potential's own.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from falsemetal.campaigns.interface import InterfaceCampaign
from falsemetal.estimators.continuum import (
    continuum_thickness,
    dielectric_fluctuation,
    dipole_std,
)
from falsemetal.products import style
from falsemetal.products.registry import ProductSpec
from falsemetal.products.style import Tables

COLUMNS = ["panel", "potential", "x", "x_quantity", "y", "y_low", "y_high", "y_quantity"]

BINS = 60

ELEMENT_LINES: Sequence[Any] = ("-", (0, (3, 1)), ":")
"""Of a liquid's elements, of the centre first."""


@dataclass(frozen=True)
class Panel:
    """A panel: its axes, its name in the rows, and what is shown."""

    axes: Axes
    name: str
    spec: ProductSpec

    def rows(self, potential: str, quantities: tuple[str, str], **columns: Any) -> pd.DataFrame:
        """Rows of a potential; columns are x, y and, where there is an interval, y_low, y_high."""
        table = pd.DataFrame(columns).reindex(columns=COLUMNS)
        x, y = quantities
        return table.assign(panel=self.name, potential=potential, x_quantity=x, y_quantity=y)

    def of(self, tables: Tables) -> list[tuple[str, pd.DataFrame]]:
        """Tables that are not empty, by potential, in the configuration's order."""
        return [
            (name, table)
            for name in self.spec.potentials
            for (potential, _), table in tables.items()
            if potential == name and len(table)
        ]

    def look(self, name: str) -> style.Look:
        """Look of a potential."""
        shown = self.spec.potentials[name]
        return style.Look(label=shown.label, color=shown.color, marker=shown.marker)


def interface_of(spec: ProductSpec) -> InterfaceCampaign:
    """Return the campaign that a figure of a layer beside a solid shows."""
    assert isinstance(spec.campaign, InterfaceCampaign)
    return spec.campaign


def panels(figure: Figure, spec: ProductSpec, rows: int, columns: int) -> list[Panel]:
    """Lettered panels, row by row."""
    axes = figure.subplots(rows, columns, squeeze=False).ravel()
    for letter, each in zip("abcdefgh", axes, strict=False):
        if len(axes) > 1:
            each.set_title(f"({letter})", loc="left", fontweight="bold", pad=3)
    return [Panel(each, letter, spec) for letter, each in zip("abcdefgh", axes, strict=False)]


def finish(figure: Figure, shown: Sequence[Panel], tables: Tables) -> None:
    """Set one legend for all panels, and name below what is not shown."""
    handles: dict[str, Any] = {}
    for panel in shown:
        for handle, label in zip(*panel.axes.get_legend_handles_labels(), strict=True):
            handles.setdefault(label, handle)
    style.draw_legend_above(figure, list(handles.values()), list(handles), columns=5)
    style.note_missing(figure, tables, shown[0].spec)


def collect(parts: Iterable[pd.DataFrame]) -> pd.DataFrame:
    """Stack the rows of panels."""
    there = [part for part in parts if len(part)]
    return pd.concat(there, ignore_index=True) if there else pd.DataFrame(columns=COLUMNS)


def draw_density(panel: Panel, element_density: Tables) -> pd.DataFrame:
    """Draw number densities of the liquid's elements above the face, with 95 % bands."""
    parts: list[pd.DataFrame] = []
    elements: dict[str, Any] = {}
    for name, table in panel.of(element_density):
        look = panel.look(name)
        for element, line in zip(table["element"].unique(), ELEMENT_LINES, strict=False):
            elements[element] = line
            of_element = table[table["element"] == element]
            rows = panel.rows(
                name,
                ("z_A", f"density_{element}_per_A3"),
                x=of_element["z_A"],
                y=of_element["density_per_A3"],
                y_low=of_element["density_per_A3_low"],
                y_high=of_element["density_per_A3_high"],
            )
            label = look.label if element == next(iter(elements)) else None
            panel.axes.plot(rows["x"], rows["y"], color=look.color, linestyle=line, label=label)
            panel.axes.fill_between(
                rows["x"], rows["y_low"], rows["y_high"], color=look.color, alpha=0.14, linewidth=0
            )
            parts.append(rows)
    for element, line in elements.items():
        panel.axes.plot([], [], color=style.CONTINUUM_COLOR, linestyle=line, label=element)
    _label_height(panel)
    panel.axes.set_ylim(bottom=0.0)
    panel.axes.set_ylabel("Number density (Å$^{-3}$)")
    return collect(parts)


def draw_profile(panel: Panel, cumulative: Tables) -> pd.DataFrame:
    """Draw the mean cumulative dipole from the face up, as a voltage, with its 95 % band."""
    parts = []
    panel.axes.axhline(0.0, color="black", linewidth=0.5)
    for name, table in panel.of(cumulative):
        per_V = panel.spec.e_per_A_per_V(name)
        rows = panel.rows(
            name,
            ("z_A", "dV_V"),
            x=table["z_A"],
            y=table["P_z_e_per_A"] / per_V,
            y_low=table["P_z_e_per_A_low"] / per_V,
            y_high=table["P_z_e_per_A_high"] / per_V,
        )
        style.draw_curves(panel.axes, rows, {name: panel.look(name)}, "x", "y")
        parts.append(rows)
    _label_height(panel)
    panel.axes.set_ylabel(r"Mean $P_z(z)/\varepsilon_0$ (V)")
    return collect(parts)


def draw_distribution(
    panel: Panel, dipole: Tables, terms: Mapping[str, float], quantity: str
) -> pd.DataFrame:
    """Draw the distribution of a voltage: a sum of columns in e/Å, times their factors, over ε0.

    Of P_z itself a metal's window is shaded beyond its ends.
    """
    spec = panel.spec
    voltages = {
        name: sum(factor * table[column] for column, factor in terms.items())
        / spec.e_per_A_per_V(name)
        for name, table in panel.of(dipole)
    }
    if not voltages:
        return collect([])
    window = interface_of(spec).metallic_window_V if terms == TOTAL else None
    reach = max(float(np.abs(voltage).max()) for voltage in voltages.values())
    reach = 1.05 * max(reach, 1.2 * max(map(abs, window)) if window else 0.0)
    edges = np.linspace(-reach, reach, BINS + 1)
    centres, parts = 0.5 * (edges[1:] + edges[:-1]), []
    for name, voltage in voltages.items():
        density, _ = np.histogram(voltage, bins=edges, density=True)
        look = panel.look(name)
        panel.axes.step(centres, density, where="mid", color=look.color, label=look.label)
        quantities = (quantity, "probability_density_per_V")
        parts.append(panel.rows(name, quantities, x=centres, y=density))
    panel.axes.set_xlim(-reach, reach)
    panel.axes.set_ylim(0.0, 1.15 * max(part["y"].max() for part in parts))
    if window is not None:
        _shade(panel.axes, window, reach)
    panel.axes.set_ylabel("Probability density (1/V)")
    return collect(parts)


TOTAL = {"P_z_e_per_A": 1.0}
"""The dipole of all the layer."""


def draw_spread(panel: Panel, summary: Tables, column: str, symbol: str) -> pd.DataFrame:
    """Draw σ of each potential with its 95 % interval, or as a lower bound.

    A column of dipoles is shown as a voltage.
    """
    parts, labels = [], []
    for place, (name, table) in enumerate(panel.of(summary)):
        row, look = table.iloc[0], panel.look(name)
        per_V = panel.spec.e_per_A_per_V(name) if column.endswith("e_per_A") else 1.0
        value, low, high = (row[f"{column}{end}"] / per_V for end in ("", "_low", "_high"))
        labels.append(look.label)
        if not np.isfinite(value):
            continue
        known = np.isfinite(low)
        panel.axes.errorbar(
            value,
            place,
            # the interval is corrected for bias and may leave a value of few samples outside
            xerr=np.maximum([[value - low], [high - value]], 0.0) if known else 0.1 * value,
            xlolims=not known,
            color=look.color,
            marker=look.marker,
            markerfacecolor=look.color if known else "white",
            linestyle="none",
            capsize=1.8,
            elinewidth=0.8,
        )
        values = {"x": [place], "y": [value], "y_low": [low], "y_high": [high]}
        parts.append(panel.rows(name, ("potential", f"{_bare(column)}_V"), **values))
    panel.axes.set_yticks(range(len(labels)), labels)
    panel.axes.set_ylim(len(labels) - 0.5, -0.5)
    panel.axes.set_xlim(left=0.0)
    panel.axes.set_xlabel(symbol)
    return collect(parts)


def draw_continuum(panel: Panel, size_A: float) -> pd.DataFrame:
    """Mark σ(ΔV) of a dielectric layer in vacuum; a metal's images change it by little."""
    spec, campaign = panel.spec, interface_of(panel.spec)
    x, y = campaign.surface.edges_A
    thickness = continuum_thickness(campaign.n_molecules(size_A), x * y, campaign.density_g_per_cm3)
    reduced = dielectric_fluctuation(spec.settings["analysis.relative_permittivity"])
    temperature = spec.settings["dynamics.temperature_K"]
    sigma = dipole_std(reduced, thickness, x * y, temperature_K=temperature)
    parts = []
    for number, name in enumerate(spec.references):
        voltage = sigma / spec.e_per_A_per_V(name)
        # of further references in the colour of their first potential
        color = spec.potentials[name].color if number else style.CONTINUUM_COLOR
        panel.axes.axvline(voltage, color=color, linestyle="-.", linewidth=0.9, label="Dielectric")
        label = f"dielectric ({spec.charges(name).own_e:g} e)" if number else "dielectric"
        parts.append(panel.rows(label, ("potential", "sigma_dV_V"), x=[np.nan], y=[voltage]))
    return collect(parts)


def draw_voltage(
    distribution: Panel, spread: Panel, dipole: Tables, summary: Tables
) -> list[pd.DataFrame]:
    """Draw the distribution of ΔV = P_z/ε0 and its σ, beside that of a dielectric layer."""
    rows = [
        draw_distribution(distribution, dipole, TOTAL, "dV_V"),
        draw_spread(spread, summary, "sigma_dV_V", r"$\sigma(\Delta V)$ (V)"),
        draw_continuum(spread, style.largest(summary)),
    ]
    distribution.axes.set_xlabel(r"$\Delta V = P_z/\varepsilon_0$ (V)")
    return rows


def draw_memory(panel: Panel, autocorrelation: Tables, symbol: str) -> pd.DataFrame:
    """Draw autocorrelations with 95 % bands."""
    panel.axes.axhline(0.0, color="black", linewidth=0.5)
    parts = []
    for name, table in panel.of(autocorrelation):
        columns = {"y": "acf", "y_low": "acf_low", "y_high": "acf_high"}
        series = {to: table[of] for to, of in columns.items()}
        rows = panel.rows(name, ("lag_ps", "autocorrelation"), x=table["lag_ps"], **series)
        style.draw_curves(panel.axes, rows, {name: panel.look(name)}, "x", "y")
        parts.append(rows)
    longest = max((part["x"].max() for part in parts), default=1.0)
    panel.axes.set_xlim(0.0, longest)
    panel.axes.set_ylim(-0.5, 1.05)
    panel.axes.set_xlabel("Lag (ps)")
    panel.axes.set_ylabel(f"Autocorrelation of {symbol}")
    return collect(parts)


def _bare(column: str) -> str:
    return column.removesuffix("_e_per_A").removesuffix("_V")


def _label_height(panel: Panel) -> None:
    campaign = interface_of(panel.spec)
    panel.axes.set_xlabel(f"Height above the {campaign.surface.region} (Å)")


def _shade(axes: Axes, window: tuple[float, float], reach: float) -> None:
    for low, high in ((-reach, window[0]), (window[1], reach)):
        axes.axvspan(low, high, color=style.METALLIC_COLOR, alpha=0.13, linewidth=0)
        axes.text(
            0.5 * (low + high),
            0.97,
            "metallic",
            transform=axes.get_xaxis_transform(),
            rotation=90,
            color=style.METALLIC_COLOR,
            fontsize=6.5,
            ha="center",
            va="top",
        )
