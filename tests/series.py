"""Series of known law."""

import numpy as np
from scipy import signal


def autoregressive(
    decay: float, n_frames: int, rng: np.random.Generator, *, start: float = 1.0
) -> np.ndarray:
    """Gaussian series of unit variance with autocorrelation `decay` to the power of the lag.

    `start` is the standard deviation of its first value.
    """
    noise = rng.standard_normal(n_frames) * np.sqrt(1 - decay**2)
    noise[0] = start * rng.standard_normal()
    return signal.lfilter([1.0], [1.0, -decay], noise)
