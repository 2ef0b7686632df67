"""Planar averages of potentials of films."""

import numpy as np

from falsemetal.electrostatics.planar import planar_potential
from falsemetal.units import EPSILON_0

AREA_A2, SMEARING_A = 80.0, 0.7
Z = np.linspace(-30.0, 30.0, 6001)
HEIGHTS_A, CHARGES_E = np.array([-2.0, 1.0, 3.5]), np.array([0.3, -0.5, 0.2])


def potential(**changes) -> np.ndarray:
    settings = {"smearing_A": SMEARING_A, "area_A2": AREA_A2}
    return planar_potential(Z, HEIGHTS_A, CHARGES_E, **settings | changes)


def test_its_bend_is_the_charge_density() -> None:
    """Poisson's equation, −ε0 φ″ = ρ, and no field outside."""
    step = Z[1] - Z[0]
    bend = np.diff(potential(), 2) / step**2
    gaussians = np.exp(-0.5 * ((Z[1:-1, None] - HEIGHTS_A) / SMEARING_A) ** 2)
    density = gaussians @ CHARGES_E / (np.sqrt(2.0 * np.pi) * SMEARING_A * AREA_A2)
    np.testing.assert_allclose(-EPSILON_0 * bend, density, atol=1e-6)


def test_it_drops_by_the_dipole_across_a_film_about_zero() -> None:
    values = potential()
    drop = CHARGES_E @ HEIGHTS_A / (EPSILON_0 * AREA_A2)
    np.testing.assert_allclose([values[0], values[-1]], [-0.5 * drop, 0.5 * drop], rtol=1e-9)


def test_a_dipole_is_the_limit_of_two_charges() -> None:
    apart_A, moment = 1e-3, np.array([0.2, 0.0, -0.1])
    of_dipoles = potential(dipoles_e_A=moment) - potential()
    pairs = planar_potential(
        Z,
        np.concatenate([HEIGHTS_A + 0.5 * apart_A, HEIGHTS_A - 0.5 * apart_A]),
        np.concatenate([moment, -moment]) / apart_A,
        smearing_A=SMEARING_A,
        area_A2=AREA_A2,
    )
    np.testing.assert_allclose(of_dipoles, pairs, atol=1e-7)
