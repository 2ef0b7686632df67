"""How often the 95 % intervals hold the truth, measured on series of known law."""

from collections import Counter

import numpy as np
import pytest
from scipy import stats
from series import autoregressive

from falsemetal.estimators.autocorrelation import integrated_correlation_frames
from falsemetal.estimators.statistics import (
    LEAST_INDEPENDENT_ABOUT_MEAN,
    LEAST_REPLICAS,
    fraction_interval,
    independent_frames,
    mean_interval,
    share_interval,
    std_interval,
)

TRIALS = 500
CORRELATION_FRAMES = 20.0
DECAY = (2 * CORRELATION_FRAMES - 1) / (2 * CORRELATION_FRAMES + 1)

MOST_MISSES = 0.09
"""Seven percent, as the module claims, and two standard errors of 500 trials."""

FEWEST_MISSES = 0.02
"""Where there are many independent frames, intervals of σ and the mean are not padded either."""

LEAST_DRAWN_OF_LONG_RUNS, MOST_DRAWN_OF_SHORT_RUNS = 0.95, 0.2
THRESHOLD = 1.5
QUIET_START = 0.15
"""Fluctuation at the start over that in equilibrium, as of SPC/E over its truncated form."""

INDEPENDENT_FRAMES = [0.5, 1, 2, 4, 8, 20, 100]


def samples(n_independent: float, n_replicas: int = 1):
    """Replicas of unit variance, each of so many independent frames, and at least as many."""
    rng = np.random.default_rng([int(10 * n_independent), n_replicas])
    n_frames = int(2 * CORRELATION_FRAMES * n_independent)
    for _ in range(TRIALS):
        yield [autoregressive(DECAY, n_frames, rng) for _ in range(n_replicas)]


def intervals(replicas):
    """Name, interval and truth of each estimate."""
    beyond = float((np.abs(np.concatenate(replicas)) > THRESHOLD).mean())
    n_independent = independent_frames(replicas, mean=0.0)
    yield "fluctuation about zero", std_interval(replicas, mean=0.0), 1.0
    yield "standard deviation", std_interval(replicas), 1.0
    yield "mean", mean_interval(replicas), 0.0
    yield "fraction", fraction_interval(beyond, n_independent), 2 * stats.norm.sf(THRESHOLD)


@pytest.mark.parametrize("n_replicas", [1, 3, 5])
@pytest.mark.parametrize("n_independent", INDEPENDENT_FRAMES)
def test_intervals_hold_or_there_is_none(n_independent, n_replicas):
    drawn: Counter[str] = Counter()
    missed: Counter[str] = Counter()
    for replicas in samples(n_independent, n_replicas):
        for name, interval, truth in intervals(replicas):
            drawn[name] += interval.converged
            missed[name] += interval.converged and not interval.low <= truth <= interval.high
    assert max(missed.values()) <= MOST_MISSES * TRIALS, missed
    if n_independent >= 100:
        assert min(drawn.values()) >= LEAST_DRAWN_OF_LONG_RUNS * TRIALS, drawn
    if n_independent >= 100:
        assert min(missed[name] for name in drawn if name != "fraction") >= FEWEST_MISSES * TRIALS
    assert drawn["fraction"] == TRIALS
    if n_replicas >= LEAST_REPLICAS:
        assert drawn["mean"] == TRIALS
    if n_independent <= 1 and n_replicas == 1:
        names = [name for name in drawn if name != "fraction"]
        assert max(drawn[name] for name in names) <= MOST_DRAWN_OF_SHORT_RUNS * TRIALS, drawn


@pytest.mark.parametrize("n_replicas", [1, 5])
@pytest.mark.parametrize(("n_independent", "most"), [(0.5, 0.16), (2, 0.12), (8, 0.1), (20, 0.07)])
def test_a_start_from_smaller_fluctuations_widens_what_is_missed_but_little(
    n_independent, most, n_replicas
):
    rng = np.random.default_rng([int(10 * n_independent), n_replicas, 1])
    missed = 0
    for _ in range(TRIALS):
        replicas = [
            autoregressive(
                DECAY, int(2 * CORRELATION_FRAMES * n_independent), rng, start=QUIET_START
            )
            for _ in range(n_replicas)
        ]
        interval = std_interval(replicas, mean=0.0)
        missed += interval.converged and not interval.low <= 1.0 <= interval.high
    assert missed <= most * TRIALS


def test_the_mean_of_a_drifting_run_hides_its_fluctuation():
    """An Ornstein-Uhlenbeck process about zero, in runs of two independent frames."""
    runs = [replicas[0] for replicas in samples(2)]
    about_zero = np.mean([std_interval([run], mean=0.0).value ** 2 for run in runs])
    about_mean = np.mean([std_interval([run]).value ** 2 for run in runs])
    assert about_zero == pytest.approx(1.0, abs=0.1)
    # variance of the mean of a run of T = 4τ: 2(τ/T)[1 − (τ/T)(1 − exp(−T/τ))]
    ratio = 0.25
    of_mean = 2 * ratio * (1 - ratio * (1 - np.exp(-1 / ratio)))
    assert about_mean == pytest.approx(1.0 - of_mean, abs=0.05)


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
    assert independent_frames(stuck) < LEAST_INDEPENDENT_ABOUT_MEAN
    assert mean_interval(stuck).high > 0.3
    assert not std_interval(stuck).converged


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
