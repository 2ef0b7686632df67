import numpy as np
import pytest
from series import autoregressive

from falsemetal.estimators.relaxation import memory_ps
from falsemetal.estimators.statistics import std_interval

INTERVAL_PS = 0.04
RELEASED = 5.0
"""Dipole at the release, in standard deviations of the equilibrium."""


def released(
    sign: float,
    time_ps: float,
    duration_ps: float,
    rng: np.random.Generator,
    dipole: float = RELEASED,
):
    """Make an Ornstein-Uhlenbeck process that begins far from its mean."""
    n_frames = round(duration_ps / INTERVAL_PS)
    decay = np.exp(-INTERVAL_PS / time_ps)
    mean = sign * dipole * decay ** np.arange(n_frames)
    return mean + autoregressive(decay, n_frames, rng, start=0.0)


@pytest.mark.parametrize(("dipole", "share"), [(5.0, 1.0), (2.0, 0.97), (1.2, 0.88)])
def test_runs_that_fluctuate_widely_meet_a_little_early(dipole, share):
    rng = np.random.default_rng(2)
    sides = [[released(sign, 4.0, 16.0, rng, dipole) for _ in range(300)] for sign in (1, -1)]
    found = [memory_ps([up], [down], INTERVAL_PS) for up, down in zip(*sides, strict=True)]
    assert np.mean(found) / 4.0 == pytest.approx(share, abs=0.06)


def test_a_longer_memory_widens_the_interval():
    rng = np.random.default_rng(7)
    run = autoregressive(0.9, 4000, rng)
    own, longer = (std_interval([run], mean=0.0, memory=memory) for memory in (0.0, 100.0))
    assert longer.value == own.value
    # sqrt of the ratio of independent squares, 2 * 4.76 frames apart against 100
    ratio = (longer.high - longer.low) / (own.high - own.low)
    assert ratio == pytest.approx(np.sqrt(100.0 / 9.5), rel=0.2)


@pytest.mark.parametrize("time_ps", [0.4, 1.0, 2.0])
def test_the_decay_after_a_release_is_the_equilibrium_memory(time_ps):
    rng = np.random.default_rng(3)
    found = [
        memory_ps([released(1, time_ps, 8.0, rng)], [released(-1, time_ps, 8.0, rng)], INTERVAL_PS)
        for _ in range(200)
    ]
    assert np.mean(found) == pytest.approx(time_ps, rel=0.2)


def test_runs_that_do_not_come_together_give_a_bound():
    rng = np.random.default_rng(4)
    up, down = released(1, 30.0, 4.0, rng), released(-1, 30.0, 6.0, rng)
    assert memory_ps([up], [down], INTERVAL_PS) == pytest.approx(4.0)


def test_replicas_on_one_side_are_averaged():
    line = np.linspace(1.0, 0.0, 101)
    assert memory_ps([2 * line, 0 * line], [-line], INTERVAL_PS) == pytest.approx(
        100 * INTERVAL_PS * (1 - np.exp(-1)), abs=INTERVAL_PS
    )


def test_no_interval_of_a_quiet_start_that_released_runs_show_to_be_one():
    """Eight of ten such runs get no interval where nothing is released, none where something is."""
    rng = np.random.default_rng(5)
    time_ps, duration_ps = 8.0, 8.0
    decay = np.exp(-INTERVAL_PS / time_ps)
    alone = together = 0
    for _ in range(300):
        run = autoregressive(decay, round(duration_ps / INTERVAL_PS), rng, start=0.15)
        sides = [[released(sign, time_ps, 4.0, rng)] for sign in (1, -1)]
        memory = memory_ps(*sides, INTERVAL_PS) / INTERVAL_PS
        alone += std_interval([run], mean=0.0).converged
        together += std_interval([run], mean=0.0, memory=memory).converged
    assert alone > 0.1 * 300
    assert together == 0
