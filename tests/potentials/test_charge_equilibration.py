"""Equilibrated charges against closed forms, finite differences and plain linear algebra."""

import math
from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from falsemetal.electrostatics.matrix import open_matrix, periodic_matrix
from falsemetal.electrostatics.reciprocal import kspace_cutoff
from falsemetal.potentials.charges.equilibration import (
    EquilibrationError,
    equilibrate,
    equilibrate_at_potential,
    factorise,
    groups_as_constraints,
    pad,
    projected_solve,
)
from falsemetal.potentials.charges.fermi import film_offset_V
from falsemetal.units import BOLTZMANN, COULOMB

SIGMA, HARDNESS = 0.8, 4.0
CELL = torch.tensor([[9.0, 0.0, 0.0], [1.0, 8.0, 0.0], [0.0, 0.0, 24.0]], dtype=torch.float64)
BOUNDARIES = ["bulk", "film", "open"]
PERIODIC = {"smearing_A": SIGMA, "cutoff_per_A": kspace_cutoff(SIGMA, 0)}


def random_positions(n_atoms: int = 9, seed: int = 1) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    fractions = torch.rand(n_atoms, 3, generator=generator, dtype=torch.float64)
    fractions[:, 2] *= 0.4
    return fractions @ CELL


def electronegativity(positions: Tensor) -> Tensor:
    """Smooth function of the environment."""
    distances = (positions[:, None] - positions).square().sum(-1)
    return torch.sin(torch.arange(len(positions)).double()) + torch.exp(-0.2 * distances).sum(1)


def hamiltonian(boundary: str, positions: Tensor, hardness: float | Tensor = HARDNESS) -> Tensor:
    matrix = (
        open_matrix(positions, torch.full((len(positions),), SIGMA, dtype=torch.float64))
        if boundary == "open"
        else periodic_matrix(positions, CELL, film=boundary == "film", **PERIODIC)
    )
    return matrix + torch.diag(torch.as_tensor(hardness).expand(len(positions)))


def minimum(boundary: str, positions: Tensor, total_e: float = 0.0, groups: Tensor | None = None):
    groups = torch.zeros(len(positions), dtype=torch.int64) if groups is None else groups
    constraints = groups_as_constraints(groups)
    totals = torch.full((constraints.shape[1],), total_e, dtype=torch.float64)
    return equilibrate(
        hamiltonian(boundary, positions)[None],
        electronegativity(positions)[None],
        constraints[None],
        totals[None],
    )


def central_difference(function: Callable[[float], float], step: float = 1e-4) -> float:
    """To fourth order."""
    one, two = (function(h) - function(-h) for h in (step, 2.0 * step))
    return (8.0 * one - two) / (12.0 * step)


def test_two_charges() -> None:
    """q₁ = (χ₂ − χ₁)/(J₁ + J₂ + A₁₁ + A₂₂ − 2 A₁₂)."""
    distance, widths = 1.7, torch.tensor([0.5, 0.9], dtype=torch.float64)
    positions = torch.tensor([[0.0, 0.0, 0.0], [0.0, 0.0, distance]], dtype=torch.float64)
    matrix = open_matrix(positions, widths)
    hardness = torch.tensor([3.0, 7.0], dtype=torch.float64)
    chi = torch.tensor([[1.0, 4.0]], dtype=torch.float64)
    found = equilibrate(
        (matrix + hardness.diag())[None], chi, torch.ones(1, 2, 1).double(), torch.zeros(1, 1)
    )
    own = [COULOMB / (math.sqrt(math.pi) * float(s)) for s in widths]
    mutual = COULOMB * math.erf(distance / math.sqrt(2.0 * (0.25 + 0.81))) / distance
    stiffness = 10.0 + sum(own) - 2.0 * mutual
    charge = 3.0 / stiffness
    assert found.charges[0].tolist() == pytest.approx([charge, -charge], abs=1e-12)
    assert float(found.energy) == pytest.approx(-0.5 * 9.0 / stiffness, abs=1e-12)
    at_one = 1.0 + (3.0 + own[0]) * charge - mutual * charge
    assert float(found.multipliers) == pytest.approx(-at_one, abs=1e-12)


