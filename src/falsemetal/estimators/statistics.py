r"""Intervals of 95 % for means, fluctuations and fractions of correlated series.

Short-ranged models decorrelate so slowly that a run holds few independent frames, N/(2τ), or less
than one. Nothing in such a run tells how short it is: its own τ is found too small. So an interval
of σ is drawn where there are at least :data:`LEAST_INDEPENDENT` independent frames by their own τ,
and :data:`LEAST_INDEPENDENT_EACH` in each of several runs: shorter runs tell of where they began,
which for potentials that start from their reference is the reference. Where other runs, released
from opposite dipoles, tell of a longer `memory`, that counts instead. Otherwise the ends of an
interval are NaN, and the estimate is not converged. Runs' own means tell the interval of the mean.

Autoregressive Gaussian series of known law show how often an interval is drawn / is drawn and
misses the truth, in percent of all series. Quiet ones begin at 0.15 σ, as from a reference of
smaller fluctuations:

============================  =======  =======  =======  =======  =======  =======
independent frames of a run       0.5        2        4        8       20      100
============================  =======  =======  =======  =======  =======  =======
σ about a known mean            12/ 6    29/ 7    49/ 5    75/ 6    95/ 5   100/ 4
the same, quiet                 24/13    32/ 9    52/ 8    72/ 8    97/ 4
σ about the sample's mean        5/ 3     4/ 3     9/ 5    27/ 6    76/ 4   100/ 4
mean                             5/ 5     4/ 3     9/ 5    27/ 6    76/ 6   100/ 4
fraction beyond 1.5 σ          100/ 2   100/ 1   100/ 1   100/ 1   100/ 1   100/ 0
five runs: σ, known mean         4/ 1    39/ 4    74/ 4    96/ 4   100/ 4   100/ 5
the same, quiet                  8/ 6    37/ 8    74/ 6    97/ 6   100/ 4
five runs: σ, own mean           5/ 2    39/ 4    72/ 3    95/ 4   100/ 4   100/ 4
five runs: mean                100/ 5   100/ 4   100/ 6   100/ 4   100/ 5   100/ 6
============================  =======  =======  =======  =======  =======  =======

A bootstrap over blocks of 2τ frames holds σ in 61 % of cases with 8 independent frames.
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
    bias_of_mean,
    integrated_correlation_frames,
    is_constant,
    sokal_window,
)

CONFIDENCE = 0.95

Spread = TypeVar("Spread", float, FloatArray)


LEAST_REPLICAS = 5
"""Independent runs whose own means tell the interval of the mean."""

LEAST_INDEPENDENT, LEAST_INDEPENDENT_ABOUT_MEAN = 6.0, 15.0
"""Independent frames, by their own correlation time, that an interval of σ needs.

