"""Where a series has reached equilibrium."""

import logging
from collections.abc import Sequence

import numpy as np

from falsemetal.arrays import FloatArray

TRIED = 100
"""Starts that are tried, at most; in the first half of a run."""

NEARLY = 0.8
"""Share of the most independent frames that is enough for an earlier start."""


def equilibrated_after(replicas: Sequence[FloatArray]) -> int:
    """Fewest frames to leave out so that nearly most independent ones remain; median of replicas.

    Chodera's criterion (J. Chem. Theory Comput. 12, 1799 (2016)) with pymbar's statistical
    inefficiency. The number of independent frames is itself uncertain: the earliest start with 80 %
    of the most is taken. Half of a run at most is left out: a few frames at its end seem
    independent of each other, however slow the rest.
    """
    return int(np.median([_start(np.asarray(series, float)) for series in replicas]))


def _start(series: FloatArray) -> int:
    # it greets on import
    logging.getLogger("pymbar").setLevel(logging.ERROR)
    from pymbar.timeseries import statistical_inefficiency

    if np.ptp(series) == 0.0:
        return 0
    starts = np.unique(np.linspace(0, len(series) // 2, TRIED, dtype=int))
    independent = [
        (len(series) - start) / statistical_inefficiency(series[start:], fast=True)
        if np.ptp(series[start:]) > 0.0
        else 0.0
        for start in starts
    ]
    enough = np.array(independent) >= NEARLY * max(independent)
    return int(starts[np.argmax(enough)])
