"""Energies against other codes, known constants and a plate capacitor."""

import math
from dataclasses import replace

import mace  # noqa: F401  (lets e3nn, which graph_longrange imports, load its constants)
import matscipy.neighbours
import pytest
import torch
import torchpme
from charged_systems import SIGMA, System, random_system
from graph_longrange.energy import GTOElectrostaticEnergy
from graph_longrange.gto_utils import gto_basis_kspace_cutoff
from graph_longrange.kspace import compute_k_vectors_flat
from torch import Tensor

from falsemetal.electrostatics.multipoles import (
    MultipoleElectrostatics,
    kspace_cutoff,
    reciprocal_grid,
)
from falsemetal.units import COULOMB, EPSILON_0


def graph_longrange_energy(system: System, l_max: int, *, self_interaction: bool) -> Tensor:
    inverse = 2.0 * math.pi * torch.linalg.inv(system.cell).T[None]
    cutoff = 1.25 * gto_basis_kspace_cutoff([SIGMA], l_max)
    k, k_squared, k_batch, k_zero = compute_k_vectors_flat(cutoff, system.cell[None], inverse)
    features = system.charges[:, None]
    if l_max:
        features = torch.cat([features, system.dipoles[:, [1, 2, 0]]], dim=1)
    default = torch.get_default_dtype()
    torch.set_default_dtype(torch.float64)
    try:
        reference = GTOElectrostaticEnergy(
            l_max, SIGMA, cutoff, self_interaction, "slab" if system.slab else "pbc"
        )
        return reference(
            k,
            k_squared,
            k_batch,
            k_zero,
            features,
            system.positions,
            torch.zeros(len(features), dtype=torch.long),
            torch.linalg.det(system.cell)[None],
            torch.tensor([[True, True, not system.slab]]),
        )[0]
    finally:
        torch.set_default_dtype(default)


@pytest.mark.parametrize("slab", [False, True])
@pytest.mark.parametrize("l_max", [0, 1])
@pytest.mark.parametrize("self_interaction", [False, True])
def test_agrees_with_graph_longrange(slab: bool, l_max: int, self_interaction: bool) -> None:
    system = random_system(slab=slab, l_max=l_max)
    model = MultipoleElectrostatics(SIGMA, l_max, self_interaction=self_interaction)
    positions = system.positions.clone().requires_grad_()
    system = replace(system, positions=positions)
    expected = graph_longrange_energy(system, l_max, self_interaction=self_interaction)
    expected_gradient = torch.autograd.grad(expected, positions)[0]

    energy = system.energy(model)
    gradient = torch.autograd.grad(energy, positions)[0]
    torch.testing.assert_close(energy, expected, rtol=1e-6, atol=0.0)
    scale = expected_gradient.abs().max()
    torch.testing.assert_close(gradient / scale, expected_gradient / scale, rtol=1e-6, atol=1e-6)


def test_cutoff_and_k_vectors_are_those_of_graph_longrange() -> None:
    cell = random_system(slab=False).cell
    cutoff = kspace_cutoff(SIGMA, 1)
    assert cutoff == pytest.approx(1.25 * gto_basis_kspace_cutoff([SIGMA], 1), rel=1e-12)
    k = compute_k_vectors_flat(cutoff, cell[None], 2 * math.pi * torch.linalg.inv(cell).T[None])[0]
    grid = reciprocal_grid(tuple(map(tuple, cell.tolist())), cutoff, SIGMA, cell.device)
    pairs = torch.count_nonzero(grid.weights) + torch.count_nonzero(
        grid.weights[(grid.columns != 0).any(1)]
    )
    assert pairs == 2 * (len(k) - 1)  # their list holds one of ±k, and k = 0


CRYSTALS = {  # fractional positions of +, of −; Madelung constant per nearest-neighbour distance
    "NaCl": ([[0, 0, 0], [0, 2, 2], [2, 0, 2], [2, 2, 0]], [2, 0, 0], 1.7475645946331822),
    "CsCl": ([[0, 0, 0]], [2, 2, 2], 1.7626747730709884),
    "zincblende": ([[0, 0, 0], [0, 2, 2], [2, 0, 2], [2, 2, 0]], [1, 1, 1], 1.6380550533887897),
}


@pytest.mark.parametrize("name", CRYSTALS)
def test_madelung_constants(name: str) -> None:
    cations, shift, madelung = CRYSTALS[name]
    cations = torch.tensor(cations, dtype=torch.float64)
    lattice_A = 5.0
    positions = lattice_A / 4.0 * torch.cat([cations, cations + torch.tensor(shift)])
    distance_A = lattice_A / 4.0 * math.hypot(*shift)
    charges = torch.ones(len(positions), dtype=torch.float64)
    charges[len(cations) :] = -1.0
    cell = lattice_A * torch.eye(3, dtype=torch.float64)
    # widths without overlap: the Gaussians act on each other as points
    model = MultipoleElectrostatics(0.06 * lattice_A, 0, kspace_cutoff_factor=2.6)
    energy = System(charges, None, positions, cell, slab=False).energy(model)
    found = -float(energy) * distance_A / (COULOMB * len(cations))
    assert found == pytest.approx(madelung, rel=1e-6)


