"""How work on neighbour rows is done: all rows at once, or in chunks that bound the memory."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

import torch
from torch import Tensor
from torch.utils.checkpoint import checkpoint

from falsemetal.potentials.fast.compilation import compile_evaluation
from falsemetal.potentials.fast.equivariant import Features
from falsemetal.potentials.fast.neighbours import Neighbours
from falsemetal.potentials.fast.radial import Places

BYTES_AT_ONCE = 4e9
"""Memory for edges above which rows are worked on in chunks, and about that of a chunk."""

COPIES = 3
"""Times that the numbers of an edge are held: values, their gradients, and what is between."""


@dataclass(frozen=True)
class Edges:
    """What all layers know of the edges of some rows: who is connected, harmonics, lengths.

    Harmonics are by irrep, shape (rows, 2l + 1, slots); lengths, shape (rows, slots), are told by
    their places on the knots of the radial functions.
    """

    neighbours: Neighbours
    harmonics: Features
    places: Places


class OnRows(Protocol):
    """Work on some rows: features of all atoms, those of the rows' atoms, their edges."""

    def __call__(self, features: Features, own: Features, edges: Edges) -> Any:
        """Return arrays whose first axis runs over the rows."""


class Rows:
    """All rows at once; the edges are worked out once for all layers.

    `geometry` makes them from the positions of all atoms, the rows, and the positions of their
    atoms.
    """

    def __init__(
        self,
        geometry: Callable[[Tensor, Neighbours, Tensor], Edges],
        positions: Tensor,
        neighbours: Neighbours,
    ) -> None:
        self.edges = geometry(positions, neighbours, positions)

    def __call__(self, work: OnRows, features: Features) -> Any:
        """Do the work for all atoms."""
        return work(features, features, self.edges)


class ChunkedRows(Rows):
    """Rows in chunks of one size, whose edges are made when needed, again in the backward pass.

    Compiled forms of the works are kept by the caller; None to run them as they are.
    """

    def __init__(
        self,
        geometry: Callable[[Tensor, Neighbours, Tensor], Edges],
        positions: Tensor,
        neighbours: Neighbours,
        *,
        size: int,
        compiled: dict[OnRows, Callable[..., Any]] | None,
    ) -> None:
        self.geometry, self.positions, self.neighbours = geometry, positions, neighbours
        self.size, self.compiled = size, compiled

    def __call__(self, work: OnRows, features: Features) -> Any:
        """Do the work for all atoms, chunk by chunk."""
        n_atoms = len(self.positions)
        parts = []
        for first in range(0, n_atoms, self.size):
            # the last chunk reaches back, so that all have one shape
            start = min(first, n_atoms - self.size)
            own = {ir: h[start : start + self.size] for ir, h in features.items()}
            part = checkpoint(
                self._function(work),
                self.positions,
                self.positions[start : start + self.size],
                self.neighbours.senders[start : start + self.size],
                self.neighbours.shifts[start : start + self.size],
                features,
                own,
                use_reentrant=False,
            )
            parts.append(_after(part, first - start))
        if isinstance(parts[0], dict):
            return {key: torch.cat([part[key] for part in parts]) for key in parts[0]}
        return torch.cat(parts)

    def _function(self, work: OnRows) -> Callable[..., Any]:
        def function(
            positions: Tensor,
            receivers: Tensor,
            senders: Tensor,
            shifts: Tensor,
            features: Features,
            own: Features,
        ) -> Any:
            rows = Neighbours(senders, shifts, None)
            return work(features, own, self.geometry(positions, rows, receivers))

        if self.compiled is None:
            return function
        if work not in self.compiled:
            self.compiled[work] = compile_evaluation(function)
        return self.compiled[work]


def _after(part: Any, first: int) -> Any:
    if isinstance(part, dict):
        return {key: value[first:] for key, value in part.items()}
    return part[first:]


def chunk_size(n_atoms: int, slots: int, width: int, bytes_per_number: int) -> int | None:
    """Rows of a chunk, or None where all rows fit at once.

    `width` is how many numbers of an edge are held between forward and backward pass.
    """
    bytes_of_row = COPIES * slots * width * bytes_per_number
    if n_atoms * bytes_of_row <= BYTES_AT_ONCE:
        return None
    return max(1, min(n_atoms, int(BYTES_AT_ONCE / bytes_of_row)))
