"""Clusters of two elements, some charged, under a force field whose charges are known.

Its charges minimise the energy of :mod:`falsemetal.potentials.charges.equilibration`, with
electronegativities by neighbours, a hardness of each element and a repulsion: what a model that
learns energies and forces alone should find again.
"""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from falsemetal.electrostatics.matrix import open_matrix
from falsemetal.potentials.charges.equilibration import Equilibrium, equilibrate

N_ATOMS = 8
ELEMENTS = torch.arange(N_ATOMS) % 2
"""Of the atoms of every cluster, by turns."""

BOX_A, CLOSEST_A = 4.6, 1.3
"""Atoms lie in a cube of this edge, and no two closer than that."""

SIGMA_A = 0.8
"""Width of the Gaussian charges."""

REACH_A = 4.0
"""Where neighbours end, and the repulsion."""


@dataclass(frozen=True)
class Clusters:
    """Positions in Å, shape (g, 8, 3), and total charges in e, shape (g, 1), float64."""

    positions: Tensor
    totals: Tensor

    @classmethod
    def draw(cls, number: int, seed: int) -> "Clusters":
        """Draw random clusters with charges of −1, 0 and 1."""
        generator = np.random.default_rng(seed)
        found: list[np.ndarray] = []
        while len(found) < number:
            sites = generator.uniform(0.0, BOX_A, (N_ATOMS, 3))
            gaps = np.linalg.norm(sites[:, None] - sites, axis=-1) + 2.0 * BOX_A * np.eye(N_ATOMS)
            if gaps.min() > CLOSEST_A:
                found.append(sites)
        totals = generator.integers(-1, 2, (number, 1))
        return cls(torch.tensor(np.array(found)), torch.tensor(totals).double())


class ClusterForceField(NamedTuple):
    """Parameters of the two elements, shape (2,), and of the repulsion, shape (1,), float64.

    Electronegativities and what neighbours add to them are in V, hardness in eV/e² and the
    repulsion in eV, the last two as logarithms.
    """

    electronegativities_V: Tensor
    by_neighbours_V: Tensor
    log_hardness: Tensor
    log_repulsion: Tensor

    @classmethod
    def of(
        cls,
        electronegativities_V: tuple[float, float],
        by_neighbours_V: tuple[float, float],
        hardness_eV_per_e2: tuple[float, float],
        repulsion_eV: float,
    ) -> "ClusterForceField":
        """Take plain numbers."""
        numbers = (electronegativities_V, by_neighbours_V, hardness_eV_per_e2, [repulsion_eV])
        chi, neighbours, hardness, repulsion = (
            torch.tensor(values, dtype=torch.float64) for values in numbers
        )
        return cls(chi, neighbours, hardness.log(), repulsion.log())

    def equilibrium(self, positions: Tensor, totals: Tensor) -> Equilibrium:
        """Energies in eV and charges in e of clusters."""
        own = torch.eye(N_ATOMS, dtype=torch.bool)
        squared = (positions[:, :, None] - positions[:, None]).square().sum(-1)
        squared = squared.masked_fill(own, 1.0)
        ends = (1.0 - squared / REACH_A**2).clamp(min=0.0) ** 3
        ends = ends.masked_fill(own, 0.0)
        neighbours = (torch.exp(-squared / 2.5) * ends).sum(-1)
        chi = self.electronegativities_V[ELEMENTS] + self.by_neighbours_V[ELEMENTS] * neighbours
        widths = torch.full((N_ATOMS,), SIGMA_A, dtype=torch.float64)
        matrices = torch.stack([open_matrix(sites, widths) for sites in positions])
        matrices = matrices + torch.diag(self.log_hardness.exp()[ELEMENTS])
        members = torch.ones(len(positions), N_ATOMS, 1, dtype=torch.float64)
        found = equilibrate(matrices, chi, members, totals)
        repulsion = (torch.exp(-squared.sqrt() / 0.35) * ends).sum((1, 2))
        return found._replace(energy=found.energy + self.log_repulsion.exp() * repulsion)

    def labels(self, clusters: Clusters) -> tuple[Tensor, Tensor, Tensor]:
        """Energies (g,) in eV, forces (g, 8, 3) in eV/Å and charges (g, 8) in e, differentiable."""
        positions = clusters.positions.clone().requires_grad_()
        found = self.equilibrium(positions, clusters.totals)
        (gradient,) = torch.autograd.grad(found.energy.sum(), positions, create_graph=True)
        return found.energy, -gradient, found.charges


KNOWN = ClusterForceField.of((0.0, 4.0), (6.0, -4.0), (8.0, 6.0), 20.0)
"""The force field that is to be found again."""
