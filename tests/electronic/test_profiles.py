"""Planar averages of a dielectric slab in a field, built analytically."""

import numpy as np
import pytest

from falsemetal.electronic.profiles import Grid, planar_average, response, slope_within

LENGTHS_A = np.array([6.0, 8.0, 40.0])
SHAPE = (6, 8, 400)
FIELD_V_PER_A = 0.02
PERMITTIVITY = 1.8
FACES_A = (12.0, 28.0)


def grid(profile: np.ndarray) -> Grid:
    """Values that vary in the plane too, which the average takes away."""
    x = np.linspace(0.0, 2.0 * np.pi, SHAPE[0], endpoint=False)
    ripple = np.cos(x)[:, None, None] * np.ones((1, SHAPE[1], 1))
    return Grid(profile + ripple, LENGTHS_A, np.zeros(3))


HEIGHTS_A = grid(np.zeros(SHAPE[2])).heights_A


def slab_in_field() -> np.ndarray:
    """Potential energy per e of a dielectric slab between two vacua: a slope, less steep inside."""
    steepness = np.where(
        (FACES_A[0] <= HEIGHTS_A) & (FACES_A[1] > HEIGHTS_A),
        FIELD_V_PER_A / PERMITTIVITY,
        FIELD_V_PER_A,
    )
    return np.concatenate([[0.0], np.cumsum(steepness)[:-1]]) * (HEIGHTS_A[1] - HEIGHTS_A[0])


def test_the_average_leaves_what_depends_on_z() -> None:
    profile = np.sin(HEIGHTS_A)
    np.testing.assert_allclose(planar_average(grid(profile)), profile, atol=1e-12)


def test_the_response_of_a_dielectric_slab_has_the_slopes_of_field_and_screened_field() -> None:
    own = 3.0 * np.exp(-((HEIGHTS_A - 20.0) ** 2) / 30.0)
    change = response(grid(own + slab_in_field()), grid(own))
    assert slope_within(HEIGHTS_A, change, between_A=(2.0, 10.0)) == pytest.approx(FIELD_V_PER_A)
    screened = slope_within(HEIGHTS_A, change, between_A=(13.0, 27.0))
    assert screened == pytest.approx(FIELD_V_PER_A / PERMITTIVITY)


def test_grids_of_different_cells_are_refused() -> None:
    here = grid(np.zeros(SHAPE[2]))
    with pytest.raises(ValueError, match="same cell and cutoff"):
        response(here, Grid(here.values, 1.01 * LENGTHS_A, np.zeros(3)))
    with pytest.raises(ValueError, match="same cell and cutoff"):
        response(here, Grid(here.values[..., 1:], LENGTHS_A, np.zeros(3)))


def test_a_slope_needs_two_planes() -> None:
    with pytest.raises(ValueError, match="fewer than two planes"):
        slope_within(HEIGHTS_A, np.zeros(SHAPE[2]), between_A=(1.01, 1.09))
