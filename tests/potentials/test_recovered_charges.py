"""A force field with equilibrated charges is found again from energies and forces alone."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pytest
import torch
from torch import Tensor

from falsemetal.electrostatics.matrix import open_matrix
from falsemetal.potentials.charges.equilibration import Equilibrium, equilibrate

SIGMA, REACH_A, N_ATOMS = 0.8, 4.0, 8
CHARGE_TOLERANCE_E = 2e-3


@dataclass(frozen=True)
class Clusters:
    """Clusters of two elements by turns, some of them charged."""

    positions: Tensor
    totals: Tensor

    @classmethod
    def draw(cls, number: int, seed: int) -> "Clusters":
        generator = np.random.default_rng(seed)
        found: list[np.ndarray] = []
        while len(found) < number:
            sites = generator.uniform(0.0, 4.6, (N_ATOMS, 3))
            gaps = np.linalg.norm(sites[:, None] - sites, axis=-1) + 9.0 * np.eye(N_ATOMS)
            if gaps.min() > 1.3:
                found.append(sites)
        totals = generator.integers(-1, 2, (number, 1))
        return cls(torch.tensor(np.array(found)), torch.tensor(totals).double())


ELEMENTS = torch.arange(N_ATOMS) % 2


def force_field(parameters: Sequence[Tensor], clusters: Clusters, positions: Tensor) -> Equilibrium:
    """Electronegativity by neighbours, a hardness of each element, a repulsion."""
    chi, by_neighbours, log_hardness, log_repulsion = parameters
    own = torch.eye(N_ATOMS, dtype=torch.bool)
    squared = (positions[:, :, None] - positions[:, None]).square().sum(-1).masked_fill(own, 1.0)
    ends = (1.0 - squared / REACH_A**2).clamp(min=0.0) ** 3
    ends = ends.masked_fill(own, 0.0)
    neighbours = (torch.exp(-squared / 2.5) * ends).sum(-1)
    potentials = chi[ELEMENTS] + by_neighbours[ELEMENTS] * neighbours
    widths = torch.full((N_ATOMS,), SIGMA, dtype=torch.float64)
    matrices = torch.stack([open_matrix(x, widths) for x in positions])
    matrices = matrices + torch.diag(log_hardness.exp()[ELEMENTS])
    members = torch.ones(len(positions), N_ATOMS, 1, dtype=torch.float64)
    found = equilibrate(matrices, potentials, members, clusters.totals)
    repulsion = log_repulsion.exp() * (torch.exp(-squared.sqrt() / 0.35) * ends).sum((1, 2))
    return found._replace(energy=found.energy + repulsion)


def labels(parameters: Sequence[Tensor], clusters: Clusters) -> tuple[Tensor, Tensor, Tensor]:
    """Energies, forces, charges."""
    positions = clusters.positions.clone().requires_grad_()
    found = force_field(parameters, clusters, positions)
    (gradient,) = torch.autograd.grad(found.energy.sum(), positions, create_graph=True)
    return found.energy, -gradient, found.charges


def numbers(*values: float) -> Tensor:
    return torch.tensor(values, dtype=torch.float64)


TRUE = [numbers(0.0, 4.0), numbers(6.0, -4.0), numbers(8.0, 6.0).log(), numbers(20.0).log()]


def test_charges_follow_from_energies_and_forces() -> None:
    """Through the charges' derivatives: no charge is ever shown."""
    seen, unseen = Clusters.draw(12, seed=1), Clusters.draw(12, seed=2)
    energies, forces, charges = (x.detach() for x in labels(TRUE, seen))
    assert float(charges.std()) > 0.1
    start = [numbers(0.0, 1.0), numbers(0.0, 0.0), numbers(10.0, 10.0).log(), numbers(10.0).log()]
    parameters = [x.requires_grad_() for x in start]
    search = torch.optim.LBFGS(
        parameters, max_iter=200, line_search_fn="strong_wolfe", tolerance_change=1e-14
    )

    def loss() -> Tensor:
        search.zero_grad()
        found = labels(parameters, seen)
        error = ((found[0] - energies) / N_ATOMS).square().mean()
        error = error + (found[1] - forces).square().mean()
        error.backward()
        return error

    before = (labels(parameters, unseen)[2] - labels(TRUE, unseen)[2]).abs().max()
    search.step(loss)
    after = (labels(parameters, unseen)[2] - labels(TRUE, unseen)[2]).abs().max()
    assert float(before.detach()) > 0.05
    assert float(after.detach()) < CHARGE_TOLERANCE_E
    hardness = parameters[2].detach().exp().tolist()
    assert hardness == pytest.approx([8.0, 6.0], abs=0.1)
