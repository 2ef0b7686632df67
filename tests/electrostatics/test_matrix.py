"""Coulomb matrices against the energy of multipoles, closed forms and each other."""

import math
from dataclasses import replace

import pytest
import torch
from charged_systems import SIGMA, random_system

from falsemetal.electrostatics.matrix import open_matrix, periodic_matrix, uniform_background
from falsemetal.electrostatics.multipoles import MultipoleElectrostatics
from falsemetal.electrostatics.reciprocal import kspace_cutoff
from falsemetal.units import COULOMB

CUTOFF = kspace_cutoff(SIGMA, 0)
MADELUNG_CUBE_EV = -2.83729748 / 2.0 * COULOMB / 10.0
"""Of a point of one e in a cube of 10 Å with a uniform background."""


@pytest.mark.parametrize("slab", [True, False])
def test_energy_and_its_derivatives_are_those_of_multipoles(slab: bool) -> None:
    system = random_system(slab=slab, l_max=0)
    positions = system.positions.clone().requires_grad_()
    term = MultipoleElectrostatics(SIGMA, 0, self_interaction=True)
    expected = replace(system, positions=positions).energy(term)
    matrix = periodic_matrix(
        positions, system.cell, smearing_A=SIGMA, cutoff_per_A=term.cutoff_per_A, film=slab
    )
    energy = 0.5 * system.charges @ matrix @ system.charges
    torch.testing.assert_close(energy, expected, rtol=1e-12, atol=1e-12)
    slopes = (torch.autograd.grad(x, positions)[0] for x in (energy, expected))
    torch.testing.assert_close(*slopes, rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize("slab", [True, False])
def test_energy_of_dipoles_is_that_of_multipoles(slab: bool) -> None:
    system = random_system(slab=slab, l_max=1)
    term = MultipoleElectrostatics(SIGMA, 1, self_interaction=True)
    matrix = periodic_matrix(
        system.positions,
        system.cell,
        smearing_A=SIGMA,
        cutoff_per_A=term.cutoff_per_A,
        film=slab,
        dipoles=True,
    )
    multipoles = torch.cat([system.charges[:, None], system.dipoles], 1).flatten()
    energy = 0.5 * multipoles @ matrix @ multipoles
    torch.testing.assert_close(energy, system.energy(term), rtol=1e-12, atol=1e-12)


def test_dipoles_without_periodicity_are_pairs_of_charges() -> None:
    system = random_system(slab=False, l_max=1)
    widths = torch.linspace(0.4, 1.5, 12, dtype=torch.float64)
    step = 1e-3
    matrix = open_matrix(system.positions, widths, dipoles=True)
    torch.testing.assert_close(matrix, matrix.T)
    multipoles = torch.cat([system.charges[:, None], system.dipoles], 1).flatten()
    ends = torch.cat([step / 2 * torch.eye(3), -step / 2 * torch.eye(3), torch.zeros(1, 3)])
    places = (system.positions[:, None] + ends).flatten(0, 1)
    pairs = torch.cat(
        [system.dipoles / step, -system.dipoles / step, system.charges[:, None]], 1
    ).flatten()
    of_pairs = open_matrix(places, widths.repeat_interleave(7))
    expected = float(pairs @ of_pairs @ pairs)
    assert float(multipoles @ matrix @ multipoles) == pytest.approx(expected, rel=1e-6)


def test_matrices_are_positive_semidefinite() -> None:
    system = random_system(slab=False, l_max=0, n_atoms=40)
    arguments = {"smearing_A": SIGMA, "cutoff_per_A": CUTOFF}
    for matrix in (
        periodic_matrix(system.positions, system.cell, film=False, **arguments),
        periodic_matrix(system.positions, system.cell, film=True, **arguments),
        open_matrix(system.positions, torch.linspace(0.4, 1.5, 40)),
    ):
        lowest = float(torch.linalg.eigvalsh(matrix)[0])
        assert lowest > -1e-12 * float(matrix.diagonal().max())


def test_a_large_cell_is_like_none() -> None:
    """Of a neutral system whose dipole tin-foil images see: Lorentz term P²/(6 ε0 V)."""
    system = random_system(slab=False, l_max=0)
    charges, widths = system.charges, torch.full((12,), SIGMA, dtype=torch.float64)
    isolated = 0.5 * charges @ open_matrix(system.positions, widths) @ charges
    cell = 80.0 * torch.eye(3, dtype=torch.float64)
    matrix = periodic_matrix(
        system.positions, cell, smearing_A=SIGMA, cutoff_per_A=1.2 * CUTOFF, film=False
    )
    dipole = charges @ system.positions
    lorentz = 4.0 * math.pi * COULOMB * float(dipole @ dipole) / (6.0 * 80.0**3)
    periodic = float(0.5 * charges @ matrix @ charges)
    assert periodic + lorentz == pytest.approx(float(isolated), abs=1e-4)


def test_open_matrix_of_unequal_widths() -> None:
    positions = torch.tensor([[0.0, 0.0, 0.0], [0.0, 1.2, 0.9]], requires_grad=True)
    matrix = open_matrix(positions, torch.tensor([0.3, 0.8]).double())
    own, mutual = matrix[0].tolist()
    assert own == pytest.approx(COULOMB / (math.sqrt(math.pi) * 0.3))
    assert mutual == pytest.approx(COULOMB * math.erf(1.5 / math.sqrt(2.0 * 0.73)) / 1.5)
    matrix.sum().backward()
    assert torch.isfinite(positions.grad).all()


@pytest.mark.parametrize("smearing_A", [0.7, 1.0, 1.5])
def test_a_charged_cube_has_the_energy_of_points_in_a_background(smearing_A: float) -> None:
    cell = 10.0 * torch.eye(3, dtype=torch.float64)
    matrix = periodic_matrix(
        torch.zeros(1, 3),
        cell,
        smearing_A=smearing_A,
        cutoff_per_A=kspace_cutoff(smearing_A, 0, 1.9),
        film=False,
    )
    of_gaussian = COULOMB / (math.sqrt(math.pi) * smearing_A)
    energy = 0.5 * float(matrix[0, 0] + uniform_background(smearing_A, cell) - of_gaussian)
    assert energy == pytest.approx(MADELUNG_CUBE_EV, abs=2e-5)