def test_three_charges_in_a_row() -> None:
    """A charge of 1 e, of which symmetric ends take x each: by hand from one equation."""
    positions = torch.tensor([[0.0, 0.0, z] for z in (-2.0, 0.0, 2.0)], dtype=torch.float64)
    matrix = open_matrix(positions, torch.full((3,), SIGMA, dtype=torch.float64))
    chi = torch.tensor([[0.0, 2.0, 0.0]], dtype=torch.float64)
    found = equilibrate(
        (matrix + HARDNESS * torch.eye(3))[None],
        chi,
        torch.ones(1, 3, 1).double(),
        torch.ones(1, 1).double(),
    )
    own = COULOMB / (math.sqrt(math.pi) * SIGMA) + HARDNESS
    near, far = (COULOMB * math.erf(r / (2.0 * SIGMA)) / r for r in (2.0, 4.0))
    # own·x + far·x + near·(1 − 2x) = 2 + own·(1 − 2x) + 2 near·x
    end = (2.0 + own - near) / (3.0 * own + far - 4.0 * near)
    assert found.charges[0].tolist() == pytest.approx([end, 1.0 - 2.0 * end, end], abs=1e-12)


@pytest.mark.parametrize("boundary", BOUNDARIES)
def test_total_charge_multiplier_and_forces(boundary: str) -> None:
    """Σq = Q, λ = −dE/dQ, and forces at fixed charges are those of the minimum."""
    positions = random_positions()
    total = 0.0 if boundary == "film" else 0.7
    found = minimum(boundary, positions, total)
    assert float(found.charges.sum()) == pytest.approx(total, abs=1e-12)
    by_charge = central_difference(lambda h: float(minimum(boundary, positions, total + h).energy))
    assert float(found.multipliers) == pytest.approx(-by_charge, abs=1e-9)

    moving = positions.clone().requires_grad_()
    charges = found.charges[0].detach()
    fixed = electronegativity(moving) @ charges
    fixed = fixed + 0.5 * charges @ hamiltonian(boundary, moving) @ charges
    (held,) = torch.autograd.grad(fixed, moving)
    (whole,) = torch.autograd.grad(minimum(boundary, moving, total).energy.sum(), moving)
    torch.testing.assert_close(held, whole, rtol=0.0, atol=1e-10)

    def energy(shift: float) -> float:
        moved = positions.clone()
        moved[3, 2] += shift
        return float(minimum(boundary, moved, total).energy)

    assert float(held[3, 2]) == pytest.approx(central_difference(energy), abs=1e-7)


@pytest.mark.parametrize("grouped", [False, True])
def test_derivatives_of_charges_are_those_of_plain_linear_algebra(grouped: bool) -> None:
    """Against autograd through torch.linalg.solve of the indefinite matrix, to second order."""
    groups = torch.arange(9) // 3 if grouped else torch.zeros(9, dtype=torch.int64)
    constraints = groups_as_constraints(groups)
    target = torch.linspace(-1.0, 1.0, 9, dtype=torch.float64)

    def by_saddle_point(positions: Tensor) -> Tensor:
        n, m = constraints.shape
        zeros = torch.zeros(m, m, dtype=torch.float64)
        upper = torch.cat([hamiltonian("open", positions), constraints], 1)
        whole = torch.cat([upper, torch.cat([constraints.T, zeros], 1)])
        right = torch.cat([-electronegativity(positions), zeros[0]])
        return torch.linalg.solve(whole, right)[:n]

    def by_projection(positions: Tensor) -> Tensor:
        return minimum("open", positions, groups=groups).charges[0]

    found = []
    for charges_of in (by_saddle_point, by_projection):
        positions = random_positions().requires_grad_()
        loss = (charges_of(positions) - target).square().sum()
        (first,) = torch.autograd.grad(loss, positions, create_graph=True)
        (second,) = torch.autograd.grad(first.square().sum(), positions)
        found.append((loss, first, second))
    for expected, value in zip(*found, strict=True):
        scale = expected.abs().max()
        torch.testing.assert_close(value / scale, expected / scale, rtol=0.0, atol=1e-9)


