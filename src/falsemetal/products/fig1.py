"""Water on a metal: densities, cumulative dipole, distribution and spread of ΔV (paper, Fig. 1)."""

import pandas as pd
from matplotlib.figure import Figure

from falsemetal.products import layers, style
from falsemetal.products.registry import ProductSpec
from falsemetal.products.style import Tables

OF_OTHERS = ("foundation",)
"""Kinds that Fig. S2 shows beside these."""


def draw(
    element_density: Tables, cumulative: Tables, dipole: Tables, summary: Tables, spec: ProductSpec
) -> tuple[Figure, pd.DataFrame]:
    """Draw the four panels, without models that were made for other systems."""
    spec = without_others(spec)
    with style.journal_style():
        figure = style.new_figure(style.DOUBLE_COLUMN_IN, 4.8)
        a, b, c, d = panels = layers.panels(figure, spec, 2, 2)
        parts = [
            layers.draw_density(a, element_density),
            layers.draw_profile(b, cumulative),
            *layers.draw_voltage(c, d, dipole, summary),
        ]
        layers.finish(figure, panels, dipole)
    return figure, layers.collect(parts)


def without_others(spec: ProductSpec) -> ProductSpec:
    """Leave out models that were made for other systems, unless there are no others."""
    own = {name: shown for name, shown in spec.potentials.items() if shown.kind not in OF_OTHERS}
    return spec.model_copy(update={"potentials": own or spec.potentials})
