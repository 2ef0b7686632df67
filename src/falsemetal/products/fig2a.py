"""Densities of states of water on a metal, resolved in height (paper, Fig. 2a)."""

from collections.abc import Mapping

import pandas as pd
from matplotlib.figure import Figure

from falsemetal.products.band_diagram import JobKey, draw_panels_beside
from falsemetal.products.jobs import extremes, note_jobs, slabs_without_field
from falsemetal.products.registry import ProductSpec


def draw(
    jobs: pd.DataFrame, density: Mapping[JobKey, pd.DataFrame], spec: ProductSpec
) -> tuple[Figure, pd.DataFrame]:
    """Draw the frames of the most negative, the smallest and the most positive dipole.

    Arguments as of :func:`falsemetal.products.figS9.draw`.
    """
    slabs = slabs_without_field(jobs)
    panels = extremes(slabs, "P_z_e_per_A")
    titles = [
        # zero has no sign
        rf"$P_z$ = {round(job.P_z_e_per_A, 4) + 0.0:+.4f} e/Å, "
        rf"$\Delta V$ = {round(job.delta_V_V, 1) + 0.0:+.1f} V"
        for job in panels.itertuples()
    ]
    figure, table = draw_panels_beside(panels, density, titles)
    note_jobs(figure, slabs, spec)
    return figure, table