def test_projected_solve_has_derivatives_of_any_order() -> None:
    generator = torch.Generator().manual_seed(2)
    root = torch.randn(2, 5, 5, generator=generator, dtype=torch.float64, requires_grad=True)
    right = torch.randn(2, 5, generator=generator, dtype=torch.float64, requires_grad=True)
    constraints = torch.ones(2, 5, 1, dtype=torch.float64)

    def solve(root: Tensor, right: Tensor) -> Tensor:
        matrix = root @ root.mT + 3.0 * torch.eye(5, dtype=torch.float64)
        return projected_solve(matrix, right, factorise(matrix, constraints))

    assert torch.autograd.gradcheck(solve, (root, right), rtol=1e-6, atol=1e-8)
    assert torch.autograd.gradgradcheck(solve, (root, right), rtol=1e-6, atol=1e-8)


def test_forces_can_be_trained_on() -> None:
    """Derivatives of a loss of forces by hardness and electronegativity, finite differences."""
    positions = random_positions()

    def loss(hardness: Tensor, shift: Tensor) -> Tensor:
        moving = positions.clone().requires_grad_()
        found = equilibrate(
            hamiltonian("bulk", moving, hardness)[None],
            (electronegativity(moving) + shift)[None],
            torch.ones(1, 9, 1).double(),
            torch.zeros(1, 1).double(),
        )
        (force,) = torch.autograd.grad(found.energy.sum(), moving, create_graph=True)
        return force.square().sum()

    hardness = torch.linspace(2.0, 6.0, 9, dtype=torch.float64, requires_grad=True)
    shift = torch.linspace(0.0, 1.0, 9, dtype=torch.float64, requires_grad=True)
    slopes = torch.autograd.grad(loss(hardness, shift), (hardness, shift))
    unit = torch.eye(9, dtype=torch.float64)[4]
    numbers = (
        central_difference(lambda h: loss(hardness + h * unit, shift).item()),
        central_difference(lambda h: loss(hardness, shift + h * unit).item()),
    )
    for slope, number in zip(slopes, numbers, strict=True):
        assert float(slope[4]) == pytest.approx(number, rel=1e-8, abs=1e-8)


def test_groups_keep_their_charges() -> None:
    groups = torch.tensor([0, 0, 0, 1, 1, 1, 2, 2, 2])
    found = minimum("bulk", random_positions(), groups=groups)
    for group in range(3):
        assert float(found.charges[0, groups == group].sum()) == pytest.approx(0.0, abs=1e-12)
    assert found.multipliers.shape == (1, 3)
    free = minimum("bulk", random_positions())
    assert float(free.energy) < float(found.energy)


@pytest.mark.parametrize("boundary", ["bulk", "open"])
def test_a_charge_held_by_its_potential_is_the_same(boundary: str) -> None:
    """μ = −λ gives Q back, and dQ/dμ is the capacitance."""
    positions = random_positions()
    matrix, chi = hamiltonian(boundary, positions)[None], electronegativity(positions)[None]
    fixed = minimum(boundary, positions, 0.4)
    atoms = torch.ones(1, 9, dtype=torch.float64)

    def held_at(potential_V: Tensor) -> Tensor:
        return equilibrate_at_potential(matrix, chi, atoms, potential_V)

    potential = -fixed.multipliers[:, 0]
    held = held_at(potential)
    torch.testing.assert_close(held.charges, fixed.charges, rtol=0.0, atol=1e-12)
    assert float(held.energy) == pytest.approx(float(fixed.energy - potential * 0.4), abs=1e-12)
    by_potential = central_difference(lambda h: float(held_at(potential + h).charges.sum()))
    assert float(held.capacitance) == pytest.approx(by_potential, rel=1e-9)
    assert float(fixed.capacitance) == pytest.approx(by_potential, rel=1e-9)


