# ruff: noqa: N999 (the name of the figure in the paper)
"""Water between the faces of a metal: its centre and its total dipole (paper, Fig. S5)."""

import pandas as pd
from matplotlib.figure import Figure

from falsemetal.products import layers, style
from falsemetal.products.registry import ProductSpec
from falsemetal.products.style import Tables

LOWER = {"P_low_e_per_A": 1.0}
CENTRE = {"P_low_e_per_A": 0.5, "P_up_e_per_A": -0.5}
OF_CENTRE = r"$\Delta V_\mathrm{centre} = (P_\mathrm{low} - P_\mathrm{up})/2\varepsilon_0$ (V)"
OF_TOTAL = r"$P_z/\varepsilon_0$ of all the water (V)"


def draw(
    cumulative: Tables, dipole: Tables, summary: Tables, spec: ProductSpec
) -> tuple[Figure, pd.DataFrame]:
    """Draw profile, distributions and spreads; the total tilts no band, which the metal shorts."""
    with style.journal_style():
        figure = style.new_figure(style.DOUBLE_COLUMN_IN, 6.6)
        a, b, c, d, e, f = panels = layers.panels(figure, spec, 3, 2)
        parts = [
            layers.draw_profile(a, cumulative),
            layers.draw_distribution(b, dipole, LOWER, "P_low_over_eps0_V"),
            layers.draw_distribution(c, dipole, CENTRE, "dV_centre_V"),
            layers.draw_spread(d, summary, "sigma_dV_V", rf"$\sigma$ of {OF_CENTRE}"),
            layers.draw_distribution(e, dipole, layers.TOTAL, "P_z_over_eps0_V"),
            layers.draw_spread(f, summary, "sigma_P_e_per_A", rf"$\sigma$ of {OF_TOTAL}"),
        ]
        b.axes.set_xlabel(r"$P_\mathrm{low}/\varepsilon_0$ (V)")
        c.axes.set_xlabel(OF_CENTRE)
        e.axes.set_xlabel(OF_TOTAL)
        layers.finish(figure, panels, dipole)
    return figure, layers.collect(parts)
