"""The fit of q_O recovers the charge that made the dipoles."""

import numpy as np
import pytest
from scipy import stats

from falsemetal.electronic.dipole_charge import fit_dipole_charge

CHARGE_O_E = -0.5562
LIMIT = 0.02


def dipoles(n_frames: int, noise: float, seed: int) -> tuple[np.ndarray, np.ndarray]:
    generator = np.random.default_rng(seed)
    unit = generator.normal(scale=0.015, size=n_frames)
    return unit, CHARGE_O_E * unit + generator.normal(scale=noise, size=n_frames)


def test_exact_dipoles_give_their_charge() -> None:
    fit = fit_dipole_charge(*dipoles(20, 0.0, 0), limit_per_A=LIMIT)
    assert fit.charge_e == pytest.approx(CHARGE_O_E)
    assert fit.high_e - fit.low_e == pytest.approx(0.0, abs=1e-9)


def test_the_slope_is_that_of_least_squares() -> None:
    unit, dipole = dipoles(30, 5e-4, 1)
    expected = np.linalg.lstsq(unit[:, None], dipole, rcond=None)[0][0]
    assert fit_dipole_charge(unit, dipole, limit_per_A=1.0).charge_e == pytest.approx(expected)


def test_dipoles_beyond_the_limit_do_not_count() -> None:
    unit, dipole = dipoles(20, 0.0, 2)
    n_small = np.count_nonzero(np.abs(unit) <= LIMIT)
    unit, dipole = np.append(unit, [0.1, -0.1]), np.append(dipole, [-0.025, 0.025])
    fit = fit_dipole_charge(unit, dipole, limit_per_A=LIMIT)
    assert fit.charge_e == pytest.approx(CHARGE_O_E)
    assert fit.n_frames == n_small


def test_the_interval_covers_the_charge_in_95_percent() -> None:
    n_samples = 1000
    covered = 0
    for seed in range(n_samples):
        # with a limit that leaves some out
        fit = fit_dipole_charge(*dipoles(12, 5e-3, seed), limit_per_A=LIMIT)
        covered += fit.low_e <= CHARGE_O_E <= fit.high_e
    low, high = stats.binom.ppf([1e-4, 1 - 1e-4], n_samples, 0.95)
    assert low <= covered <= high


def test_too_few_frames_are_told() -> None:
    with pytest.raises(ValueError, match="2 frames with a small"):
        fit_dipole_charge(*dipoles(2, 0.0, 0), limit_per_A=1.0)
