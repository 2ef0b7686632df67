"""Where a series has reached equilibrium."""

import logging
from collections.abc import Sequence

import numpy as np

from falsemetal.arrays import FloatArray

TRIED = 200
"""Starts that are tried, at most."""


def equilibrated_after(replicas: Sequence[FloatArray]) -> int:
    """Frames to leave out so that most independent ones are left; the median over replicas.

    By Chodera's method (J. Chem. Theory Comput. 12, 1799 (2016)) as pymbar has it. It tells of a
    start that is off; of a run of a few correlation times only it may leave out nearly all.
    """
    # it greets on import
    logging.getLogger("pymbar").setLevel(logging.ERROR)
    from pymbar.timeseries import detect_equilibration

    found = [
        detect_equilibration(np.asarray(series, float), nskip=max(1, len(series) // TRIED))[0]
        for series in replicas
    ]
    return int(np.median(found))
