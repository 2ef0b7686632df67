"""Dipole per area of every frame of a layer (paper, eq. 1)."""

import pandas as pd

from falsemetal.observables.registry import ObserveSpec
from falsemetal.observables.runs import Runs
from falsemetal.systems.boundary import Layout


def tabulate(runs: Runs, spec: ObserveSpec) -> pd.DataFrame:
    """Tabulate a row per frame; between two faces also the dipoles of both halves."""
    halves = ("P_low", "P_up") if spec.layout is Layout.CONFINED else ()
    return runs.frames(
        **{f"{name}_e_per_A": runs.series("voltage", name) for name in ("P_z", *halves)}
    )
