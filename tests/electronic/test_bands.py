"""Band edges of densities of states whose edges are known."""

import numpy as np
import pytest

from falsemetal.electronic.bands import OVERLAP, BandEdges, find_band_edges
from falsemetal.electronic.density_of_states import smear_levels
from falsemetal.electronic.settings import BandSearch

ENERGIES_EV = np.linspace(-20.0, 10.0, 1001)
SPACING_EV = ENERGIES_EV[1] - ENERGIES_EV[0]
SMEARING_EV = 0.05
MIDDLE_EV = 0.5 * 4.45
"""Of the gap without a tilt, where levels count from."""

TAIL_EV = 4.0 * SMEARING_EV
"""How far the smeared states of many layers reach beyond their level at the threshold."""

SETTINGS = BandSearch().thresholds


def water_levels(tilt_eV: float, gap_eV: float = 4.45, n_layers: int = 30) -> np.ndarray:
    """Levels of layers, each with a valence and a conduction band, shifted along the slab."""
    shifts = tilt_eV * np.linspace(-0.5, 0.5, n_layers)
    valence, conduction = np.linspace(-6.0, 0.0, 12), gap_eV + np.linspace(0.0, 4.0, 8)
    return (np.concatenate([valence, conduction]) + shifts[:, None]).ravel()


def edges_of(levels: np.ndarray, fermi_eV: float, dipole: float, **changes: float) -> BandEdges:
    density = smear_levels(
        levels - fermi_eV, np.full(len(levels), 2.0), ENERGIES_EV, smearing_eV=SMEARING_EV
    )
    return find_band_edges(ENERGIES_EV, density, dipole_e_per_A=dipole, **(SETTINGS | changes))


def test_smeared_levels_keep_their_number_and_place() -> None:
    weights = np.array([[2.0, 0.5], [0.0, 1.5]])
    density = smear_levels(np.array([-3.0, 1.0]), weights, ENERGIES_EV, smearing_eV=SMEARING_EV)
    np.testing.assert_allclose(np.trapezoid(density, ENERGIES_EV), [2.5, 1.5], rtol=1e-6)
    assert ENERGIES_EV[density[0].argmax()] == pytest.approx(-3.0, abs=SPACING_EV)
    assert density[0].max() == pytest.approx(2.0 / np.sqrt(2 * np.pi) / SMEARING_EV, rel=0.05)


@pytest.mark.parametrize("dipole", [-0.01, 0.01])
@pytest.mark.parametrize("tilt_eV", [0.0, 1.5, 3.0, 3.8, 4.1])
def test_the_gap_is_that_of_the_levels_less_their_tilt(tilt_eV, dipole) -> None:
    levels = water_levels(tilt_eV)
    edges = edges_of(levels, fermi_eV=MIDDLE_EV, dipole=dipole)
    assert edges.flag is None
    assert edges.vbm_eV == pytest.approx(0.5 * tilt_eV - MIDDLE_EV, abs=TAIL_EV)
    assert edges.cbm_eV == pytest.approx(4.45 - 0.5 * tilt_eV - MIDDLE_EV, abs=TAIL_EV)
    assert edges.gap_eV == pytest.approx(4.45 - tilt_eV, abs=2 * TAIL_EV)


@pytest.mark.parametrize("sign", [-1.0, 1.0])
def test_a_band_that_crosses_the_fermi_level_is_found_by_its_edge(sign) -> None:
    """As beside a metal, where a band rises 0.2 eV above the Fermi level or sinks below it."""
    levels = water_levels(0.0)
    fermi = -0.2 if sign < 0 else 4.45 + 0.2
    edges = edges_of(levels, fermi, dipole=sign * 0.02, overlap_eV=0.5, separation_eV=0.5)
    assert edges.flag is None
    assert edges.gap_eV == pytest.approx(4.45, abs=2 * TAIL_EV)
    crossing = edges.vbm_eV if sign < 0 else -edges.cbm_eV
    assert 0.0 < crossing < 0.5
    # the wrong sign would look for the other edge first, and miss it
    other = edges_of(levels, fermi, dipole=-sign * 0.02, overlap_eV=0.1)
    assert other.gap_eV < 4.0


def test_overlapping_bands_have_no_edges() -> None:
    levels = water_levels(6.0)
    edges = edges_of(levels, fermi_eV=MIDDLE_EV, dipole=-0.03)
    assert edges.flag == OVERLAP
    assert edges.gap_eV == 0.0


def test_mirrored_levels_have_mirrored_edges() -> None:
    levels = np.random.default_rng(0).uniform(-15, 8, 60)
    levels = levels[np.abs(levels) > 1.0]
    up, down = edges_of(levels, 0.0, -0.01), edges_of(-levels, 0.0, 0.01)
    assert up.vbm_eV == pytest.approx(-down.cbm_eV, abs=SPACING_EV)
    assert up.cbm_eV == pytest.approx(-down.vbm_eV, abs=SPACING_EV)


@pytest.mark.parametrize(
    ("level_eV", "flag"),
    [
        (5.0, "no states on the first side of the Fermi level"),
        (-5.0, "no states on the second side of the Fermi level"),
    ],
)
def test_a_search_that_fails_says_why(level_eV, flag) -> None:
    edges = edges_of(np.array([level_eV]), 0.0, dipole=-0.01)
    assert edges.flag == flag
    assert np.isnan(edges.gap_eV)


def test_a_fermi_level_outside_the_energies_is_told() -> None:
    edges = find_band_edges(
        np.linspace(-20.0, -10.0, 101), np.zeros(101), dipole_e_per_A=-0.01, **SETTINGS
    )
    assert edges.flag == "the Fermi level lies outside the energies"
