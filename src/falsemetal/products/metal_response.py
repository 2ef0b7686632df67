"""What a field along z does to a liquid's film on a metal: its potential, and charges of layers.

Tables are those of :func:`falsemetal.potentials.metal_response.metal_responses`, on the
equilibrated starts of the campaign, the same for all potentials.
"""

from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from falsemetal.potentials.specs import (
    BARE,
    LAYER_CHARGE,
    METAL_FIELD_V_PER_A,
    PROFILE,
    SLOPE,
    SPREAD,
    UNITS,
)
from falsemetal.products import answers, style
from falsemetal.products.layers import interface_of
from falsemetal.products.registry import ProductSpec
from falsemetal.products.style import Tables

COLUMNS = (
    *("potential", "size_A", "quantity", "unit", "place", "distance_A"),
    *("value", "standard_error", "n_frames"),
)

BARE_LABEL = r"$-Ez$"
APART = 0.09
"""Of layers, between the points of two potentials."""

NOTE_LETTERS = 42
"""Of a line of the note on potentials that ignore fields."""


def tabulate(metal_response: Tables, spec: ProductSpec) -> pd.DataFrame:
    """Tabulate means over frames with their standard errors, by potential, size, quantity, place.

    Of potentials that ignore fields, of no frame: no charges of layers, the slope of the bare
    field, and layers that are as far apart as it makes them. A standard error is empty where there
    is one frame.
    """
    rows: list[tuple[Any, ...]] = []
    for name, shown in spec.potentials.items():
        if shown.ignores_fields:
            for size in shown.durations_ps[spec.campaign_name]:
                rows += [(name, size, *row) for row in _of_bare_field(spec)]
        for key in sorted(key for key in metal_response if key[0] == name):
            places = metal_response[key].groupby(["quantity", "place"], sort=False)
            for (quantity, place), frames in places:
                values = frames["value"]
                at_A = frames["distance_A"].mean()
                error = float(values.sem())
                of_frames = float(values.mean()), error, len(values)
                rows.append((name, key[1], quantity, UNITS[quantity], place, at_A, *of_frames))
    return pd.DataFrame(rows, columns=list(COLUMNS))


def _of_bare_field(spec: ProductSpec) -> list[tuple[Any, ...]]:
    """Quantities where no charge answers."""
    surface = interface_of(spec).surface
    drop_mV = 1e3 * METAL_FIELD_V_PER_A * surface.height_A
    layers = [(LAYER_CHARGE, layer, 0.0) for layer in range(1, surface.layers + 1)]
    values = [*layers, (SPREAD, 0, drop_mV), (BARE, 0, drop_mV), (SLOPE, 0, 1.0)]
    return [(name, UNITS[name], place, np.nan, value, 0.0, 0) for name, place, value in values]


def draw(metal_response: Tables, spec: ProductSpec) -> tuple[Figure, pd.DataFrame]:
    """Draw both panels at the largest size; arguments as of :func:`tabulate`, which has all."""
    table = tabulate(metal_response, spec)
    size_A = style.largest(metal_response)
    shown = table[(table["size_A"] == size_A) & (table["n_frames"] > 0)]
    with style.journal_style():
        figure = style.new_figure(style.DOUBLE_COLUMN_IN, 2.9)
        left, right = figure.subplots(1, 2, width_ratios=[1.7, 1.0])
        for letter, axes in (("a", left), ("b", right)):
            axes.set_title(f"({letter})", loc="left", fontweight="bold", pad=3)
        looks = style.looks(spec, shown)
        _draw_profiles(left, shown, spec, looks)
        _draw_layers(right, shown, spec, looks)
        handles, labels = left.get_legend_handles_labels()
        style.draw_legend_above(figure, handles, labels, columns=6)
        at_size = {key: found for key, found in metal_response.items() if key[1] == size_A}
        answers.note_missing(figure, at_size, spec, [size_A])
    return figure, table


def _draw_profiles(
    axes: Axes, table: pd.DataFrame, spec: ProductSpec, looks: dict[str, style.Look]
) -> None:
    """Draw potentials with bands of standard errors, the bare field, and where the metal is."""
    height_A = interface_of(spec).surface.height_A
    axes.axvspan(-height_A, 0.0, color=style.CONTINUUM_COLOR, alpha=0.15, linewidth=0)
    axes.annotate(
        ", ".join(interface_of(spec).surface.elements),
        (-0.5 * height_A, 0.97),
        xycoords=("data", "axes fraction"),
        color=style.CONTINUUM_COLOR,
        ha="center",
        va="top",
    )
    axes.axhline(0.0, color=style.CONTINUUM_COLOR, linewidth=0.5, zorder=1)
    profiles = table[table["quantity"] == PROFILE]
    ends = profiles["distance_A"].agg(["min", "max"]).to_numpy()
    bare = -METAL_FIELD_V_PER_A * (ends + 0.5 * height_A)
    axes.plot(
        ends, bare, color=style.CONTINUUM_COLOR, linestyle="--", linewidth=0.9, label=BARE_LABEL
    )
    for index, (name, look) in enumerate(looks.items()):
        rows = profiles[profiles["potential"] == name]
        at_A, value = rows["distance_A"], rows["value"]
        error = rows["standard_error"].fillna(0.0)
        line: Any = (0, (2.5, 1.5)) if index else "-"  # those below must be seen
        axes.plot(at_A, value, color=look.color, label=look.label, linestyle=line)
        axes.fill_between(
            at_A, value - error, value + error, color=look.color, alpha=0.25, linewidth=0
        )
    axes.set_xlim(*ends)
    axes.set_xlabel("Distance from the metal's top layer (Å)")
    axes.set_ylabel(rf"$\Delta\varphi$ (V) by $E_z$ = {METAL_FIELD_V_PER_A:g} V/Å")
    if labels := list(answers.ignoring(spec).values()):
        axes.annotate(
            answers.name_ignoring(labels, letters=NOTE_LETTERS, before="grey where "),
            (0.02, 0.03),
            xycoords="axes fraction",
            color=style.CONTINUUM_COLOR,
            fontsize=6.5,
            va="bottom",
        )


def _draw_layers(
    axes: Axes, table: pd.DataFrame, spec: ProductSpec, looks: dict[str, style.Look]
) -> None:
    """Draw charges of layers with standard errors, beside those of an ideal conductor."""
    n_layers = interface_of(spec).surface.layers
    ideal = np.zeros(n_layers)
    ideal[0], ideal[-1] = -1.0, 1.0
    layers = np.arange(1, n_layers + 1)
    axes.hlines(ideal, layers - 0.4, layers + 0.4, color=style.CONTINUUM_COLOR, linewidth=0.9)
    charges = table[table["quantity"] == LAYER_CHARGE]
    for index, (name, look) in enumerate(looks.items()):
        rows = charges[charges["potential"] == name]
        axes.errorbar(
            rows["place"] + APART * (2 * index - len(looks) + 1),
            rows["value"],
            rows["standard_error"],
            color=look.color,
            marker=look.marker,
            linestyle="none",
            elinewidth=0.8,
            capsize=1.8,
            zorder=3,
        )
    axes.set_xlim(0.5, n_layers + 0.5)
    axes.set_xticks(layers)
    axes.set_xlabel("Layer of the metal, from below")
    axes.set_ylabel(r"Charge over $\varepsilon_0 E A$")
