# ruff: noqa: N999 (the name of the figure in the paper)
"""A long layer of water on a metal (paper, Fig. S12)."""

import pandas as pd
from matplotlib.figure import Figure

from falsemetal.products import layers, style
from falsemetal.products.fig1 import without_others
from falsemetal.products.registry import ProductSpec
from falsemetal.products.style import Tables


def draw(
    cumulative: Tables, dipole: Tables, summary: Tables, spec: ProductSpec
) -> tuple[Figure, pd.DataFrame]:
    """Draw profile, distribution and spread of the longest layer."""
    spec = without_others(spec)
    with style.journal_style():
        figure = style.new_figure(style.DOUBLE_COLUMN_IN, 2.7)
        a, b, c = panels = layers.panels(figure, spec, 1, 3)
        parts = [
            layers.draw_profile(a, cumulative),
            layers.draw_distribution(b, dipole, layers.TOTAL, "dV_V"),
            layers.draw_spread(c, summary, "sigma_dV_V", r"$\sigma(\Delta V)$ (V)"),
            layers.draw_continuum(c, style.largest(summary)),
        ]
        b.axes.set_xlabel(r"$\Delta V = P_z/\varepsilon_0$ (V)")
        layers.finish(figure, panels, dipole)
    return figure, layers.collect(parts)
