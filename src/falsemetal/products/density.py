"""Density profiles of the thickest slab, from the oxygens."""

import pandas as pd
from matplotlib.figure import Figure

from falsemetal.config import Config
from falsemetal.products import style
from falsemetal.products.style import Tables

PROFILE_MARGIN_A = 4.0


def tabulate(density: Tables, config: Config) -> pd.DataFrame:
    """Stack the density tables of the thickest slab, one potential after another.

    Parameters
    ----------
    density
        Tables of :class:`falsemetal.observables.slab.SlabObservables` by potential and
        nominal thickness in Å, of which the thickest is drawn.
    config
        Gives the order of the potentials.
    """
    thickest = style.thickest(density)
    parts = [
        density[name, thickest].assign(potential=name)
        for name in config.potentials
        if (name, thickest) in density
    ]
    table = pd.concat([part for part in parts if len(part)] or parts, ignore_index=True)
    return table[["potential", *table.columns.drop("potential")]]


def draw(density: Tables, config: Config) -> tuple[Figure, pd.DataFrame]:
    """Draw mass density against height with 95 % bands; arguments as :func:`tabulate`."""
    table = tabulate(density, config)
    with style.journal_style():
        figure = style.new_figure(style.SINGLE_COLUMN_IN, 2.5)
        axes = figure.subplots()
        bulk = config.slabs.density_g_per_cm3
        for name, look in style.looks(config, table).items():
            rows = table[table["potential"] == name]
            axes.plot(rows["z_A"], rows["density_g_per_cm3"], color=look.color, label=look.label)
            low, high = rows["density_g_per_cm3_low"], rows["density_g_per_cm3_high"]
            style.draw_band(axes, rows["z_A"], low, high, look.color)
        axes.axhline(bulk, color=style.CONTINUUM_COLOR, linestyle="--", linewidth=0.8, label="Bulk")
        half = 0.5 * max(config.slabs.thicknesses_A) + PROFILE_MARGIN_A
        axes.set_xlim(-half, half)
        axes.set_ylim(0.0, 1.15 * max(bulk, table["density_g_per_cm3"].max()))
        axes.set_xlabel("$z$ from the slab's centre (Å)")
        axes.set_ylabel("Density (g/cm$^3$)")
        style.draw_legend_above(figure, *axes.get_legend_handles_labels(), columns=4)
        style.note_missing(figure, density, config, "slabs")
    return figure, table
