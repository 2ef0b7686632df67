"""Structures of a run in their surroundings, for models with charges that answer to them."""

import numpy as np
from torch import Tensor

from falsemetal.potentials.graph import Graph, Surroundings
from falsemetal.systems.boundary import Boundary


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
