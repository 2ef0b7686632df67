"""Structures of a run in their surroundings, for models with charges that answer to them."""

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from falsemetal.potentials.fast.evaluator import Evaluator
from falsemetal.potentials.fast.neighbours import kinds_of_atoms
from falsemetal.potentials.graph import Graph, Surroundings
from falsemetal.potentials.mace.model import ShortRangedMACE
from falsemetal.potentials.model import Prediction
from falsemetal.systems.boundary import Boundary


class SurroundedEvaluator(Evaluator):
    """A model whose charges answer to surroundings, for some species, ascending.

    Set `surroundings` for what is charged, in a field or not periodic. What the model told last
    beside the energy is `last`.
    """

    species: Tensor

    def __init__(self, model: ShortRangedMACE, species: Sequence[int]) -> None:
        super().__init__(model, species)
        self.register_buffer("species", torch.tensor(list(species)))
        self.surroundings: Surroundings | None = None
        self.last: Prediction | None = None

    def graph(self, positions: Tensor, cell: Tensor, counts: Sequence[int], *, slab: bool) -> Graph:
        """Graph without edges; arguments as of the energy."""
        species = self.species[kinds_of_atoms(counts, positions.device)]
        return graph_in(self.surroundings, positions, species, cell, slab=slab)


def graph_in(
    surroundings: Surroundings | None,
    positions: Tensor,
    species: Tensor,
    cell: Tensor,
    *,
    slab: bool,
    edge_index: Tensor | None = None,
    shifts: Tensor | None = None,
) -> Graph:
    """Graph of one structure, by default without edges; arguments as of a graph.

    Without surroundings it is neutral, periodic but along z of a slab, and in no field.
    """
    if surroundings is None:
        boundary = Boundary.FILM if slab else Boundary.BULK
        surroundings = Surroundings(boundary, 0.0, np.zeros(3))
    return Graph(
        positions=positions,
        species=species,
        edge_index=species.new_zeros(2, 0) if edge_index is None else edge_index,
        shifts=positions.new_zeros(0, 3) if shifts is None else shifts,
        cells=cell[None],
        batch=species.new_zeros(len(species)),
        **surroundings.tensors(positions.device),
    )
