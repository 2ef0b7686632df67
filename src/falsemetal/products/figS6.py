# ruff: noqa: N999 (the name of the figure in the paper)
"""Densities of states of water between two faces of a metal (paper, Fig. S6)."""

from collections.abc import Mapping

import pandas as pd
from matplotlib.figure import Figure

from falsemetal.products.band_diagram import JobKey, draw_panels_beside
from falsemetal.products.jobs import cells, done, extremes, note_jobs, of_first_functional
from falsemetal.products.registry import ProductSpec


def choose_panels(jobs: pd.DataFrame) -> pd.DataFrame:
    """Jobs of the extreme and the smallest ΔV of the centre, and of the latest other frame."""
    panels = extremes(jobs, "delta_V_V")
    others = of_first_functional(done(jobs)).drop(panels.index)
    late = others.sort_values("time_ps").tail(1)
    return pd.concat([panels, late]) if len(late) else panels


def draw(
    jobs: pd.DataFrame, density: Mapping[JobKey, pd.DataFrame], spec: ProductSpec
) -> tuple[Figure, pd.DataFrame]:
    """Draw up to four frames; arguments as of :func:`falsemetal.products.figS9.draw`."""
    of_cells = cells(jobs)
    panels = choose_panels(of_cells)
    titles = [
        rf"$\Delta V_\mathrm{{centre}}$ = {job.delta_V_V:+.1f} V, {job.time_ps:.0f} ps"
        for job in panels.itertuples()
    ]
    figure, table = draw_panels_beside(panels, density, titles)
    note_jobs(figure, of_cells, spec)
    return figure, table
