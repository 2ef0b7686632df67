"""Lines of band edges, and where they reach the Fermi level."""

import numpy as np
import pytest

from falsemetal.electronic.metallic_window import fit_edge, has_reached

VOLTAGES_V = np.array([-3.0, -2.0, -1.0, 0.0, 1.0, 2.0, 3.0])


def test_each_edge_is_fitted_on_the_side_on_which_it_moves() -> None:
    vbm = -2.0 + 0.8 * np.maximum(-VOLTAGES_V, 0.0)
    line = fit_edge(VOLTAGES_V, vbm, side=-1.0)
    assert line.slope_eV_per_V == pytest.approx(-0.8)
    assert line.intercept_eV == pytest.approx(-2.0)
    assert line.crossing_V == pytest.approx(-2.5)
    assert line.crossing_half_width_V == pytest.approx(0.0, abs=1e-9)
    assert line.n_fitted == 4
    # on the other side it does not move, nor reach the Fermi level
    other = fit_edge(VOLTAGES_V, vbm, side=1.0)
    assert np.isnan([other.crossing_V, other.crossing_half_width_V]).all()
    cbm = 1.5 - 0.6 * np.maximum(VOLTAGES_V, 0.0)
    assert fit_edge(VOLTAGES_V, cbm, side=1.0).crossing_V == pytest.approx(2.5)


def test_an_edge_that_is_held_at_the_fermi_level_does_not_bend_its_line() -> None:
    cbm = np.maximum(0.01, 2.0 - 0.8 * VOLTAGES_V)
    voltages = np.append(VOLTAGES_V, [2.5, 4.0, 6.0])
    edges = np.append(cbm, [0.02, 0.0, 0.01])
    line = fit_edge(voltages, edges, side=1.0)
    assert line.n_fitted == 4, "0, 1, 2 V, and the first that is held"
    assert line.crossing_V == pytest.approx(2.5, abs=0.05)


def test_two_frames_tell_a_line_without_an_interval() -> None:
    line = fit_edge(np.array([-2.0, 0.0]), np.array([-0.5, -2.0]), side=-1.0)
    assert line.crossing_V == pytest.approx(-2.0 * 2.0 / 1.5)
    assert np.isnan(line.crossing_half_width_V)


def test_one_frame_tells_no_line() -> None:
    assert fit_edge(np.array([-2.0, -2.0]), np.array([-0.5, -0.4]), side=-1.0) is None
    assert fit_edge(np.array([-2.0, -3.0]), np.zeros(2), side=-1.0) is None
    assert fit_edge(np.array([]), np.array([]), side=1.0) is None


def test_the_interval_holds_the_crossing_as_often_as_it_says() -> None:
    rng = np.random.default_rng(1)
    held = []
    for _ in range(500):
        voltage = rng.uniform(0.0, 4.0, 8)
        line = fit_edge(voltage, 2.0 - 0.8 * voltage + 0.2 * rng.standard_normal(8), side=1.0)
        held.append(abs(line.crossing_V - 2.5) <= line.crossing_half_width_V)
    assert np.mean(held) == pytest.approx(0.95, abs=0.03)


def test_a_band_that_is_held_at_the_fermi_level_has_reached_it() -> None:
    vbm, cbm = np.array([-2.3, -0.02, -3.7, -3.0]), np.array([2.2, 3.9, 0.04, -0.1])
    assert has_reached(vbm, cbm).tolist() == [False, True, True, True]
