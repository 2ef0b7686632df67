"""Dipole per area of every frame of a film (paper, eq. 1)."""

import pandas as pd

from falsemetal.observables.registry import ObserveSpec
from falsemetal.observables.runs import Runs


def tabulate(runs: Runs, spec: ObserveSpec) -> pd.DataFrame:
    """Tabulate a row per frame."""
    return runs.frames(P_z_e_per_A=runs.series("voltage", "P_z"))
