"""Neighbours in padded rows: every atom has the same number of slots, some of them empty."""

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from falsemetal.models.graph import neighbour_edges

SLOTS_STEP = 8
WIDE = 8
"""Numbers of an edge from which a bag of embeddings is the faster way to gather and sum."""

SPARE_SLOTS = 1.15
"""Slots are this many times those that the first structure needs, in whole steps.

In 105 ps of water slabs the fullest atom had up to 1.19 times the neighbours of the fullest one in
the first frame. A compiled model whose rows grow is compiled again, which takes as long as some
thousand steps.
"""


@dataclass(frozen=True)
class Neighbours:
    """Edges of one structure by receiver.

    An empty slot points from an atom to itself, shifted beyond the cutoff, so that it contributes
    exactly nothing.

    Attributes
    ----------
    senders
        Shape (n, slots): the atom at the other end of each edge.
    shifts
        Shape (n, slots, 3), Å, float64: `r_receiver − r_sender + shift` is the edge's vector.
    outgoing
        Shape (n, slots): of all edges that leave an atom, their places in the flattened rows.
        Lists are symmetric, so every edge stands once in `outgoing`. None for some rows alone.
    """

    senders: Tensor
    shifts: Tensor
    outgoing: Tensor | None

    def to(self, device: torch.device) -> "Neighbours":
        """Return the rows on another device."""
        outgoing = None if self.outgoing is None else self.outgoing.to(device)
        return Neighbours(self.senders.to(device), self.shifts.to(device), outgoing)


class _Gather(torch.autograd.Function):
    """Values of the senders; the gradient gathers too, where indexing would scatter."""

    @staticmethod
    def forward(values: Tensor, senders: Tensor, outgoing: Tensor) -> Tensor:
        return values[senders]

    @staticmethod
    def setup_context(ctx, inputs, output) -> None:
        _, _, outgoing = inputs
        ctx.save_for_backward(outgoing)

    @staticmethod
    def backward(ctx, gradient: Tensor):
        (outgoing,) = ctx.saved_tensors
        rows = gradient.flatten(0, 1)
        if rows[0].numel() < WIDE:
            return rows[outgoing].sum(1), None, None
        summed = torch.nn.functional.embedding_bag(outgoing, rows.flatten(1), mode="sum")
        return summed.view(-1, *rows.shape[1:]), None, None


def gather_senders(values: Tensor, neighbours: Neighbours) -> Tensor:
    """Values of each edge's sender, shape (rows, slots, …), of values by atom, shape (n, …)."""
    senders = neighbours.senders
    if neighbours.outgoing is not None:
        return _Gather.apply(values, senders, neighbours.outgoing)
    return values.index_select(0, senders.flatten()).view(*senders.shape, *values.shape[1:])


def edge_vectors(
    positions: Tensor, neighbours: Neighbours, receivers: Tensor | None = None
) -> Tensor:
    """Vectors from sender to receiver, shape (rows, slots, 3), Å.

    Parameters
    ----------
    positions
        Of all atoms, shape (n, 3), Å.
    neighbours
        Rows.
    receivers
        Positions of the rows' atoms, shape (rows, 3), if those are not all.
    """
    own = positions if receivers is None else receivers
    return own[:, None] - gather_senders(positions, neighbours) + neighbours.shifts


def slots_needed(counts: np.ndarray) -> int:
    """Return slots for the fullest atom and some to spare, in whole steps."""
    return SLOTS_STEP * int(np.ceil(max(counts.max(initial=1) * SPARE_SLOTS, 1.0) / SLOTS_STEP))


def find_neighbours(
    positions: np.ndarray,
    cell: np.ndarray,
    pbc: np.ndarray,
    cutoff_A: float,
    slots: int | None = None,
) -> Neighbours:
    """Fill the rows of a structure.

    Parameters
    ----------
    positions, cell, pbc, cutoff_A
        As in :func:`falsemetal.models.graph.neighbour_edges`.
    slots
        Slots of a row, at least; more are taken where an atom needs them.
    """
    (sender, receiver), shifts = neighbour_edges(positions, cell, pbc, cutoff_A)
    n_atoms = len(positions)
    counts = np.bincount(receiver, minlength=n_atoms)
    if slots is None or counts.max(initial=0) > slots:
        slots = slots_needed(counts)
    own = np.repeat(np.arange(n_atoms), slots).reshape(n_atoms, slots)
    rows = _Rows(receiver, counts, slots)
    senders = own.copy()
    senders[rows.places] = sender[rows.order]
    padded_shifts = np.zeros((n_atoms, slots, 3))
    padded_shifts[..., 2] = 2.0 * cutoff_A
    padded_shifts[rows.places] = shifts[rows.order]
    flat = np.arange(n_atoms * slots).reshape(n_atoms, slots)
    outgoing = flat.copy()
    place_of_edge = np.empty(len(sender), dtype=np.int64)
    place_of_edge[rows.order] = flat[rows.places]
    leaving = _Rows(sender, counts, slots)
    outgoing[leaving.places] = place_of_edge[leaving.order]
    return Neighbours(
        torch.from_numpy(senders), torch.from_numpy(padded_shifts), torch.from_numpy(outgoing)
    )


class _Rows:
    """Where edges go when they are sorted by one of their atoms."""

    def __init__(self, atom: np.ndarray, counts: np.ndarray, slots: int) -> None:
        self.order = np.argsort(atom, kind="stable")
        row = atom[self.order]
        first = np.cumsum(counts) - counts
        self.places = (row, np.arange(len(row)) - first[row])
