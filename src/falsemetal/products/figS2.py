# ruff: noqa: N999 (the name of the figure in the paper)
"""Water on a metal by all potentials: profile and distribution of the dipole (paper, Fig. S2)."""

import pandas as pd
from matplotlib.figure import Figure

from falsemetal.products import layers, style
from falsemetal.products.fig1 import OF_OTHERS
from falsemetal.products.registry import ProductSpec
from falsemetal.products.style import Tables


def draw(cumulative: Tables, dipole: Tables, spec: ProductSpec) -> tuple[Figure, pd.DataFrame]:
    """Draw both panels; a note tells where no foundation model is among the potentials."""
    with style.journal_style():
        figure = style.new_figure(style.DOUBLE_COLUMN_IN, 2.7)
        a, b = panels = layers.panels(figure, spec, 1, 2)
        parts = [
            layers.draw_profile(a, cumulative),
            layers.draw_distribution(b, dipole, layers.TOTAL, "dV_V"),
        ]
        b.axes.set_xlabel(r"$\Delta V = P_z/\varepsilon_0$ (V)")
        layers.finish(figure, panels, dipole)
        note_foundation(figure, spec)
    return figure, layers.collect(parts)


def note_foundation(figure: Figure, spec: ProductSpec) -> None:
    """Tell below a figure that the configuration runs no foundation model."""
    if not any(shown.kind in OF_OTHERS for shown in spec.potentials.values()):
        style.write_below(
            figure, "no foundation model: this configuration runs none here (kind: foundation)"
        )
