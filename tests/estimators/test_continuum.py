"""Fluctuations that linear response expects, against their limits."""

import numpy as np
import pytest
from scipy import integrate

from falsemetal.estimators.continuum import (
    blind_fluctuation,
    dielectric_fluctuation,
    dipole_std,
    nonlocal_fluctuation,
    reduced_fluctuation,
)
from falsemetal.potentials.force_field.settings import DampedShiftedCoulomb
from falsemetal.units import EPSILON_0

PERMITTIVITY = 70.0
AREA_A2 = 9.32**2
TRUNCATED = DampedShiftedCoulomb(kind="damped_shifted")


def test_exact_electrostatics_give_the_dielectric_slab():
    found = nonlocal_fluctuation(20.0, PERMITTIVITY - 1.0, np.ones_like)
    assert found == pytest.approx(dielectric_fluctuation(PERMITTIVITY), rel=1e-12)


def test_thick_slabs_approach_the_blind_limit_from_below():
    thicknesses = [12.4, 24.9, 37.3, 400.0]
    found = [
        nonlocal_fluctuation(t, PERMITTIVITY - 1.0, TRUNCATED.depolarisation) for t in thicknesses
    ]
    blind = blind_fluctuation(PERMITTIVITY)
    assert dielectric_fluctuation(PERMITTIVITY) < found[0]
    assert found == sorted(found)
    assert found[2] < 0.3 * blind
    assert 0.85 * blind < found[3] < blind


@pytest.mark.parametrize(("thickness_A", "expected_V"), [(12.4, 1.8), (24.9, 4.0), (37.3, 6.3)])
def test_truncated_force_field_in_the_slabs_of_the_demo(thickness_A, expected_V):
    """Numbers of an independent solution of the same equation."""
    reduced = nonlocal_fluctuation(thickness_A, PERMITTIVITY - 1.0, TRUNCATED.depolarisation)
    sigma = dipole_std(reduced, thickness_A, AREA_A2, temperature_K=300.0)
    assert sigma / EPSILON_0 == pytest.approx(expected_V, abs=0.05)
    back = reduced_fluctuation(sigma**2, thickness_A, AREA_A2, temperature_K=300.0)
    assert back == pytest.approx(reduced)


@pytest.mark.parametrize("distance_A", [0.5, 3.0, 8.0, 8.9])
def test_depolarisation_follows_from_the_force_between_planes(distance_A):
    """Energy per area of two charged planes: its slope, over that of Coulomb's law, is λ."""

    def pair_energy(r: float) -> float:
        return float(TRUNCATED.depolarisation(np.array([r]))[0] / r)

    def of_planes(distance: float) -> float:
        end = TRUNCATED.cutoff_A
        return integrate.quad(lambda r: 2 * np.pi * r * pair_energy(r), distance, end)[0]

    step = 1e-3
    slope = (of_planes(distance_A + step) - of_planes(distance_A - step)) / (2 * step)
    expected = TRUNCATED.depolarisation(np.array([distance_A]))[0]
    assert slope / (-2 * np.pi) == pytest.approx(expected, abs=1e-8)
    assert TRUNCATED.depolarisation(np.array([0.0]))[0] == pytest.approx(1.0)
