r"""Intervals of 95 % for means, standard deviations and fractions of correlated series.

Short-ranged models decorrelate so slowly that a run holds few independent frames, N/(2τ) ~ 5 to
20. A bootstrap over blocks of 2τ frames cannot be trusted there. Autoregressive Gaussian series of
known law show how often an interval holds the truth:

======================================  ====  ====  ====  ====
independent frames                         5     8    20   100
======================================  ====  ====  ====  ====
σ, block bootstrap                         –  61 %  76 %  86 %
σ, χ² (:func:`std_interval`)            94 %  94 %  96 %  95 %
mean, Student's t                       88 %  90 %  93 %  94 %
fraction beyond 1.5 σ, Wilson           99 %  99 %  99 %  99 %
======================================  ====  ====  ====  ====

`tests/estimators/test_coverage.py` repeats the measurement. Replicas are time series of one
observable, each of shape (n_frames,).
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TypeVar

import numpy as np
from scipy import stats

from falsemetal.arrays import FloatArray
from falsemetal.estimators.autocorrelation import (
    autocorrelation,
    integrated_correlation_frames,
    is_constant,
    sokal_window,
)

CONFIDENCE = 0.95

Spread = TypeVar("Spread", float, FloatArray)


@dataclass(frozen=True)
class Interval:
    """An estimate and its 95 % confidence interval, resting on effectively so many samples."""

    value: float
    low: float
    high: float
    n_independent: float

    def as_columns(self, name: str) -> dict[str, float]:
        """Three columns of a table: `name`, `name_low` and `name_high`."""
        return {name: self.value, f"{name}_low": self.low, f"{name}_high": self.high}


def independent_frames(replicas: Sequence[FloatArray]) -> float:
    """Effective number of independent frames N/(2τ), at least 1."""
    n_frames = sum(len(series) for series in replicas)
    return max(1.0, n_frames / (2.0 * integrated_correlation_frames(replicas)))


def mean_interval(replicas: Sequence[FloatArray]) -> Interval:
    """Mean over all frames with Student's t for N/(2τ) independent ones."""
    joined = np.concatenate(replicas)
    value = float(joined.mean())
    if is_constant(replicas):
        return Interval(value, value, value, 1.0)
    n_independent = independent_frames(replicas)
    half_width = mean_half_width(float(joined.std()), n_independent)
    return Interval(value, value - half_width, value + half_width, n_independent)


def mean_over_runs(replicas: Sequence[FloatArray]) -> Interval:
    """Mean over all frames with the interval that the scatter of the runs' own means tells.

    It needs no correlation time, and holds for runs that are shorter than their memory. One run
    alone has the interval of :func:`mean_interval`.
    """
    if len(replicas) == 1:
        return mean_interval(replicas)
    value = float(np.concatenate(replicas).mean())
    means = np.array([series.mean() for series in replicas])
    half_width = mean_half_width(float(means.std()), len(means))
    return Interval(value, value - half_width, value + half_width, len(means))


def mean_half_width(std: Spread, n_independent: float) -> Spread:
    """Half the 95 % interval of a mean of `n_independent` samples.

    `std` is the standard deviation about the sample mean with divisor N, of any shape. Fewer than
    two independent samples are treated as two.
    """
    degrees = max(1.0, n_independent - 1.0)
    return _two_sided(stats.t, degrees)[1] * std / math.sqrt(degrees)


def std_interval(replicas: Sequence[FloatArray]) -> Interval:
    r"""Take the standard deviation about the common mean, with a χ² interval.

    The variance of a correlated Gaussian series scatters like χ²_ν/ν with ν = N/(2τ₂) − 1, where
    τ₂ = ½ + Σ C(t)² is the correlation time of its square. Excess kurtosis κ > 0 reduces ν by
    2/(2 + κ), so that rare excursions widen the interval. The interval's centre is corrected for
    the variance that the estimated mean takes away, the reported value is not.
    """
    joined = np.concatenate(replicas)
    value = float(joined.std())
    if is_constant(replicas):
        return Interval(value, value, value, 1.0)
    n_independent = independent_frames(replicas)
    excess = max(0.0, float(stats.kurtosis(joined)))
    degrees = max(1.0, (_independent_squares(replicas) - 1.0) * 2.0 / (2.0 + excess))
    unbiased = value**2 * n_independent / max(1.0, n_independent - 1.0)
    lower, upper = _two_sided(stats.chi2, degrees)
    return Interval(
        value,
        float(np.sqrt(degrees * unbiased / upper)),
        float(np.sqrt(degrees * unbiased / lower)),
        n_independent,
    )


def fraction_interval(fraction: float, n_independent: float) -> Interval:
    """Wilson's score interval of a fraction.

    It needs no spread of outcomes: of none in n trials it says 0 … 3.8/(n + 3.8), a little above
    the rule of three. With `n_independent` taken from the observable that the outcome is decided
    by, it covers too often rather than too seldom, since threshold crossings decorrelate faster.
    """
    z = stats.norm.ppf(0.5 * (1.0 + CONFIDENCE))
    shrink = 1.0 / (1.0 + z**2 / n_independent)
    centre = shrink * (fraction + 0.5 * z**2 / n_independent)
    variance = fraction * (1.0 - fraction) / n_independent + 0.25 * (z / n_independent) ** 2
    half_width = shrink * z * np.sqrt(variance)
    low = 0.0 if fraction == 0.0 else float(centre - half_width)
    high = 1.0 if fraction == 1.0 else float(centre + half_width)
    return Interval(fraction, max(0.0, low), min(1.0, high), n_independent)


def share_interval(replicas: Sequence[FloatArray], n_trials: float) -> Interval:
    """Mean of a share that each frame takes over many trials, such as dissociated oxygens.

    Student's t, cut to 0 … 1; a share that never changes has no spread to judge by and gets
    Wilson's interval of `n_trials`, the independent trials in all frames together.
    """
    if is_constant(replicas):
        return fraction_interval(float(replicas[0][0]), n_trials)
    mean = mean_interval(replicas)
    return replace(mean, low=max(0.0, mean.low), high=min(1.0, mean.high))


def _independent_squares(replicas: Sequence[FloatArray]) -> float:
    correlation = autocorrelation(replicas)
    window = sokal_window(correlation)
    n_frames = sum(len(series) for series in replicas)
    time = 0.5 + float(np.sum(correlation[1 : window + 1] ** 2))
    time *= 1.0 + (2 * window + 1) / n_frames
    return n_frames / (2.0 * time)


def _two_sided(distribution: stats.rv_continuous, degrees: float) -> tuple[float, float]:
    tail = 0.5 * (1.0 - CONFIDENCE)
    return distribution.ppf(tail, degrees), distribution.ppf(1.0 - tail, degrees)
