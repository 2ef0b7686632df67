# ruff: noqa: N999 (the name of the figure in the paper)
"""Densities of states of the periodic cell with the largest ΔV, by functional (Fig. S11)."""

from collections.abc import Mapping

import pandas as pd
from matplotlib.figure import Figure

from falsemetal.products.band_diagram import JobKey, draw_panels
from falsemetal.products.jobs import cells, done, note_jobs
from falsemetal.products.registry import ProductSpec


def choose_panels(jobs: pd.DataFrame) -> pd.DataFrame:
    """Jobs of the bulk frame with the largest ΔV that converged, one for each functional."""
    shown = done(cells(jobs))
    if shown.empty:
        return shown
    largest = shown.loc[shown["delta_V_V"].idxmax()]
    same = (shown["frames"] == largest["frames"]) & (shown["frame"] == largest["frame"])
    return shown[same].drop_duplicates("functional")


def draw(
    jobs: pd.DataFrame, density: Mapping[JobKey, pd.DataFrame], spec: ProductSpec
) -> tuple[Figure, pd.DataFrame]:
    """Draw a panel per functional; arguments as :func:`falsemetal.products.figS9.draw`."""
    panels = choose_panels(jobs)
    titles = [
        rf"{job.functional}: $\Delta V$ = {job.delta_V_V:.1f} V, "
        rf"$E_\mathrm{{g}}$ = {job.gap_eV:.1f} eV"
        for job in panels.itertuples()
    ]
    figure, table = draw_panels(panels, density, titles)
    note_jobs(figure, cells(jobs), spec)
    return figure, table
