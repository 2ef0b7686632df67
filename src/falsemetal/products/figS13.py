# ruff: noqa: N999 (the name of the figure in the paper)
"""Water on an oxide: densities, profile, distribution and memory of ΔV (paper, Fig. S13)."""

import pandas as pd
from matplotlib.figure import Figure

from falsemetal.products import layers, style
from falsemetal.products.registry import ProductSpec
from falsemetal.products.style import Tables


def draw(
    element_density: Tables,
    cumulative: Tables,
    dipole: Tables,
    summary: Tables,
    autocorrelation: Tables,
    spec: ProductSpec,
) -> tuple[Figure, pd.DataFrame]:
    """Draw the five panels."""
    with style.journal_style():
        figure = style.new_figure(style.DOUBLE_COLUMN_IN, 4.8)
        *panels, last = layers.panels(figure, spec, 2, 3)
        last.axes.remove()
        a, b, c, d, e = panels
        parts = [
            layers.draw_density(a, element_density),
            layers.draw_profile(b, cumulative),
            *layers.draw_voltage(c, d, dipole, summary),
            layers.draw_memory(e, autocorrelation, "$P_z$"),
        ]
        layers.finish(figure, panels, dipole)
    return figure, layers.collect(parts)
