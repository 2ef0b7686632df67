"""Structure factors of waves of known polarisation."""

import numpy as np
import pytest

from falsemetal.estimators.continuum import longitudinal_stiffness
from falsemetal.estimators.structure_factors import (
    axial_wave_vectors,
    longitudinal_waves,
    structure_factor,
    transverse_directions,
    transverse_waves,
)
from falsemetal.potentials.force_field.settings import DampedShiftedCoulomb
from falsemetal.units import BOLTZMANN, EPSILON_0

TRUNCATED = DampedShiftedCoulomb(kind="damped_shifted")


def test_wave_vectors_are_multiples_along_the_edges_up_to_a_length():
    vectors = axial_wave_vectors(np.diag([9.32, 9.32, 37.26]), 0.7)
    expected = [[0.6742, 0, 0], [0, 0.6742, 0], *([0, 0, 0.16863 * n] for n in range(1, 5))]
    np.testing.assert_allclose(vectors, expected, atol=1e-3)
    assert len(axial_wave_vectors(np.diag([9.0, 9.0, 12.0]), 0.1)) == 1


def test_directions_across_a_wave_are_orthonormal():
    wave = np.array([0.1, -0.4, 0.2])
    frame = np.array([wave / np.linalg.norm(wave), *transverse_directions(wave)])
    np.testing.assert_allclose(frame @ frame.T, np.eye(3), atol=1e-12)


def test_small_dipoles_give_the_same_wave_by_charges_and_by_dipoles():
    """At small k the charges of molecules are waves of their dipoles, ρ_k/k = i k̂·Σ μ exp(ikr)."""
    rng = np.random.default_rng(0)
    centres = rng.uniform(0, 50, (3, 40, 3))
    arms = 0.01 * rng.standard_normal((3, 40, 3))
    positions = np.concatenate([centres, centres + arms], axis=1)
    charges = np.repeat([-1.0, 1.0], 40)
    wave = np.array([0.0, 0.0, 2 * np.pi / 50])
    real, imaginary = longitudinal_waves(positions, charges, wave)
    turned = np.array([0.0, 2 * np.pi / 50, 0.0])
    # the same dipoles along z, seen by a wave for which z is across
    phase = centres[..., 2] * wave[2]
    np.testing.assert_allclose(real, -(arms[..., 2] * np.sin(phase)).sum(1), atol=1e-4)
    np.testing.assert_allclose(imaginary, (arms[..., 2] * np.cos(phase)).sum(1), atol=1e-4)
    across = transverse_waves(centres, arms, turned)
    waves = np.einsum("fma,fm->fa", arms[..., [0, 2]], np.exp(1j * centres[..., 1] * turned[1]))
    power = (np.abs(waves) ** 2).sum(1)
    np.testing.assert_allclose((across**2).sum(0), power, rtol=1e-9)


def test_free_dipoles_have_the_structure_factor_of_their_density():
    """Dipoles that feel nothing have S_T = S_L = n μ²/(3 ε0 k_B T)."""
    rng = np.random.default_rng(1)
    n_molecules, edge, moment = 60, 20.0, 0.4
    centres = rng.uniform(0, edge, (4000, n_molecules, 3))
    dipoles = rng.standard_normal(centres.shape)
    dipoles *= moment / np.linalg.norm(dipoles, axis=2, keepdims=True)
    waves = transverse_waves(centres, dipoles, np.array([2 * np.pi / edge, 0.0, 0.0]))
    expected = n_molecules / edge**3 * moment**2 / (3 * EPSILON_0 * BOLTZMANN * 300.0)
    found = structure_factor(float((waves**2).mean()), edge**3, temperature_K=300.0)
    assert found == pytest.approx(expected, rel=0.04)


def test_truncated_electrostatics_lose_their_stiffness_at_long_waves():
    """S_L = 6.5 at 0.169/Å with S_T = 70 is an independent calculation's."""
    stiffness = [
        longitudinal_stiffness(k, TRUNCATED.depolarisation, TRUNCATED.cutoff_A)
        for k in (0.01, 0.169, 2.0)
    ]
    assert stiffness[0] < 0.01
    assert 1.0 / (stiffness[1] + 1.0 / 70.0) == pytest.approx(6.5, abs=0.15)
    assert stiffness[2] == pytest.approx(1.0, abs=0.1)
