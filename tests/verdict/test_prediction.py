"""From λ to fluctuations of films: limits that are known."""

import math

import numpy as np
import pytest
from scipy import special

from falsemetal.estimators.continuum import (
    blind_fluctuation,
    dielectric_fluctuation,
    dipole_std,
)
from falsemetal.units import BOLTZMANN, EPSILON_0
from falsemetal.verdict.prediction import (
    CRITICAL_FRACTION,
    Prediction,
    fraction_beyond,
    interpolate_depolarisation,
    response_of,
)
from falsemetal.verdict.stacking import Increment, Layer, Stacking


def prediction(depolarisation, **changes: float) -> Prediction:
    settings = {
        "susceptibility": 69.0,
        "contact": 1.0,
        "charge_ratio": 1.0,
        "cross_section_A": 12.42,
        "temperature_K": 300.0,
        "band_gap_eV": 4.45,
    }
    return Prediction(depolarisation, **(settings | changes))


def ones(distance: np.ndarray) -> np.ndarray:
    return np.ones_like(distance)


def stacked(fractions: list[float], layers: list[Layer] | None = None) -> Stacking:
    """Results of cells 10 Å thick."""
    increments = [
        Increment(
            n_cells=n,
            from_A=10.0 * n,
            to_A=10.0 * (n + 1),
            energy_eV=fraction,
            energy_uncertainty_eV=1e-4,
            fraction=fraction,
            uncertainty=1e-4,
        )
        for n, fraction in enumerate(fractions, 1)
    ]
    return Stacking(
        probe="made",
        n_atoms=96,
        cell_thickness_A=10.0,
        dipole_e_A=5.0,
        depolarising_energy_eV=1.0,
        form="slab",
        increments=increments,
        layers=layers or [],
        force_fraction=None,
        charges_e={},
        seconds=0.0,
    )


def test_exact_electrostatics_gives_the_dielectric() -> None:
    exact = prediction(ones)
    for thickness in (12.4, 37.3):
        assert exact.sigma_V(thickness) == pytest.approx(exact.dielectric_V(thickness), rel=1e-3)
    expected = BOLTZMANN * 300.0 * 37.3 * dielectric_fluctuation(70.0) / EPSILON_0 / 12.42**2
    assert exact.sigma_V(37.3) == pytest.approx(math.sqrt(expected), rel=1e-3)


def test_films_far_thicker_than_the_reach_are_blind() -> None:
    """λ = 1 up to 3 Å alone: σ²/L tends to that of a liquid without a depolarising field."""
    short = prediction(lambda distance: np.where(distance < 3.0, 1.0, 0.0), susceptibility=4.0)
    reduced = blind_fluctuation(5.0)
    blind = dipole_std(reduced, 300.0, 12.42**2, temperature_K=300.0) / EPSILON_0
    assert short.sigma_V(300.0) == pytest.approx(blind, rel=0.03)
    assert short.sigma_V(10.0) < 0.9 * blind * math.sqrt(10.0 / 300.0)


def test_volts_are_by_the_charge_of_electronic_structure() -> None:
    ratio = -0.5562 / -0.8476
    assert prediction(ones, charge_ratio=ratio).sigma_V(20.0) == pytest.approx(
        ratio * prediction(ones).sigma_V(20.0)
    )


def test_it_does_not_matter_by_which_charges_dipoles_are_counted() -> None:
    """λ goes with the square of own over assumed charges, χ with its inverse."""

    def falling(distance: np.ndarray) -> np.ndarray:
        return np.exp(-distance / 3.0)

    own = prediction(falling)
    ratio = 1.5
    other = prediction(
        lambda distance: falling(distance) * ratio**2,
        susceptibility=69.0 / ratio**2,
        contact=ratio**2,
        charge_ratio=ratio,
    )
    assert other.sigma_V(25.0) == pytest.approx(own.sigma_V(25.0))
    assert other.dielectric_V(25.0) == pytest.approx(own.dielectric_V(25.0))


def test_electrons_screen_dipoles_of_electronic_structure() -> None:
    """Exact electrostatics has 1/ε∞ − 1/ε of open-circuit dipoles, and 1 − 1/ε of fixed ones."""
    for optical in (1.0, 1.78):
        susceptibility, contact = response_of(70.0, optical)
        exact = prediction(
            lambda distance, contact=contact: np.full_like(distance, contact),
            susceptibility=susceptibility,
            contact=contact,
        )
        expected = BOLTZMANN * 300.0 * 25.0 * (1.0 / optical - 1.0 / 70.0) / EPSILON_0 / 12.42**2
        assert exact.sigma_V(25.0) == pytest.approx(math.sqrt(expected), rel=1e-3)


def test_films_of_a_negative_share_polarise_by_themselves() -> None:
    unstable = prediction(lambda distance: np.where(distance < 5.0, 1.0, -4.0))
    assert math.isnan(unstable.sigma_V(30.0))
    assert unstable.critical_thickness_A() is None


def test_one_percent_lies_beyond_at_the_critical_thickness() -> None:
    exact = prediction(ones)
    critical = exact.critical_thickness_A()
    assert critical is not None
    assert exact.fraction_beyond(critical) == pytest.approx(CRITICAL_FRACTION, rel=5e-3)
    # of a dielectric σ² is proportional to the thickness over the area
    wider = prediction(ones, cross_section_A=30.0).critical_thickness_A()
    assert wider is None  # beyond 400 Å
    narrower = prediction(ones, cross_section_A=6.21).critical_thickness_A()
    assert narrower == pytest.approx(critical / 4.0, rel=0.01)


def test_fractions_are_two_sided_tails() -> None:
    generator = np.random.default_rng(0)
    drawn = np.abs(generator.normal(scale=2.0, size=200_000)) > 3.0
    assert fraction_beyond(2.0, 3.0) == pytest.approx(drawn.mean(), abs=4e-3)
    assert fraction_beyond(1.0, 1e-9) == pytest.approx(1.0)
    assert fraction_beyond(1.0, math.sqrt(2.0) * special.erfcinv(0.2)) == pytest.approx(0.2)


def test_a_long_ranged_one_keeps_its_last_value() -> None:
    curve = interpolate_depolarisation([stacked([0.8, 0.9, 0.92])], ends=False)
    assert curve(np.array([0.0, 15.0, 25.0, 35.0, 500.0])) == pytest.approx(
        [1.0, 0.8, 0.9, 0.92, 0.92]
    )


def test_a_short_ranged_one_ends_and_forces_say_how() -> None:
    layers = [
        Layer(depth_A=depth, thickness_A=40.0, field_fraction=share, weight=1.0)
        for depth, share in ((1.0, 0.2), (4.0, 0.25), (7.0, 0.05), (10.0, 0.0))
    ]
    curve = interpolate_depolarisation([stacked([0.01, 0.0, 1e-5], layers)], ends=True)
    # half of what planes above and below a molecule would make of it; the outermost is not used
    assert curve(np.array([0.0, 4.0, 7.0, 10.0])) == pytest.approx([1.0, 0.5, 0.1, 0.0], abs=1e-9)
    assert curve(np.array([35.0, 400.0])).tolist() == [0.0, 0.0]
    assert np.all(np.diff(curve(np.linspace(0.0, 40.0, 400))) <= 1e-12 + 0.011)
