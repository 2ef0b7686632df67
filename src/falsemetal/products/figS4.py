# ruff: noqa: N999 (the name of the figure in the paper)
"""Memory of the dipole of water on a metal (paper, Fig. S4a)."""

import pandas as pd
from matplotlib.figure import Figure

from falsemetal.products import layers, style
from falsemetal.products.registry import ProductSpec
from falsemetal.products.style import Tables


def draw(autocorrelation: Tables, spec: ProductSpec) -> tuple[Figure, pd.DataFrame]:
    """Draw eq. S9 of all potentials."""
    with style.journal_style():
        figure = style.new_figure(style.SINGLE_COLUMN_IN, 2.7)
        panels = layers.panels(figure, spec, 1, 1)
        rows = layers.draw_memory(panels[0], autocorrelation, "$P_z$")
        layers.finish(figure, panels, autocorrelation)
    return figure, rows