About a mean that is estimated, too, a run that is shorter than its memory seems to hold more.
"""

LEAST_INDEPENDENT_EACH = 3.0
"""Independent frames that each run needs: shorter ones tell where they began."""


@dataclass(frozen=True)
class Interval:
    """An estimate and its 95 % confidence interval, resting on effectively so many samples.

    The ends are NaN where the samples do not suffice for one.
    """

    value: float
    low: float
    high: float
    n_independent: float

    @property
    def converged(self) -> bool:
        """Whether there is an interval."""
        return not math.isnan(self.low)

    def as_columns(self, name: str) -> dict[str, float]:
        """Three columns of a table: `name`, `name_low` and `name_high`."""
        return {name: self.value, f"{name}_low": self.low, f"{name}_high": self.high}


def independent_frames(
    replicas: Sequence[FloatArray], *, mean: float | None = None, memory: float = 0.0
) -> float:
    """Effective number of independent frames N/(2τ), at least 1.

    `mean` is what symmetry tells of it; τ is at least `memory`, what other runs tell of it, in
    frames.
    """
    n_frames = sum(len(series) for series in replicas)
    time = max(memory, integrated_correlation_frames(replicas, mean=mean))
    return max(1.0, n_frames / (2.0 * time))


def are_enough(
    replicas: Sequence[FloatArray], *, mean: float | None = None, memory: float = 0.0
) -> bool:
    """Whether an interval of σ about a known `mean`, or about their own, can be trusted."""
    least = LEAST_INDEPENDENT_ABOUT_MEAN if mean is None else LEAST_INDEPENDENT
    least = max(least, LEAST_INDEPENDENT_EACH * len(replicas))
    return independent_frames(replicas, mean=mean, memory=memory) >= least


def mean_interval(replicas: Sequence[FloatArray], *, memory: float = 0.0) -> Interval:
    """Mean over all frames with Student's t.

    By the scatter of the runs' own means where there are many runs, or too few independent frames
    in a few; else for N/(2τ) independent frames.
    """
    value = float(np.concatenate(replicas).mean())
    if is_constant(replicas):
        return Interval(value, value, value, 1.0)
    enough = are_enough(replicas, memory=memory)
    if len(replicas) >= LEAST_REPLICAS or (len(replicas) > 1 and not enough):
        samples = np.array([series.mean() for series in replicas])
        n_independent = float(len(samples))
    elif enough:
        samples = np.concatenate(replicas)
        n_independent = independent_frames(replicas, memory=memory)
    else:
        n_independent = independent_frames(replicas, memory=memory)
        return Interval(value, math.nan, math.nan, n_independent)
    half_width = mean_half_width(float(samples.std()), n_independent)
    return Interval(value, value - half_width, value + half_width, n_independent)


def mean_half_width(std: Spread, n_independent: float) -> Spread:
    """Half the 95 % interval of a mean of `n_independent` samples.

    `std` is the standard deviation about the sample mean with divisor N, of any shape. Fewer than
    two independent samples are treated as two.
    """
    degrees = max(1.0, n_independent - 1.0)
    return _two_sided(stats.t, degrees)[1] * std / math.sqrt(degrees)


def std_interval(
    replicas: Sequence[FloatArray], *, mean: float | None = None, memory: float = 0.0
) -> Interval:
    r"""Take the standard deviation about a known mean, or about the sample's, with a χ² interval.

    The variance of a correlated Gaussian series scatters like χ²_ν/ν with ν = N/(2τ₂), where τ₂ = ½
    + Σ C(t)² is the correlation time of its square, less one for a mean that is estimated. It is at
    least the number of replicas, since each gives a sample of the variance of its own. Excess
    kurtosis κ > 0 reduces ν by 2/(2 + κ), so that rare excursions widen the interval. The
    interval's centre is corrected for the variance that an estimated mean takes away, the reported
    value is not.
    """
    joined = np.concatenate(replicas)
    value = float(joined.std() if mean is None else np.sqrt(np.mean((joined - mean) ** 2)))
    if is_constant(replicas):
        return Interval(value, value, value, 1.0)
    n_independent = independent_frames(replicas, mean=mean, memory=memory)
    if not are_enough(replicas, mean=mean, memory=memory):
        return Interval(value, math.nan, math.nan, n_independent)
    estimated = mean is None
    squares = _independent_squares(replicas, mean=mean)
    if memory > 0.0:
        squares = min(squares, sum(len(series) for series in replicas) / memory)
    squares = max(float(len(replicas)), squares) - estimated
    excess = max(0.0, float(stats.kurtosis(joined)))
    degrees = max(1.0, squares * 2.0 / (2.0 + excess))
    unbiased = value**2
    if estimated:
        unbiased *= n_independent / max(1.0, n_independent - 1.0)
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
    if not mean.converged:
        return mean
    return replace(mean, low=max(0.0, mean.low), high=min(1.0, mean.high))


def _independent_squares(replicas: Sequence[FloatArray], *, mean: float | None) -> float:
    correlation = autocorrelation(replicas, mean=mean)
    window = sokal_window(correlation)
    time = 0.5 + float(np.sum(correlation[1 : window + 1] ** 2))
    time *= bias_of_mean(replicas, window, mean=mean)
    return sum(len(series) for series in replicas) / (2.0 * time)


def _two_sided(distribution: stats.rv_continuous, degrees: float) -> tuple[float, float]:
    tail = 0.5 * (1.0 - CONFIDENCE)
    return distribution.ppf(tail, degrees), distribution.ppf(1.0 - tail, degrees)
