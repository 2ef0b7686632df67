"""How long runs remember where they were released."""

from collections.abc import Sequence

import numpy as np
from scipy.ndimage import uniform_filter1d

from falsemetal.arrays import FloatArray

SMOOTHED_PS = 0.2
"""Length of running means of a decay."""


def memory_ps(up: Sequence[FloatArray], down: Sequence[FloatArray], interval_ps: float) -> float:
    """Time by which runs released from opposite dipoles have come together to 1/e.

    Parameters
    ----------
    up, down
        A fluctuating quantity of every frame from the release on, in runs that were released from
        either side; the shortest tells how long they are compared.
    interval_ps
        Between frames.

    Returns
    -------
    float
        By linear response the difference decays as the equilibrium autocorrelation does, from
        another start: this is a second route to its correlation time, and sees a memory that a
        quiet run is too short for. Single runs that fluctuate about as widely as the dipole that
        they were released from meet early by chance, by a tenth on average. The length of the runs,
        a lower bound, if they have not come together.
    """
    n_frames = min(len(series) for series in (*up, *down))
    upper, lower = (np.mean([run[:n_frames] for run in runs], axis=0) for runs in (up, down))
    width = max(1, round(SMOOTHED_PS / interval_ps))
    difference = uniform_filter1d(upper - lower, width, mode="nearest")
    # of the start itself no average is taken: the decay begins there
    together = np.flatnonzero(difference <= (upper[0] - lower[0]) / np.e)
    return interval_ps * float(together[0] if len(together) else n_frames)
