"""Mean field inside films over an external one against thickness, by charges that answer to it.

An insulator's does not depend on the thickness, a metal's falls as one over it
(:mod:`falsemetal.potentials.charges.film_response`). The frames are the equilibrated starts of the
campaign, the same for all potentials.
"""

from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from falsemetal.potentials.specs import NEUTRAL, OWN, SHARED
from falsemetal.products import answers, style
from falsemetal.products.registry import ProductSpec
from falsemetal.products.style import Tables

IGNORES = "does not answer"
"""Constraint of charges that are fixed, or that only the positions of atoms change."""

COLUMNS = (
    *("potential", "constraint", "size_A", "thickness_A", "internal_field_fraction"),
    *("standard_error", "n_frames"),
)

PBE_SIZE_A = 12.4
PBE = {"PBE": (14.2, (0.57, 0.57)), "PBE, gap closed": (17.2, (0.13,))}
"""Distance in Å of the outermost nuclei, and share of a field that electrons leave, by frame.

In the middle half of slabs of that size of water by CP2K, as Figure 2b shows them in
docs/electronic-structure.md: frames of SPC/E (gap 4.3 eV) and of the truncated force field (1.2
eV); and one at ΔV = 6.7 V, where electrons flow from face to face.
"""

PBE_COLOR = "#555555"

LINES = {SHARED: "none", NEUTRAL: ":", OWN: "-"}
"""From point to point; along those of a conductor runs its law."""

NOTE_LETTERS = 60
"""Of a line of the note on potentials that ignore fields."""


def tabulate(internal_field: Tables, spec: ProductSpec) -> pd.DataFrame:
    """Tabulate means over frames with their standard errors, by potential, constraint and size.

    `internal_field` holds tables of :func:`falsemetal.potentials.internal_field.internal_fields`;
    potentials that ignore fields have none, and 1 by construction, of no frame. `size_A` is that of
    the campaign, `thickness_A` the distance between the outermost nuclei. A standard error is empty
    where there is one frame. The last rows are of :data:`PBE`.
    """
    rows: list[tuple[Any, ...]] = []
    for name, shown in spec.potentials.items():
        if shown.ignores_fields:
            sizes = shown.durations_ps[spec.campaign_name]
            rows += [(name, IGNORES, size, np.nan, 1.0, 0.0, 0) for size in sizes]
        for key in sorted(key for key in internal_field if key[0] == name):
            for constraint, frames in internal_field[key].groupby("constraint", sort=False):
                thickness_A = frames["thickness_A"].mean()
                rows.append((name, constraint, key[1], thickness_A, *_mean(frames)))
    for name, (thickness_A, shares) in PBE.items():
        frames = pd.DataFrame({"internal_field_fraction": shares})
        rows.append((name, "electrons", PBE_SIZE_A, thickness_A, *_mean(frames)))
    return pd.DataFrame(rows, columns=list(COLUMNS))


def _mean(frames: pd.DataFrame) -> tuple[float, float, int]:
    """Mean over frames, its standard error, and their number."""
    fractions = frames["internal_field_fraction"]
    return float(fractions.mean()), float(fractions.sem()), len(fractions)


