"""Edges within the cutoff, sorted by the species of either end."""

import math
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor

from falsemetal.potentials.fast.compilation import compile_for_any_shape
from falsemetal.potentials.fast.neighbours import Neighbours, edge_vectors

SLOTS_STEP = 16
"""Slots of a centre come in whole vectors of the processor."""

NOWHERE, FAR_A = -1, 1e3
"""Place of an edge that there is not, and components of its vector."""


class Neighbourhood(NamedTuple):
    """What is needed of neighbours: vector from the centre in Å, its square and inverse length.

    The square is at most that of the cutoff; the cutoff function (`damping`) and its derivative by
    the square (`slope`) are zero beyond the cutoff.
    """

    x: Tensor
    y: Tensor
    z: Tensor
    square: Tensor
    inverse: Tensor
    damping: Tensor
    slope: Tensor


class Block(NamedTuple):
    """Edges between centres of one species and neighbours of one species.

    Of the vectors between centre and neighbour, shape (3, edges), Å, the last one is far beyond the
    cutoff. Fields of :class:`Neighbourhood`, not to be differentiated, are by edge, shape (7,
    edges), and around centres, shape (7, n, slots). `centres` tells which each edge belongs to,
    `table`, shape (n, slots), the edges of each; empty slots name the last edge.
    """

    vectors: Tensor
    fields: Tensor
    around: Tensor
    centres: Tensor
    table: Tensor


class EdgeBlocks:
    """Sorts the edges of a system, whose atoms are sorted by species.

    Vectors are of the dtype once their differences are taken.
    """

    def __init__(self, r_cut_A: float, dtype: torch.dtype) -> None:
        self.r_cut_A, self.dtype = r_cut_A, dtype
        self.fields: Callable[..., Tensor] = neighbourhood
        self.fields_around: Callable[..., Tensor] = _neighbourhood_of

    def compile_parts(self) -> None:
        """Compile what the time is spent in."""
        self.fields = compile_for_any_shape(self.fields)
        self.fields_around = compile_for_any_shape(self.fields_around)

    def __call__(
        self, positions: Tensor, rows: Neighbours, counts: Sequence[int]
    ) -> list[list[Block]]:
        """Blocks for each species of centres and, within, of neighbours; rows reach the cutoff."""
        vectors = edge_vectors(positions, rows).to(self.dtype)
        places, ownership = self._sort(vectors.detach(), rows, counts)
        edges = _take_edges(vectors, torch.cat(places))
        blocks = []
        for own, (centres, table) in zip(
            edges.split([len(centres) for centres, _ in ownership], 1), ownership, strict=True
        ):
            known = own.detach().contiguous()
            # computed anew, which is faster than to gather all seven fields
            around = self.fields_around(known, table, self.r_cut_A)
            fields = self.fields(known, self.r_cut_A)
            blocks.append(Block(own.contiguous(), fields, around, centres, table))
        n_species = len(counts)
        return [blocks[i : i + n_species] for i in range(0, len(blocks), n_species)]

    def _sort(
        self, vectors: Tensor, rows: Neighbours, counts: Sequence[int]
    ) -> tuple[list[Tensor], list[tuple[Tensor, Tensor]]]:
        """Places of the edges of all blocks in the flattened rows; centres and table of each."""
        near = vectors.square().sum(-1) < self.r_cut_A**2
        ends = torch.tensor(counts, device=vectors.device).cumsum(0)
        kinds = torch.bucketize(rows.senders, ends, right=True)
        places, ownership, first = [], [], 0
        for count in counts:
            own = slice(first, first + count)
            for kind in range(len(counts)):
                filled = near[own] & (kinds[own] == kind)
                found = filled.flatten().nonzero()[:, 0]
                places += [found + first * near.shape[1], found.new_full((1,), NOWHERE)]
                ownership.append(_ownership(found, filled))
            first += count
        return places, ownership


def _ownership(found: Tensor, filled: Tensor) -> tuple[Tensor, Tensor]:
    """Centres and table of the edges found in the slots that are filled, and of one to spare."""
    counts = filled.sum(1)
    centres = torch.cat([found // filled.shape[1], found.new_zeros(1)])
    n_slots = SLOTS_STEP * math.ceil(int(counts.max()) / SLOTS_STEP)
    table = found.new_full((len(filled), max(n_slots, SLOTS_STEP)), len(found))
    edge = torch.arange(len(found), device=found.device)
    own = centres[:-1]
    table[own, edge - (counts.cumsum(0) - counts)[own]] = edge
    return centres, table


def neighbourhood(vectors: Tensor, r_cut_A: float) -> Tensor:
    """Fields of :class:`Neighbourhood`, shape (7, …), of vectors, shape (3, …)."""
    square = vectors.square().sum(0).clamp(max=r_cut_A**2)
    inverse = square.rsqrt()
    t = torch.tanh(torch.relu(1.0 - square * inverse / r_cut_A))
    slope = (-1.5 / r_cut_A) * t.square() * (1.0 - t.square()) * inverse
    return torch.stack([*vectors, square, inverse, t**3, slope])


def _neighbourhood_of(vectors: Tensor, table: Tensor, r_cut_A: float) -> Tensor:
    return neighbourhood(vectors[:, table], r_cut_A)


class _TakeEdges(torch.autograd.Function):
    """Columns of vectors; each is taken once, so that the gradient is a plain copy back."""

    @staticmethod
    def forward(vectors: Tensor, places: Tensor) -> Tensor:
        found = vectors.flatten(0, 1).index_select(0, places.clamp(min=0))
        return torch.where(places == NOWHERE, FAR_A, found.T)

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Tensor, ...], output: Tensor) -> None:
        vectors, places = inputs
        ctx.shape = vectors.shape
        ctx.save_for_backward(places)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None]:
        (places,) = ctx.saved_tensors
        n, slots, _ = ctx.shape
        # the place NOWHERE is the last, which is cut off
        spread = gradient.new_zeros(n * slots + 1, 3).index_put((places,), gradient.T)
        return spread[:-1].view(ctx.shape), None


_take_edges: Callable[..., Tensor] = _TakeEdges.apply