def test_at_constant_potential_the_charge_fluctuates_by_what_the_capacitance_lacks() -> None:
    """d⟨Q⟩/dμ = ⟨C⟩ + ⟨δQ²⟩/kT over all places of an atom that moves, by quadrature."""
    kT_eV = BOLTZMANN * 300.0
    shifts_A = torch.linspace(-1.0, 1.0, 201, dtype=torch.float64)
    places = random_positions().repeat(201, 1, 1)
    places[:, 0, 2] += shifts_A
    matrix = torch.stack([hamiltonian("open", place) for place in places])
    chi = torch.stack([electronegativity(place) for place in places])
    chi[:, 0] += 4.0 * shifts_A
    atoms = torch.ones(201, 9, dtype=torch.float64)

    def averages(potential_V: float) -> tuple[float, float, float]:
        held = equilibrate_at_potential(
            matrix, chi, atoms, torch.full((201,), potential_V, dtype=torch.float64)
        )
        energies_eV = held.energy + 0.5 * shifts_A.square()
        weights = torch.softmax(-energies_eV / kT_eV, 0)
        total_e = held.charges.sum(1)
        mean_e = weights @ total_e
        variance_e2 = weights @ (total_e - mean_e).square()
        return float(mean_e), float(variance_e2), float(weights @ held.capacitance)

    _, variance_e2, capacitance = averages(0.5)
    slope = central_difference(lambda h: averages(0.5 + h)[0])
    assert variance_e2 > 0.05 * kT_eV * capacitance  # a test of both terms
    assert kT_eV * slope == pytest.approx(kT_eV * capacitance + variance_e2, rel=1e-7)


def test_capacitance_of_a_sphere() -> None:
    """A closed shell of Gaussians without hardness has about the capacitance 4πε0 R."""
    n, radius = 600, 10.0
    index = torch.arange(n, dtype=torch.float64) + 0.5
    polar, turn = torch.acos(1.0 - 2.0 * index / n), math.pi * (1.0 + 5.0**0.5) * index
    directions = torch.stack([polar.sin() * turn.cos(), polar.sin() * turn.sin(), polar.cos()], 1)
    matrix = open_matrix(radius * directions, torch.full((n,), 0.5))[None]
    atoms = torch.ones(1, n, dtype=torch.float64)
    found = equilibrate_at_potential(matrix, 0.0 * atoms, atoms, torch.ones(1).double())
    assert float(found.capacitance) == pytest.approx(radius / COULOMB, rel=0.04)


def test_batch_equals_its_members() -> None:
    sizes, total = (9, 4, 6), 0.3
    positions = [random_positions(n, seed=n) for n in sizes]
    matrices = [hamiltonian("open", x) for x in positions]
    chi = torch.zeros(3, 9, dtype=torch.float64)
    constraints = torch.zeros(3, 9, 1, dtype=torch.float64)
    for index, x in enumerate(positions):
        chi[index, : len(x)] = electronegativity(x)
        constraints[index, : len(x)] = 1.0
    found = equilibrate(pad(matrices), chi, constraints, torch.full((3, 1), total).double())
    for index, x in enumerate(positions):
        alone = minimum("open", x, total)
        torch.testing.assert_close(found.charges[index, : len(x)], alone.charges[0])
        torch.testing.assert_close(found.multipliers[index], alone.multipliers[0])
        torch.testing.assert_close(found.energy[index], alone.energy[0])
        assert not found.charges[index, len(x) :].any()


def test_fermi_level_of_a_film_is_counted_from_the_vacuum() -> None:
    """It depends neither on the vacuum in the cell nor on where the film lies in it."""
    positions, levels = random_positions(), []
    for height, shift in ((24.0, 0.0), (60.0, 0.0), (24.0, 5.0)):
        cell = CELL.clone()
        cell[2, 2] = height
        moved = positions + torch.tensor([0.0, 0.0, shift])
        matrix = periodic_matrix(moved, cell, film=True, **PERIODIC) + HARDNESS * torch.eye(9)
        found = equilibrate(
            matrix[None],
            electronegativity(positions)[None],
            torch.ones(1, 9, 1).double(),
            torch.zeros(1, 1),
        )
        offset = film_offset_V(found.charges[0], None, moved, torch.linalg.det(cell))
        levels.append(float(found.multipliers) + float(offset))
    assert levels == pytest.approx([levels[0]] * 3, abs=1e-4)


def test_a_negative_hardness_is_refused() -> None:
    positions = random_positions()
    with pytest.raises(EquilibrationError, match="hardness must not be negative"):
        equilibrate(
            hamiltonian("open", positions, -20.0)[None],
            electronegativity(positions)[None],
            torch.ones(1, 9, 1).double(),
            torch.zeros(1, 1),
        )
