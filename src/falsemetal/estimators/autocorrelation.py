"""Autocorrelation functions and times of one observable sampled by one or several replicas."""

from collections.abc import Sequence

import numpy as np
from scipy import fft

from falsemetal.arrays import FloatArray

SOKAL_WINDOW = 5.0
"""The sum over lags stops at the first lag beyond this many correlation times."""


def autocorrelation(
    replicas: Sequence[FloatArray], n_lags: int | None = None, *, mean: float | None = None
) -> FloatArray:
    r"""Normalised autocorrelation function, eq. S9 of the paper.

    .. math::
        C(\tau) = \frac{1}{(N - \tau)\,\sigma^2}
                  \sum_{t=1}^{N-\tau} (x_t - \bar x)(x_{t+\tau} - \bar x)

    The mean is that of all frames, unless symmetry tells it (`mean`): about its known mean a series
    that has not left one side of it counts as slow decay, which about its own it hides. Replicas
    share one mean and one variance, so that a replica stuck away from the others does, too; at each
    lag a replica weighs as many pairs of frames as it holds, and no pair spans two replicas.

    Replicas, each of shape (n_frames,), are sampled at one interval; lags, zero included, are by
    default as many as the longest has. A constant observable gives 1 at lag zero and 0 beyond; lags
    beyond all replicas give NaN.
    """
    longest = max(len(series) for series in replicas)
    n_lags = longest if n_lags is None else n_lags
    centre = float(np.concatenate(replicas).mean()) if mean is None else mean
    products = np.zeros(n_lags)
    pairs = np.zeros(n_lags)
    for series in replicas:
        kept = min(n_lags, len(series))
        products[:kept] += _lagged_products(np.asarray(series, float) - centre)[:kept]
        pairs[:kept] += len(series) - np.arange(kept)
    with np.errstate(invalid="ignore"):
        covariance = products / np.where(pairs > 0, pairs, np.nan)
    if is_constant(replicas):
        return np.where(pairs > 0, np.arange(n_lags) == 0, np.nan).astype(float)
    return np.asarray(covariance / covariance[0])


def is_constant(replicas: Sequence[FloatArray]) -> bool:
    """Whether no frame of any replica differs from the rest."""
    joined = np.concatenate(replicas)
    return bool(np.ptp(joined) <= 1e-12 * max(1e-300, np.abs(joined).max()))


def integrated_correlation_frames(
    replicas: Sequence[FloatArray], *, mean: float | None = None
) -> float:
    r"""Integrated autocorrelation time in frames, τ = ½ + Σ C(t).

    The variance of a mean over N frames is 2τσ²/N, hence N/(2τ) frames are independent. The sum
    stops at Sokal's self-consistent window, the smallest W ≥ 5τ(W) (Madras and Sokal, J. Stat.
    Phys. 50, 109 (1988)), and is corrected for the bias of an estimated mean by the factor 1 + (2W
    + 1)/N (Wolff, Comput. Phys. Commun. 156, 143 (2004), eq. 49), unless the mean is known. It is
    at least ½, the value of independent frames; a run shorter than the window gives a lower bound.
    """
    correlation = autocorrelation(replicas, mean=mean)
    window = sokal_window(correlation)
    time = float(correlation[: window + 1].sum()) - 0.5
    return max(0.5, time * bias_of_mean(replicas, window, mean=mean))


def bias_of_mean(replicas: Sequence[FloatArray], window: int, *, mean: float | None) -> float:
    """Factor by which the sum of correlations about an estimated mean is too small."""
    if mean is not None:
        return 1.0
    return 1.0 + (2 * window + 1) / sum(len(series) for series in replicas)


def sokal_window(correlation: FloatArray) -> int:
    """Smallest lag W ≥ 5τ(W) of an autocorrelation function of shape (n_lags,), else the last."""
    times = np.cumsum(correlation) - 0.5
    beyond = np.arange(len(times)) >= SOKAL_WINDOW * times
    return int(np.argmax(beyond)) if beyond.any() else len(times) - 1


def autocorrelation_error(correlation: FloatArray, n_frames: int, n_lags: int) -> FloatArray:
    r"""Estimate the standard error of an autocorrelation function.

    Lüscher's form of Bartlett's formula (Comput. Phys. Commun. 165, 199 (2005), eq. E.11),

    .. math::
        \mathrm{var}\, C(t) = \frac{1}{N} \sum_{m \ge 1}
            \left[ C(m + t) + C(|m - t|) - 2 C(m) C(t) \right]^2

    with C taken as zero beyond Sokal's window, where it is noise. All lags that are known are
    given, 1 at lag zero; `n_frames` counts those of all replicas together.
    """
    window = sokal_window(correlation)
    truncated = np.zeros(2 * n_lags + window + 1)
    truncated[: window + 1] = correlation[: window + 1]
    variance = np.empty(n_lags)
    for lag in range(n_lags):
        m = np.arange(1, lag + window + 1)
        terms = truncated[m + lag] + truncated[np.abs(m - lag)]
        variance[lag] = np.sum((terms - 2.0 * truncated[m] * truncated[lag]) ** 2)
    return np.sqrt(variance / n_frames)


def _lagged_products(deviations: FloatArray) -> FloatArray:
    n_frames = len(deviations)
    padded = fft.next_fast_len(2 * n_frames, real=True)
    spectrum = fft.rfft(deviations, padded)
    return np.asarray(fft.irfft(np.abs(spectrum) ** 2, padded)[:n_frames])
