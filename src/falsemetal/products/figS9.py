# ruff: noqa: N999 (the name of the figure in the paper)
"""Densities of states of polarised slabs, resolved in height (paper, Fig. S9)."""

from collections.abc import Mapping

import pandas as pd
from matplotlib.figure import Figure

from falsemetal.products.band_diagram import JobKey, draw_panels
from falsemetal.products.jobs import extremes, note_jobs, slabs_without_field
from falsemetal.products.registry import ProductSpec


def draw(
    jobs: pd.DataFrame, density: Mapping[JobKey, pd.DataFrame], spec: ProductSpec
) -> tuple[Figure, pd.DataFrame]:
    """Draw panels of layers with the whole density of states beside each."""
    panels = extremes(slabs_without_field(jobs), "P_z_e_per_A")
    titles = [
        rf"{job.functional}: $P_z$ = {job.P_z_e_per_A:+.4f} e/Å, "
        rf"$E_\mathrm{{g}}$ = {job.gap_eV:.1f} eV"
        for job in panels.itertuples()
    ]
    figure, table = draw_panels(panels, density, titles)
    note_jobs(figure, slabs_without_field(jobs), spec)
    return figure, table