def test_agrees_with_ewald_sum_of_points() -> None:
    """Narrow Gaussians in a skewed cell against torch-pme's Ewald sum of point charges."""
    cell = random_system(slab=False).cell
    generator = torch.Generator().manual_seed(3)
    grid = torch.cartesian_prod(*[torch.arange(2.0, dtype=torch.float64)] * 3) / 2.0
    jitter = torch.rand(8, 3, generator=generator, dtype=torch.float64)
    positions = (grid + 0.08 * jitter) @ cell
    charges = torch.randn(8, generator=generator, dtype=torch.float64)
    charges -= charges.mean()

    i, j, distance = matscipy.neighbours.neighbour_list(
        "ijd", cutoff=12.0, positions=positions.numpy(), cell=cell.numpy(), pbc=[True] * 3
    )
    pairs = torch.stack([torch.from_numpy(i), torch.from_numpy(j)], dim=1).long()
    ewald = torchpme.EwaldCalculator(
        torchpme.CoulombPotential(smearing=1.5).to(torch.float64),
        lr_wavelength=0.7,
        full_neighbor_list=True,
    ).to(torch.float64)
    potential = ewald(charges[:, None], cell, positions, pairs, torch.from_numpy(distance))
    expected = COULOMB * float((charges[:, None] * potential).sum())

    model = MultipoleElectrostatics(0.35, 0, kspace_cutoff_factor=2.4)
    energy = System(charges, None, positions, cell, slab=False).energy(model)
    assert float(energy) == pytest.approx(expected, rel=1e-6)


def test_two_distant_charges_and_dipoles_act_as_points() -> None:
    distance_A = 8.0
    positions = torch.tensor([[0.0, 0.0, 0.0], [distance_A, 0.0, 0.0]], dtype=torch.float64)
    cell = 60.0 * torch.eye(3, dtype=torch.float64)
    charges = torch.tensor([0.0, 0.0], dtype=torch.float64)
    dipoles = torch.tensor([[0.8, 0.0, 0.0], [0.5, 0.3, 0.0]], dtype=torch.float64)
    energy = System(charges, dipoles, positions, cell, slab=False).energy(
        MultipoleElectrostatics(1.0, 1)
    )
    expected = COULOMB * (0.8 * 0.5 - 3 * 0.8 * 0.5) / distance_A**3
    # tin-foil images polarise a cubic cell: Lorentz term −P²/(6 ε0 V)
    expected -= float(dipoles.sum(0).square().sum()) / (6 * EPSILON_0 * 60.0**3)
    assert float(energy) == pytest.approx(expected, rel=5e-3)

    charged = torch.tensor([1.0, 0.0], dtype=torch.float64)
    dipoles = torch.tensor([[0.0, 0.0, 0.0], [0.5, 0.3, 0.0]], dtype=torch.float64)
    energy = System(charged, dipoles, positions, cell, slab=False).energy(
        MultipoleElectrostatics(1.0, 1)
    ) - System(charged, 0.0 * dipoles, positions, cell, slab=False).energy(
        MultipoleElectrostatics(1.0, 1)
    )
    # a dipole along the field of a positive charge, i.e. pointing away from it, lowers the energy
    assert float(energy) == pytest.approx(-COULOMB * 0.5 / distance_A**2, rel=2e-2)


def capacitor(gap_A: float, *, slab: bool) -> System:
    """Sheets of +1 e and −1 e, 16 Gaussians each, in a cell of 8 × 8 × 80 Å³."""
    sheet = torch.cartesian_prod(*[2.0 * torch.arange(4.0, dtype=torch.float64)] * 2)
    lower = torch.cat([sheet, torch.full((16, 1), -gap_A / 2)], dim=1)
    upper = torch.cat([sheet, torch.full((16, 1), gap_A / 2)], dim=1)
    charges = torch.cat([torch.full((16,), -1 / 16), torch.full((16,), 1 / 16)]).double()
    cell = torch.diag(torch.tensor([8.0, 8.0, 80.0], dtype=torch.float64))
    return System(charges, None, torch.cat([lower, upper]), cell, slab)


def test_slab_correction_gives_a_capacitor() -> None:
    """Pulling sheets of surface charge s apart costs s² A Δd/(2 ε0), whatever the vacuum."""
    model = MultipoleElectrostatics(SIGMA, 1)
    area, near, far = 64.0, 12.0, 20.0
    work = capacitor(far, slab=True).energy(model) - capacitor(near, slab=True).energy(model)
    assert float(work) == pytest.approx((far - near) / (2 * EPSILON_0 * area), rel=1e-6)
    # between tin-foil images the potential drop is shared with the vacuum
    work = capacitor(far, slab=False).energy(model) - capacitor(near, slab=False).energy(model)
    shared = (far - near) - (far**2 - near**2) / 80.0
    assert float(work) == pytest.approx(shared / (2 * EPSILON_0 * area), rel=1e-6)


def test_slab_energy_converges_with_vacuum() -> None:
    model = MultipoleElectrostatics(SIGMA, 1)
    near, far = (random_system(slab=True, vacuum_A=vacuum).energy(model) for vacuum in (22.0, 60.0))
    assert float(near) == pytest.approx(float(far), abs=1e-5)
