import numpy as np
import pytest
from series import autoregressive

from falsemetal.estimators.autocorrelation import (
    autocorrelation,
    autocorrelation_error,
    integrated_correlation_frames,
)

SIGMAS = 4.0
"""Statistical thresholds in standard errors."""


def test_transform_equals_the_sum_of_eq_s9():
    x = np.random.default_rng(0).standard_normal(57).cumsum()
    deviation = x - x.mean()
    expected = [
        np.sum(deviation[: len(x) - lag] * deviation[lag:]) / ((len(x) - lag) * x.var())
        for lag in range(len(x))
    ]
    np.testing.assert_allclose(autocorrelation([x]), expected, atol=1e-10)


def test_replicas_share_mean_and_variance_and_weigh_by_pairs():
    rng = np.random.default_rng(1)
    long, short = rng.standard_normal(40), rng.standard_normal(10) + 1.0
    joined = np.concatenate([long, short])
    lag = 3
    products = [
        (series - joined.mean())[:-lag] * (series - joined.mean())[lag:] for series in (long, short)
    ]
    expected = np.concatenate(products).mean() / joined.var()
    assert autocorrelation([long, short])[lag] == pytest.approx(expected)


def test_lags_beyond_every_replica_are_unknown():
    found = autocorrelation([np.array([0.0, 1.0, 2.0])], n_lags=5)
    np.testing.assert_array_equal(np.isnan(found), [False, False, False, True, True])


def test_a_constant_has_no_memory():
    np.testing.assert_array_equal(autocorrelation([np.full(5, 0.3)]), [1, 0, 0, 0, 0])
    assert integrated_correlation_frames([np.full(500, 0.3)]) == pytest.approx(0.5, rel=0.05)


@pytest.mark.parametrize("decay", [0.0, 0.8, 0.95])
def test_autoregressive_series(decay):
    rng = np.random.default_rng(2)
    replicas = [autoregressive(decay, 50_000, rng) for _ in range(4)]
    exact_time = 0.5 * (1 + decay) / (1 - decay)
    n_lags = 40
    found = autocorrelation(replicas)
    error = autocorrelation_error(found, 200_000, n_lags)
    assert error[0] == pytest.approx(0.0, abs=1e-6)
    deviation = np.abs(found[:n_lags] - decay ** np.arange(n_lags))
    assert np.all(deviation <= SIGMAS * error + 1e-9)
    # Madras and Sokal: relative error of τ is sqrt(2(2W + 1)/N)
    allowed = SIGMAS * np.sqrt(2 * (10 * exact_time + 1) / 200_000)
    assert integrated_correlation_frames(replicas) == pytest.approx(exact_time, rel=allowed)
