"""Density profiles of the thickest slab, from the oxygens."""

import pandas as pd
from matplotlib.figure import Figure

from falsemetal.products import style
from falsemetal.products.fig3a import slabs_of
from falsemetal.products.registry import ProductSpec
from falsemetal.products.style import Tables

PROFILE_MARGIN_A = 4.0


def draw(density: Tables, spec: ProductSpec) -> tuple[Figure, pd.DataFrame]:
    """Draw mass density of slabs of one thickness against height with 95 % bands."""
    table = style.stack(density, spec)
    with style.journal_style():
        figure = style.new_figure(style.SINGLE_COLUMN_IN, 2.5)
        axes = figure.subplots()
        bulk = slabs_of(spec).density_g_per_cm3
        style.draw_curves(axes, table, style.looks(spec, table), "z_A", "density_g_per_cm3")
        axes.axhline(bulk, color=style.CONTINUUM_COLOR, linestyle="--", linewidth=0.8, label="Bulk")
        half = 0.5 * style.largest(density) + PROFILE_MARGIN_A
        axes.set_xlim(-half, half)
        axes.set_ylim(0.0, 1.15 * max(bulk, table["density_g_per_cm3"].max()))
        axes.set_xlabel("$z$ from the slab's centre (Å)")
        axes.set_ylabel("Density (g/cm$^3$)")
        style.draw_legend_above(figure, *axes.get_legend_handles_labels(), columns=4)
        style.note_missing(figure, density, spec)
    return figure, table