def draw(internal_field: Tables, spec: ProductSpec) -> tuple[Figure, pd.DataFrame]:
    """Draw fractions with standard errors, and 1/d through the thinnest film of each metal.

    Arguments as of :func:`tabulate`.
    """
    table = tabulate(internal_field, spec)
    with style.journal_style():
        figure = style.new_figure(style.SINGLE_COLUMN_IN, 3.0)
        axes = figure.subplots()
        axes.set_xlim(0.0, 1.08 * table["thickness_A"].max())
        fractions = table["internal_field_fraction"]
        axes.set_ylim(min(0.0, 1.1 * fractions.min()), 1.15 * max(1.0, fractions.max()))
        _draw_ignoring(axes, list(answers.ignoring(spec).values()))
        for name, look in style.looks(spec, table).items():
            rows = table[table["potential"] == name]
            for constraint, points in rows.groupby("constraint", sort=False):
                if constraint == SHARED:
                    _draw_conductor(axes, points.iloc[0], look.color)
                if constraint != IGNORES:
                    _draw_potential(axes, points, look, str(constraint))
        for name, fill in zip(PBE, (PBE_COLOR, "white"), strict=True):
            points = table[table["potential"] == name]
            _draw(
                axes,
                points,
                name,
                color=PBE_COLOR,
                marker="*",
                markersize=7,
                linestyle="none",
                fill=fill,
            )
        axes.set_xlabel(f"{spec.campaign.size_label} $d$ (Å)")
        axes.set_ylabel("Internal over external field")
        handles, labels = axes.get_legend_handles_labels()
        for label, drawn in _explained(table).items():
            handles.append(axes.plot([], [], color=style.CONTINUUM_COLOR, **drawn)[0])
            labels.append(label)
        style.draw_legend_above(figure, handles, labels, columns=3)
        answers.note_missing(figure, internal_field, spec, spec.sizes)
    return figure, table


def _draw_potential(axes: Axes, points: pd.DataFrame, look: style.Look, constraint: str) -> None:
    """Draw a potential at all thicknesses: open where its molecules are held neutral."""
    label, fill = (None, "white") if constraint == NEUTRAL else (look.label, look.color)
    _draw(
        axes,
        points,
        label,
        fill=fill,
        color=look.color,
        marker=look.marker,
        markersize=4.5,
        linestyle=LINES[constraint],
    )


def _explained(table: pd.DataFrame) -> dict[str, Any]:
    """Legend of what is drawn alike for all potentials, as far as it is shown."""
    shown = set(table["constraint"])
    drawn = {
        NEUTRAL: {"linestyle": ":", "linewidth": 0.7, "marker": "o", "markerfacecolor": "white"},
        SHARED: {"linestyle": "--", "linewidth": 0.7},
    }
    labels = {NEUTRAL: NEUTRAL, SHARED: r"$\propto 1/d$"}
    return {labels[constraint]: looks for constraint, looks in drawn.items() if constraint in shown}


def _draw(axes: Axes, points: pd.DataFrame, label: str | None, *, fill: str, **looks: Any) -> None:
    """Draw points with their standard errors, where there are any."""
    at = points["thickness_A"], points["internal_field_fraction"]
    bars: dict[str, Any] = {"fmt": "none", "elinewidth": 0.8, "capsize": 1.8, "zorder": 3}
    axes.errorbar(*at, points["standard_error"], ecolor=looks["color"], **bars)
    edge: dict[str, Any] = {"markerfacecolor": fill, "markeredgewidth": 0.8}
    axes.plot(*at, linewidth=0.7, label=label, zorder=4, **edge, **looks)


def _draw_conductor(axes: Axes, thinnest: pd.Series, color: str) -> None:
    """Draw 1/d through a point."""
    first = thinnest["thickness_A"]
    thickness = np.linspace(0.7 * first, axes.get_xlim()[1], 200)
    axes.plot(
        thickness,
        thinnest["internal_field_fraction"] * first / thickness,
        color=color,
        linewidth=0.7,
        linestyle="--",
        zorder=1,
    )


def _draw_ignoring(axes: Axes, labels: list[str]) -> None:
    """Draw the line at 1 of potentials of these labels."""
    if not labels:
        return
    axes.axhline(1.0, color=style.CONTINUUM_COLOR, linewidth=0.9, zorder=1)
    axes.annotate(
        answers.name_ignoring(labels, letters=NOTE_LETTERS),
        (0.02, 1.0),
        xycoords=("axes fraction", "data"),
        xytext=(0, 2),
        textcoords="offset points",
        color=style.CONTINUUM_COLOR,
        fontsize=6.5,
        va="bottom",
    )
