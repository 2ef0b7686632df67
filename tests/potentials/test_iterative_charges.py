"""Charges by conjugate gradients on the mesh against the dense solution."""

import dataclasses

import numpy as np
import pytest
import torch
from ase import Atoms
from torch import Tensor

from falsemetal.electrostatics.matrix import periodic_matrix
from falsemetal.electrostatics.reciprocal import kspace_cutoff
from falsemetal.potentials.charges.equilibration import (
    EquilibrationError,
    equilibrate,
    equilibrate_at_potential,
    groups_as_constraints,
)
from falsemetal.potentials.charges.iterative import (
    ConjugateGradients,
    PeriodicSystem,
    equilibrated_charges,
    extrapolate,
)
from falsemetal.potentials.charges.preconditioner import Diagonal
from falsemetal.systems.water import water_slab

SMEARING_A, HARDNESS = 1.0, 4.0
CUTOFF_PER_A = kspace_cutoff(SMEARING_A, 0)
CHARGE_TOLERANCE_E = 1e-6


def water(*, film: bool, n_molecules: int = 64) -> Atoms:
    atoms = water_slab(n_molecules, cross_section_A=12.4, cell_height_A=45.0, seed=1)
    if not film:
        atoms.cell[2, 2] = np.ptp(atoms.positions[:, 2]) + 2.5
    return atoms


class Case:
    """A water film or box with charges of given electronegativities."""

    def __init__(self, *, film: bool) -> None:
        atoms = water(film=film)
        self.positions, self.cell = torch.tensor(atoms.positions), torch.tensor(atoms.cell.array)
        self.chi = torch.where(torch.tensor(atoms.numbers) == 8, 3.0, 0.0).double()
        self.chi = self.chi + 0.02 * self.positions[:, 2] * film
        self.hardness = torch.full_like(self.chi, HARDNESS)
        self.system = PeriodicSystem(self.cell, SMEARING_A, CUTOFF_PER_A, film)
        self.none = torch.zeros_like(self.chi)
        self.whole = torch.zeros(len(atoms), dtype=torch.int64)
        self.molecules = torch.arange(len(atoms)) // 3

    def matrix(self, positions: Tensor, hardness: Tensor) -> Tensor:
        coulomb = periodic_matrix(
            positions,
            self.cell,
            smearing_A=SMEARING_A,
            cutoff_per_A=CUTOFF_PER_A,
            film=self.system.film,
        )
        return (coulomb + hardness.diag())[None]

    def dense(self, groups: Tensor, total_e: float = 0.0):
        constraints = groups_as_constraints(groups)
        totals = torch.full((1, constraints.shape[1]), total_e).double()
        matrix = self.matrix(self.positions, self.hardness)
        return equilibrate(matrix, self.chi[None], constraints[None], totals)


def test_a_large_potential_of_all_atoms_is_not_rounded() -> None:
    case = Case(film=False)
    solver = case.system.solver(case.positions, case.hardness, case.whole, tolerance_V=1e-9)
    expected = solver.solve(case.chi, case.none).charges
    shifted = solver.solve(case.chi + 1e5, case.none)
    torch.testing.assert_close(shifted.charges, expected, rtol=0.0, atol=1e-9)


@pytest.mark.parametrize("film", [True, False])
@pytest.mark.parametrize("grouped", [True, False])
def test_charges_are_those_of_the_dense_solution(film: bool, grouped: bool) -> None:
    case = Case(film=film)
    groups = case.molecules if grouped else case.whole
    expected = case.dense(groups)
    found = case.system.solver(case.positions, case.hardness, groups).solve(case.chi, case.none)
    torch.testing.assert_close(
        found.charges, expected.charges[0], rtol=0.0, atol=CHARGE_TOLERANCE_E
    )
    torch.testing.assert_close(found.multipliers, expected.multipliers[0], rtol=0.0, atol=1e-5)
    assert float(found.charges.sum()) == pytest.approx(0.0, abs=1e-12)


