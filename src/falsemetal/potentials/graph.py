"""Structures as graphs: neighbour edges in the true cell, and batches of them.

`mace.data` replaces the cell row of a non-periodic direction by a huge one, which spoils the
volume of a slab; the edges are therefore built here.
"""

from collections.abc import Sequence
from dataclasses import dataclass, fields

import numpy as np
import torch
from ase import Atoms
from ase.data import chemical_symbols
from matscipy.neighbours import neighbour_list


@dataclass(frozen=True)
class Graph:
    """One structure, or a batch of structures, as tensors; lengths are float64.

    Attributes
    ----------
    positions
        Shape (n, 3), Å, unwrapped.
    species
        Index into the model's elements, shape (n,).
    edge_index
        Sender and receiver of every directed edge, shape (2, m).
    shifts
        Lattice vector added to receiver minus sender, shape (m, 3), Å.
    cells
        `cells[g, i]` is the i-th basis vector of structure g, shape (g, 3, 3), Å.
    slab
        True where a structure is periodic in x and y only, shape (g,).
    batch
        Structure that each atom belongs to, shape (n,).
    """

    positions: torch.Tensor
    species: torch.Tensor
    edge_index: torch.Tensor
    shifts: torch.Tensor
    cells: torch.Tensor
    slab: torch.Tensor
    batch: torch.Tensor

    @property
    def n_graphs(self) -> int:
        """Number of structures."""
        return self.cells.shape[0]

    def edge_vectors(self) -> torch.Tensor:
        """Vectors from sender to receiver, shape (m, 3), Å."""
        sender, receiver = self.edge_index
        return self.positions[receiver] - self.positions[sender] + self.shifts

    def to(self, device: torch.device | str) -> "Graph":
        """Return the graph on another device."""
        return Graph(*(getattr(self, field.name).to(device) for field in fields(self)))


def neighbour_edges(
    positions: np.ndarray, cell: np.ndarray, pbc: np.ndarray, cutoff_A: float
) -> tuple[np.ndarray, np.ndarray]:
    """Directed edges between atoms closer than a cutoff.

    Parameters
    ----------
    positions
        Shape (n, 3), Å; atoms may lie outside the cell.
    cell
        `cell[i]` is the i-th basis vector, Å; it is used as it is.
    pbc
        Periodicity along each basis vector, shape (3,).
    cutoff_A
        Largest distance.

    Returns
    -------
    edge_index, shifts
        Sender and receiver, shape (2, m), and `r_receiver − r_sender + shift` is the edge's vector,
        shape (m, 3), Å.
    """
    sender, receiver, image = neighbour_list(
        "ijS", positions=positions, cell=cell, pbc=pbc, cutoff=cutoff_A
    )
    return np.stack([sender, receiver]).astype(np.int64), image @ cell


def species_index(numbers: np.ndarray, elements: Sequence[int]) -> np.ndarray:
    """Index of each atom's element in a model's list.

    Raises
    ------
    ValueError
        If a structure has an element that the model lacks.
    """
    unknown = sorted(set(numbers.tolist()) - set(elements))
    if unknown:
        missing = ", ".join(chemical_symbols[z] for z in unknown)
        known = ", ".join(chemical_symbols[z] for z in elements)
        raise ValueError(f"the model knows {known} but the structure holds {missing}")
    return np.searchsorted(np.asarray(elements), numbers)


def is_slab(pbc: np.ndarray) -> bool:
    """Tell a slab (periodic in x and y) from a bulk cell.

    Raises
    ------
    ValueError
        For any other periodicity.
    """
    match tuple(bool(p) for p in pbc):
        case (True, True, True):
            return False
        case (True, True, False):
            return True
        case other:
            raise ValueError(f"pbc {other}: only bulk (TTT) and slabs (TTF) can be treated")


def build_graph(atoms: Atoms, elements: Sequence[int], r_cut_A: float) -> Graph:
    """Graph of one structure with edges up to the cutoff; elements in ascending order."""
    cell, pbc = atoms.cell.array, atoms.pbc
    edge_index, shifts = neighbour_edges(atoms.positions, cell, pbc, r_cut_A)
    return Graph(
        positions=torch.tensor(atoms.positions),
        species=torch.tensor(species_index(atoms.numbers, elements)),
        edge_index=torch.tensor(edge_index),
        shifts=torch.tensor(shifts),
        cells=torch.tensor(cell)[None],
        slab=torch.tensor([is_slab(pbc)]),
        batch=torch.zeros(len(atoms), dtype=torch.int64),
    )


def collate(graphs: Sequence[Graph]) -> Graph:
    """Join graphs into one batch, in order."""
    sizes = torch.tensor([len(graph.positions) for graph in graphs])
    offsets = torch.cumsum(sizes, 0) - sizes
    return Graph(
        positions=torch.cat([graph.positions for graph in graphs]),
        species=torch.cat([graph.species for graph in graphs]),
        edge_index=torch.cat(
            [graph.edge_index + offset for graph, offset in zip(graphs, offsets, strict=True)], 1
        ),
        shifts=torch.cat([graph.shifts for graph in graphs]),
        cells=torch.cat([graph.cells for graph in graphs]),
        slab=torch.cat([graph.slab for graph in graphs]),
        batch=torch.repeat_interleave(torch.arange(len(graphs)), sizes),
    )
