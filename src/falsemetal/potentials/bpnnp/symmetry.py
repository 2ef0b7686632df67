"""Symmetry functions of the atoms of a graph, one formula after the other."""

from collections.abc import Sequence

import torch
from torch import Tensor

from falsemetal.potentials.bpnnp.settings import SymmetryFunction
from falsemetal.potentials.graph import Graph


class Environment:
    """Pairs and triplets of the atoms of a graph with all edges up to the cutoff.

    `elements` are the atomic numbers that `graph.species` counts; lengths are of the dtype, that of
    the functions' values.
    """

    def __init__(
        self, graph: Graph, elements: Sequence[int], r_cut_A: float, dtype: torch.dtype
    ) -> None:
        centre, neighbour = graph.edge_index
        number = torch.tensor(elements, device=centre.device)
        # float32 would round a position in a large cell by 1e-6 Å: differences are taken before
        vectors = graph.edge_vectors().to(dtype)
        self.n_atoms, self.r_cut_A = len(graph.positions), r_cut_A
        self.centre, self.element = centre, number[graph.species[neighbour]]
        self.length = torch.linalg.vector_norm(vectors, dim=1)
        self.damping = self._cutoff(self.length)
        self.j, self.k = _pairs_of_edges(centre, graph.edge_vectors().detach(), r_cut_A)
        across = torch.linalg.vector_norm(vectors[self.k] - vectors[self.j], dim=1)
        r_ij, r_ik = self.length[self.j], self.length[self.k]
        self.cosine = (vectors[self.j] * vectors[self.k]).sum(1) / (r_ij * r_ik)
        self.squares = r_ij**2 + r_ik**2 + across**2
        self.damping3 = self.damping[self.j] * self.damping[self.k] * self._cutoff(across)

    def _cutoff(self, r: Tensor) -> Tensor:
        return torch.tanh(1.0 - r / self.r_cut_A) ** 3 * (r < self.r_cut_A)

    def __call__(self, function: SymmetryFunction) -> Tensor:
        """Value of a function for every atom, shape (n,), whatever its element."""
        if len(function.neighbours) == 1:
            terms, centre, those = self._radial(function)
        else:
            terms, centre, those = self._angular(function)
        return terms.new_zeros(self.n_atoms).index_add(0, centre[those], terms[those])

    def _radial(self, function: SymmetryFunction) -> tuple[Tensor, Tensor, Tensor]:
        distance = self.length - function.shift_A
        terms = torch.exp(-function.eta_per_A2 * distance**2) * self.damping
        return terms, self.centre, self.element == function.neighbours[0]

    def _angular(self, function: SymmetryFunction) -> tuple[Tensor, Tensor, Tensor]:
        angular = 2.0 ** (1 - function.zeta) * (1.0 + function.sign * self.cosine) ** function.zeta
        terms = angular * torch.exp(-function.eta_per_A2 * self.squares) * self.damping3
        first, second = function.neighbours
        e_j, e_k = self.element[self.j], self.element[self.k]
        those = ((e_j == first) & (e_k == second)) | ((e_j == second) & (e_k == first))
        return terms, self.centre[self.j], those


def _pairs_of_edges(centre: Tensor, vectors: Tensor, r_cut_A: float) -> tuple[Tensor, Tensor]:
    """Every two edges of one centre, once, whose ends lie within the cutoff of each other."""
    order = torch.argsort(centre, stable=True)
    degrees = torch.bincount(centre)
    ends = degrees.cumsum(0)[centre[order]]
    place = torch.arange(len(order), device=centre.device)
    later = ends - place - 1
    first = place.repeat_interleave(later)
    offset = torch.arange(len(first), device=centre.device)
    offset -= (later.cumsum(0) - later).repeat_interleave(later)
    j, k = order[first], order[first + 1 + offset]
    near = (vectors[k] - vectors[j]).square().sum(1) < r_cut_A**2
    return j[near], k[near]