def test_a_charged_box_and_one_at_a_potential() -> None:
    case = Case(film=False)
    total = 2.0
    start = case.none + total / len(case.none)
    found = case.system.solver(case.positions, case.hardness, case.whole).solve(case.chi, start)
    assert float(found.charges.sum()) == pytest.approx(total, abs=1e-10)
    expected = case.dense(case.whole, total)
    torch.testing.assert_close(
        found.charges, expected.charges[0], rtol=0.0, atol=CHARGE_TOLERANCE_E
    )
    potential = -expected.multipliers[0, 0]
    free = case.system.solver(case.positions, case.hardness, None)
    held = free.solve(case.chi - potential, case.none)
    torch.testing.assert_close(held.charges, found.charges, rtol=0.0, atol=2e-6)
    at_potential = equilibrate_at_potential(
        case.matrix(case.positions, case.hardness),
        case.chi[None],
        torch.ones_like(case.chi)[None],
        potential[None],
    )
    torch.testing.assert_close(held.charges, at_potential.charges[0], rtol=0.0, atol=2e-6)


@pytest.mark.parametrize("film", [True, False])
def test_derivatives_are_those_of_the_dense_solution(film: bool) -> None:
    case = Case(film=film)
    weights = torch.sin(torch.arange(len(case.chi)).double())
    leaves = [x.clone().requires_grad_() for x in (case.positions, case.chi, case.hardness)]
    positions, chi, hardness = leaves
    solver = case.system.solver(positions.detach(), hardness.detach(), case.whole)
    charges, _ = equilibrated_charges(case.system, solver, positions, chi, hardness, case.none)
    found = torch.autograd.grad(weights @ charges, leaves)
    dense = equilibrate(
        case.matrix(positions, hardness),
        chi[None],
        groups_as_constraints(case.whole)[None],
        torch.zeros(1, 1).double(),
    )
    expected = torch.autograd.grad(weights @ dense.charges[0], leaves)
    for value, reference in zip(found, expected, strict=True):
        torch.testing.assert_close(value, reference, rtol=0.0, atol=5e-6)


def test_long_waves_take_half_the_steps() -> None:
    case = Case(film=True)
    solver = case.system.solver(case.positions, case.hardness, case.whole)
    plain = ConjugateGradients(solver.apply, Diagonal(case.hardness, SMEARING_A), case.whole)
    steps, plain_steps = (s.solve(case.chi, case.none).iterations for s in (solver, plain))
    assert steps <= 20
    assert steps <= 0.65 * plain_steps


def test_a_preconditioner_that_is_not_positive_is_replaced() -> None:
    case = Case(film=True)
    solver = case.system.solver(case.positions, case.hardness, case.whole)

    class Wrong(Diagonal):
        def __call__(self, residual: Tensor) -> Tensor:
            return torch.where(case.positions[:, 2] > 20.0, -1.0, 1.0) * super().__call__(residual)

    wrong = dataclasses.replace(solver, precondition=Wrong(case.hardness, SMEARING_A))
    with pytest.raises(EquilibrationError, match="did not converge"):
        dataclasses.replace(wrong, fallback=None).solve(case.chi, case.none)
    expected = solver.solve(case.chi, case.none).charges
    found = wrong.solve(case.chi, case.none).charges
    torch.testing.assert_close(found, expected, rtol=0.0, atol=CHARGE_TOLERANCE_E)


def test_extrapolated_charges_are_a_good_start() -> None:
    """Three steps of smooth motion leave little to do at the fourth."""
    case = Case(film=True)
    direction = torch.sin(torch.arange(case.positions.numel()).double()).view(-1, 3)
    history: list[Tensor] = []
    for step in range(4):
        moved = case.positions + 0.006 * step * direction
        solver = case.system.solver(moved, case.hardness, case.whole, tolerance_V=1e-4)
        cold = solver.solve(case.chi, case.none)
        if step == 3:
            warm = solver.solve(case.chi, extrapolate(history))
            assert warm.iterations <= 0.7 * cold.iterations
            torch.testing.assert_close(warm.charges, cold.charges, rtol=0.0, atol=3e-5)
        history.insert(0, cold.charges)
    assert torch.equal(extrapolate(history[:1]), history[0])


def test_charges_that_do_not_converge_are_told_with_what_to_do() -> None:
    case = Case(film=True)
    solver = case.system.solver(case.positions, case.hardness, case.whole, max_iterations=3)
    with pytest.raises(EquilibrationError, match=r"after 3 steps .* allow a larger tolerance"):
        solver.solve(case.chi, case.none)
    unbounded = case.system.solver(case.positions, case.hardness - 30.0, case.whole)
    with pytest.raises(EquilibrationError, match="hardness"):
        unbounded.solve(case.chi, case.none)
