"""Models that have no fast form, evaluated as they are on the same neighbours."""

from collections.abc import Sequence

import torch
from torch import Tensor

from falsemetal.potentials.fast.neighbours import Neighbours, edge_vectors, kinds_of_atoms, within
from falsemetal.potentials.fast.surrounded import graph_in
from falsemetal.potentials.graph import Surroundings
from falsemetal.potentials.model import Model, Prediction


class PlainEvaluator(torch.nn.Module):
    """A model of any kind for some species, ascending, by which the atoms are sorted.

    Without surroundings structures are neutral, periodic and in no field. What the model told last
    beside the energy is `last`.
    """

    species: Tensor

    def __init__(
        self, model: Model, species: Sequence[int], surroundings: Surroundings | None = None
    ) -> None:
        super().__init__()
        self.model = model
        self.surroundings = surroundings
        self.last: Prediction | None = None
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
        graph = graph_in(
            self.surroundings,
            positions,
            self.species[kinds_of_atoms(counts, positions.device)],
            cell,
            slab=slab,
            edge_index=torch.stack([neighbours.senders, neighbours.receivers])[:, near],
            shifts=neighbours.shifts[near],
        )
        prediction = self.model.evaluate(graph)
        self.last = prediction.detach()
        return prediction.energies[0]
