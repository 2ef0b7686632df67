"""Edges within the cutoff, sorted by the species of either end into blocks of fixed shapes."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor

from falsemetal.engine.neighbours import Neighbours, edge_vectors

SLOTS_STEP = 16
"""Slots of a centre come in whole vectors of the processor."""

SPARE = 1.03
FAR_A = 1e3
"""Components of the vectors of edges that there are not."""

EDGES_RATIO = 1.04
"""Room for edges comes in powers of this, so that runs of one system share what is compiled."""


class EdgeBlock(NamedTuple):
    """Edges between centres of one species and neighbours of one species.

    Attributes
    ----------
    places
        Of the edges in the flattened neighbour rows, shape (edges,); −1 for those too many, of
        which the last is one.
    centres
        Which centre each edge belongs to, shape (edges,).
    table
        The edges of each centre, shape (n, slots); empty slots name the last edge.
    """

    places: Tensor
    centres: Tensor
    table: Tensor


@dataclass(frozen=True)
class BlockedNeighbours(Neighbours):
    """Neighbour rows and, of the edges within the cutoff, the blocks.

    Attributes
    ----------
    blocks
        For each species of centres and, within, of neighbours.
    """

    blocks: tuple[tuple[EdgeBlock, ...], ...]


class EdgeBlocks:
    """Sorts the edges of one system, whose atoms are sorted by species.

    Blocks grow where needed and never shrink, so that arrays rarely change their shape. What is too
    many adds zeros, which leave every sum as it is to the last bit.

    Parameters
    ----------
    counts
        Atoms of each species.
    r_cut_A
        Cutoff.
    """

    def __init__(self, counts: Sequence[int], r_cut_A: float) -> None:
        self.counts, self.r_cut_A = list(counts), r_cut_A
        self._room: dict[tuple[int, int], tuple[int, int]] = {}

    def __call__(self, positions: Tensor, rows: Neighbours) -> BlockedNeighbours:
        """Sort the edges that are within the cutoff now.

        Parameters
        ----------
        positions
            Shape (n, 3), Å.
        rows
            Up to the cutoff, or more.
        """
        x, y, z = edge_vectors(positions, rows).unbind(-1)
        near = x * x + y * y + z * z < self.r_cut_A**2
        ends = torch.tensor(self.counts, device=positions.device).cumsum(0)
        kinds = torch.bucketize(rows.senders, ends, right=True)
        first, blocks = 0, []
        for centre, count in enumerate(self.counts):
            own = slice(first, first + count)
            blocks.append(
                tuple(
                    self._block(near[own] & (kinds[own] == neighbour), (centre, neighbour), first)
                    for neighbour in range(len(self.counts))
                )
            )
            first += count
        return BlockedNeighbours(**vars(rows), blocks=tuple(blocks))

    def _block(self, filled: Tensor, name: tuple[int, int], first: int) -> EdgeBlock:
        n, slots = filled.shape
        found = filled.flatten().nonzero()[:, 0]
        counts = filled.sum(1)
        n_edges, n_slots = self._rooms(name, len(found), int(counts.max()))
        places = found.new_full((n_edges,), -1)
        places[: len(found)] = found + first * slots
        centres = found.new_zeros(n_edges)
        own = centres[: len(found)] = found // slots
        table = found.new_full((n, n_slots), n_edges - 1)
        edge = torch.arange(len(found), device=found.device)
        table[own, edge - (counts.cumsum(0) - counts)[own]] = edge
        return EdgeBlock(places, centres, table)

    def _rooms(self, name: tuple[int, int], edges: int, slots: int) -> tuple[int, int]:
        room = self._room.get(name, (0, 0))
        if edges >= room[0]:
            power = math.ceil(math.log(max(edges * SPARE, 64.0), EDGES_RATIO))
            room = math.ceil(EDGES_RATIO**power), room[1]
        if slots > room[1]:
            room = room[0], SLOTS_STEP * math.ceil(slots * SPARE / SLOTS_STEP)
        self._room[name] = room
        return room


class _TakeEdges(torch.autograd.Function):
    """Columns of vectors; each is taken once, so that the gradient is a plain copy back."""

    @staticmethod
    def forward(vectors: Tensor, places: Tensor) -> Tensor:
        flat = vectors.flatten(0, 1)[places.clamp(min=0)]
        return torch.where(places < 0, FAR_A, flat.T)

    @staticmethod
    def setup_context(ctx, inputs, output) -> None:
        vectors, places = inputs
        ctx.shape = vectors.shape
        ctx.save_for_backward(places)

    @staticmethod
    def backward(ctx, gradient: Tensor):
        (places,) = ctx.saved_tensors
        n, slots, _ = ctx.shape
        # the place −1 is the last, which is cut off
        spread = gradient.new_zeros(n * slots + 1, 3).index_put((places,), gradient.T)
        return spread[:-1].view(ctx.shape), None


def take_edges(vectors: Tensor, places: Tensor) -> Tensor:
    """Vectors of the edges of a block, shape (3, edges), of all rows, shape (n, slots, 3)."""
    return _TakeEdges.apply(vectors, places)
