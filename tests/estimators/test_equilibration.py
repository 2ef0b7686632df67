"""Detection of a start that is off."""

import numpy as np
from series import autoregressive

from falsemetal.estimators.equilibration import equilibrated_after


def test_a_start_that_is_off_is_found_and_one_that_is_not_is_kept(capfd):
    rng = np.random.default_rng(5)
    series = [autoregressive(0.8, 4000, rng) for _ in range(3)]
    assert equilibrated_after(series) == 0
    for run in series:
        run[:800] += np.linspace(8.0, 0.0, 800)
    assert 400 < equilibrated_after(series) < 1000
    assert capfd.readouterr() == ("", "")


def test_few_frames_and_constants_are_no_error():
    assert equilibrated_after([np.zeros(20)]) == 0
    assert 0 <= equilibrated_after([np.array([0.1, 0.2, 0.0, 0.3])]) <= 2
