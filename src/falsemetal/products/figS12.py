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
            *layers.draw_voltage(b, c, dipole, summary),
        ]
        layers.finish(figure, panels, dipole)
    return figure, layers.collect(parts)
