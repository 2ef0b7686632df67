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

from falsemetal.arrays import FloatArray
from falsemetal.systems.boundary import Boundary, boundary_of
from falsemetal.systems.labels import EXTERNAL_FIELD, TOTAL_CHARGE, external_field, total_charge

ANSWERING = "qeq, response_charge or fixed_point"
"""Kinds of potentials whose charges answer, as messages name them."""


@dataclass(frozen=True)
class Graph:
    """One structure, or a batch of g structures of n atoms, as tensors; lengths in Å, float64.

    Positions, shape (n, 3), are unwrapped; `species` counts the model's elements. `edge_index`,
    shape (2, m), is sender and receiver of every directed edge, and `shifts`, shape (m, 3), the
    lattice vector added to receiver minus sender. `cells[g, i]` is the i-th basis vector of
    structure g, `slab` true where it is periodic in x and y only, and `batch` the structure that
    each atom belongs to.

    Models with charges that answer to it also see whether a structure is `isolated`, i.e. not
    periodic, in which case its cell means nothing; its total charge in e, shape (g,); and the
    uniform field in V/Å that it is in, shape (g, 3).
    """

    positions: torch.Tensor
    species: torch.Tensor
    edge_index: torch.Tensor
    shifts: torch.Tensor
    cells: torch.Tensor
    slab: torch.Tensor
    batch: torch.Tensor
    isolated: torch.Tensor
    total_charge_e: torch.Tensor
    field_V_per_A: torch.Tensor

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
    """Directed edges between atoms closer than a cutoff, sorted by receiver.

    Atoms may lie outside the cell, whose i-th basis vector is `cell[i]`; `pbc` is by basis vector.
    Returns sender and receiver, shape (2, m), and shifts, shape (m, 3): lengths are in Å, and
    `r_receiver − r_sender + shift` is the edge's vector.
    """
    receiver, sender, image = neighbour_list(
        "ijS", positions=positions, cell=cell, pbc=pbc, cutoff=cutoff_A
    )
    return np.stack([sender, receiver]).astype(np.int64), -image @ cell


def species_index(numbers: np.ndarray, elements: Sequence[int]) -> np.ndarray:
    """Index of each atom's element in a model's list; ValueError for one that the model lacks."""
    unknown = sorted(set(numbers.tolist()) - set(elements))
    if unknown:
        missing = ", ".join(chemical_symbols[z] for z in unknown)
        known = ", ".join(chemical_symbols[z] for z in elements)
        raise ValueError(f"the model knows {known} but the structure holds {missing}")
    return np.searchsorted(np.asarray(elements), numbers)


@dataclass(frozen=True)
class Surroundings:
    """What a structure is in: its boundary, its total charge in e, a field in V/Å, shape (3,)."""

    boundary: Boundary
    total_charge_e: float
    field_V_per_A: FloatArray

    @classmethod
    def of(cls, atoms: Atoms) -> "Surroundings":
        """Those of a structure, as its periodicity and `info` tell; ValueError for odd ones."""
        boundary = boundary_of(atoms.pbc, open_too=True)
        found = cls(boundary, total_charge(atoms), external_field(atoms))
        for key, value in (
            (TOTAL_CHARGE, found.total_charge_e),
            (EXTERNAL_FIELD, found.field_V_per_A),
        ):
            if not np.isfinite(value).all():
                raise ValueError(f"{key} is {value}, which is not finite; correct it")
        return found

    def require_neutral(self) -> None:
        """Raise a ValueError unless a model without charges of its own can treat them."""
        if self.boundary is Boundary.OPEN:
            raise ValueError(
                "pbc (False, False, False): only bulk (TTT) and films (TTF) can be treated; a "
                f"potential of kind {ANSWERING} treats clusters, too"
            )
        for key, value, unit in (
            (TOTAL_CHARGE, self.total_charge_e, "e"),
            (EXTERNAL_FIELD, self.field_V_per_A.tolist(), "V/Å"),
        ):
            if np.any(np.asarray(value) != 0.0):
                raise ValueError(
                    f"{key} is {value} {unit}, but the potential has no charges that answer to it; "
                    f"take a potential of kind {ANSWERING}, or leave the frame out"
                )

    def tensors(self, device: torch.device | str = "cpu") -> dict[str, torch.Tensor]:
        """Fields of a graph of one structure."""
        return {
            "slab": torch.tensor([self.boundary is Boundary.FILM], device=device),
            "isolated": torch.tensor([self.boundary is Boundary.OPEN], device=device),
            "total_charge_e": torch.tensor(
                [self.total_charge_e], dtype=torch.float64, device=device
            ),
            "field_V_per_A": torch.tensor(
                self.field_V_per_A[None], dtype=torch.float64, device=device
            ),
        }


def cell_of(atoms: Atoms) -> FloatArray:
    """Cell in Å whose i-th row is the i-th basis vector, any one for what is not periodic."""
    return atoms.cell.array.copy() if atoms.pbc.any() else np.eye(3)


def build_graph(
    atoms: Atoms, elements: Sequence[int], r_cut_A: float, *, with_charge: bool = False
) -> Graph:
    """Graph of one structure with edges up to the cutoff; elements in ascending order.

    What is charged, in a field or not periodic is a ValueError, except for a model `with_charge`.
    """
    if not len(atoms):
        raise ValueError("a structure without atoms")
    surroundings = Surroundings.of(atoms)
    if not with_charge:
        surroundings.require_neutral()
    cell, pbc = cell_of(atoms), atoms.pbc
    edge_index, shifts = neighbour_edges(atoms.positions, cell, pbc, r_cut_A)
    return Graph(
        positions=torch.tensor(atoms.positions),
        species=torch.tensor(species_index(atoms.numbers, elements)),
        edge_index=torch.tensor(edge_index),
        shifts=torch.tensor(shifts),
        cells=torch.tensor(cell)[None],
        batch=torch.zeros(len(atoms), dtype=torch.int64),
        **surroundings.tensors(),
    )


def collate(graphs: Sequence[Graph]) -> Graph:
    """Join graphs into one batch, in order."""
    sizes = torch.tensor([len(graph.positions) for graph in graphs])
    offsets = torch.cumsum(sizes, 0) - sizes
    edges = [graph.edge_index + offset for graph, offset in zip(graphs, offsets, strict=True)]
    apart = {"edge_index", "batch"}
    joined = {
        field.name: torch.cat([getattr(graph, field.name) for graph in graphs])
        for field in fields(Graph)
        if field.name not in apart
    }
    batch = torch.repeat_interleave(torch.arange(len(graphs)), sizes)
    return Graph(**joined, edge_index=torch.cat(edges, 1), batch=batch)
