"""Models that have no fast form, evaluated as they are on the same neighbours."""

from collections.abc import Sequence

import torch
from torch import Tensor

from falsemetal.potentials.fast.neighbours import Neighbours, edge_vectors, kinds_of_atoms, within
from falsemetal.potentials.graph import Graph
from falsemetal.potentials.model import Model


class PlainEvaluator(torch.nn.Module):
    """A model of any kind for some species, ascending, by which the atoms are sorted."""

    species: Tensor

    def __init__(self, model: Model, species: Sequence[int]) -> None:
        super().__init__()
        self.model = model
        self.register_buffer("species", torch.tensor(list(species)))

    def forward(
        self,
        positions: Tensor,
        neighbours: Neighbours,
        cell: Tensor,
        counts: Sequence[int],
        *,
        slab: bool,
    ) -> Tensor:
        """Energy in eV; arguments as in :class:`falsemetal.potentials.fast.evaluator.Evaluator`."""
        near = within(edge_vectors(positions.detach(), neighbours), self.model.r_cut_A)
        each = self.species[kinds_of_atoms(counts, positions.device)]
        graph = Graph(
            positions=positions,
            species=each,
            edge_index=torch.stack([neighbours.senders, neighbours.receivers])[:, near],
            shifts=neighbours.shifts[near],
            cells=cell[None],
            slab=torch.tensor([slab], device=positions.device),
            batch=torch.zeros_like(each),
        )
        energies: Tensor = self.model(graph)
        return energies[0]
