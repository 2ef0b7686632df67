"""Share λ of the depolarising energy that potentials feel, against thickness."""

from collections.abc import Mapping

import pandas as pd
from matplotlib.figure import Figure

from falsemetal.products import style
from falsemetal.products.registry import ProductSpec

BEYOND_A = 4.0
"""How far the curves go beyond the thickest slab."""


def draw(
    increments: Mapping[str, pd.DataFrame],
    depolarisation: Mapping[str, pd.DataFrame],
    spec: ProductSpec,
) -> tuple[Figure, pd.DataFrame]:
    """Draw what one cell more costs, over the thicknesses before and after, and λ(l) through it.

    Tables are by potential: increments have `probe`, `from_A`, `to_A`, `fraction` and
    `uncertainty`, the curves `thickness_A` and `lambda`.
    """
    shown = {name: look for name, look in spec.potentials.items() if name in increments}
    table = pd.concat(
        [increments[name].assign(potential=name) for name in shown], ignore_index=True
    )
    end = table["to_A"].max() + BEYOND_A
    with style.journal_style():
        figure = style.new_figure(style.SINGLE_COLUMN_IN, 2.7)
        axes = figure.subplots()
        for value in (0.0, 1.0):
            axes.axhline(value, color=style.CONTINUUM_COLOR, linewidth=0.6, linestyle=":")
        for name, look in shown.items():
            curve = depolarisation[name]
            curve = curve[curve["thickness_A"] <= end]
            axes.plot(curve["thickness_A"], curve["lambda"], color=look.color, linewidth=0.8)
            rows = increments[name]
            axes.errorbar(
                0.5 * (rows["from_A"] + rows["to_A"]),
                rows["fraction"],
                xerr=0.5 * (rows["to_A"] - rows["from_A"]),
                yerr=rows["uncertainty"],
                color=look.color,
                marker=look.marker,
                markersize=4,
                markeredgecolor="white",
                markeredgewidth=0.3,
                linestyle="none",
                elinewidth=0.5,
                label=look.label,
            )
        axes.set_xlim(0.0, end)
        axes.set_xlabel("Thickness of the slab (Å)")
        axes.set_ylabel("λ, felt share of the depolarising energy")
        style.draw_legend_above(figure, *axes.get_legend_handles_labels(), columns=4)
    return figure, table
