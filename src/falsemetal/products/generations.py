"""Range of the dipole that each step of a learning loop knew, explored and added."""

from collections.abc import Mapping

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from falsemetal.learning.choosing import ADDED, HELD, REFUSED
from falsemetal.products import style
from falsemetal.products.registry import ProductSpec

BINS = 40

COLUMNS = ["dataset", "frames", "P_z_e_per_A", "n"]


def draw(
    added: Mapping[str, pd.DataFrame], dipoles: Mapping[str, pd.DataFrame], spec: ProductSpec
) -> tuple[Figure, pd.DataFrame]:
    """Draw a panel per step: frames of the dataset, of the runs, and those that were added.

    Tables are of :func:`falsemetal.learning.extending.extend`, by dataset. Dashed: the range that
    counts as known, before; dotted: after.
    """
    values = [table["P_z_e_per_A"].abs().max() for table in dipoles.values() if len(table)]
    edges = np.linspace(-1.0, 1.0, BINS + 1) * 1.05 * max(values, default=1.0)
    parts = []
    with style.journal_style():
        height = 0.5 + 1.05 * max(1, len(dipoles))
        figure = style.new_figure(style.SINGLE_COLUMN_IN, height)
        panels = figure.subplots(max(1, len(dipoles)), 1, sharex=True, squeeze=False)[:, 0]
        for axes, (name, table) in zip(panels, dipoles.items(), strict=False):
            parts += _draw_step(axes, name, table, edges)
            _draw_ranges(axes, added[name].iloc[0])
        panels[-1].set_xlabel("$P_z$ (e/Å)")
        if parts:
            style.draw_legend_above(figure, *panels[0].get_legend_handles_labels(), columns=3)
    return figure, pd.concat(parts) if parts else pd.DataFrame(columns=COLUMNS)


def _draw_step(axes: Axes, name: str, table: pd.DataFrame, edges: np.ndarray) -> list[pd.DataFrame]:
    held, taken = (table["verdict"] == verdict for verdict in (HELD, ADDED))
    refused = table["verdict"] == REFUSED
    groups = {
        "in the dataset": (held, style.CONTINUUM_COLOR),
        "explored": (~held & ~refused, style.PALETTE[2]),
        "added": (taken, style.PALETTE[1]),
    }
    centres = 0.5 * (edges[1:] + edges[:-1])
    parts = []
    for label, (chosen, color) in groups.items():
        count, _ = np.histogram(table.loc[chosen, "P_z_e_per_A"], bins=edges)
        filled = label == "added"
        axes.stairs(
            count,
            edges,
            color=color,
            fill=filled,
            alpha=0.75 if filled else 1.0,
            label=label,
            zorder=3 if filled else 2,
        )
        rows = pd.DataFrame({"P_z_e_per_A": centres, "n": count})
        parts.append(rows.assign(dataset=name, frames=label)[COLUMNS])
    axes.set_yscale("symlog", linthresh=1.0)
    axes.set_ylim(bottom=0.0)
    axes.set_ylabel("frames")
    n_refused = int(refused.sum())
    told = f"{name}: {int(taken.sum())} added"
    axes.set_title(
        f"{told}, {n_refused} unphysical" if n_refused else told, fontsize=7, loc="left", pad=2
    )
    return parts


def _draw_ranges(axes: Axes, row: pd.Series) -> None:
    for when, line in (("before", "--"), ("after", ":")):
        for end in ("low", "high"):
            value = row[f"P_z_{end}_{when}_e_per_A"]
            if pd.notna(value):
                axes.axvline(value, color=style.CONTINUUM_COLOR, linestyle=line, linewidth=0.8)
