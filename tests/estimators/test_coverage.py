"""How often the 95 % intervals hold the truth, measured on series of known law."""

import numpy as np
import pytest
from scipy import stats
from series import autoregressive

from falsemetal.estimators.autocorrelation import integrated_correlation_frames
from falsemetal.estimators.statistics import (
    fraction_interval,
    independent_frames,
    mean_interval,
    share_interval,
    std_interval,
)

TRIALS = 500
CORRELATION_FRAMES = 20.0
DECAY = (2 * CORRELATION_FRAMES - 1) / (2 * CORRELATION_FRAMES + 1)

LOWEST_COVERAGE = 0.89
"""0.95 less three standard errors of 500 trials and the shortfall at eight independent frames."""

HIGHEST_COVERAGE_MANY = 0.985
"""With many independent frames the intervals of σ and the mean are not padded either."""


def samples(n_independent: int, n_replicas: int = 1):
    rng = np.random.default_rng([n_independent, n_replicas])
    n_frames = int(2 * CORRELATION_FRAMES * n_independent / n_replicas)
    for _ in range(TRIALS):
        yield [autoregressive(DECAY, n_frames, rng) for _ in range(n_replicas)]


@pytest.mark.parametrize(("n_independent", "n_replicas"), [(8, 1), (8, 4), (20, 1), (100, 1)])
def test_intervals_of_correlated_gaussian_series(n_independent, n_replicas):
    threshold = 1.5
    true_fraction = 2 * stats.norm.sf(threshold)
    hits = dict.fromkeys(("std", "mean", "fraction"), 0)
    for replicas in samples(n_independent, n_replicas):
        outside = float((np.abs(np.concatenate(replicas)) > threshold).mean())
        for name, interval, truth in (
            ("std", std_interval(replicas), 1.0),
            ("mean", mean_interval(replicas), 0.0),
            ("fraction", fraction_interval(outside, independent_frames(replicas)), true_fraction),
        ):
            hits[name] += interval.low <= truth <= interval.high
    coverage = {name: count / TRIALS for name, count in hits.items()}
    assert min(coverage.values()) >= LOWEST_COVERAGE, coverage
    if n_independent >= 100:
        assert max(coverage["std"], coverage["mean"]) <= HIGHEST_COVERAGE_MANY, coverage


def test_block_bootstrap_is_overconfident_where_runs_are_short():
    """Why the intervals do not come from it."""
    hits = 0
    for index, replicas in enumerate(samples(8)):
        interval = _block_bootstrap(replicas[0], np.random.default_rng(index))
        hits += interval.low <= 1.0 <= interval.high
    assert hits / TRIALS < 0.75


def _block_bootstrap(series: np.ndarray, rng: np.random.Generator):
    length = int(np.ceil(2 * integrated_correlation_frames([series])))
    blocks = np.array_split(series, max(2, len(series) // length))
    moments = [np.array([np.sum(b**power) for b in blocks]) for power in range(3)]

    def std(count, total, squares, axis=-1):
        n = count.sum(axis)
        variance = squares.sum(axis) / n - (total.sum(axis) / n) ** 2
        return np.sqrt(np.maximum(variance, 0.0))

    return stats.bootstrap(
        moments,
        std,
        paired=True,
        vectorized=True,
        n_resamples=300,
        method="percentile",
        rng=rng,
    ).confidence_interval


def test_heavy_tails_widen_the_interval():
    rng = np.random.default_rng(4)
    gaussian = rng.standard_normal(2000)
    heavy = stats.t.rvs(5, size=2000, random_state=rng)

    def relative_width(series):
        interval = std_interval([series])
        return (interval.high - interval.low) / interval.value

    assert relative_width(heavy) > 1.3 * relative_width(gaussian)


def test_stuck_replicas_count_as_few_independent_frames():
    rng = np.random.default_rng(6)
    stuck = [rng.normal(offset, 0.1, 500) for offset in (-1.0, 1.0, -1.0, 1.0)]
    assert independent_frames(stuck) < 20
    assert mean_interval(stuck).high > 0.3


def test_none_observed_still_has_an_upper_limit():
    interval = fraction_interval(0.0, 50.0)
    assert interval.low == 0.0
    assert 3 / 50 < interval.high < 4 / 50
    all_observed = fraction_interval(1.0, 50.0)
    assert all_observed.high == 1.0
    assert all_observed.low == pytest.approx(1.0 - interval.high)


@pytest.mark.parametrize("estimate", [mean_interval, std_interval])
def test_constant_series_give_numbers(estimate):
    interval = estimate([np.full(7, 0.25), np.full(3, 0.25)])
    assert np.isfinite([interval.value, interval.low, interval.high]).all()


def test_shares_stay_between_zero_and_one():
    assert share_interval([np.zeros(30)], 60.0).high == fraction_interval(0.0, 60.0).high
    rare = np.zeros(200)
    rare[[50, 120]] = 0.01
    interval = share_interval([rare], 100.0)
    assert interval.low == 0.0
    assert 0.0 < interval.value < interval.high < 0.01
