"""Energies and forces of a trained model for ASE's integrators."""

from typing import Any, ClassVar

import numpy as np
import torch
from ase import Atoms
from ase.calculators.calculator import Calculator, all_changes

from falsemetal.models.electrostatics import check_slab
from falsemetal.models.graph import Graph, is_slab, neighbour_edges, species_index
from falsemetal.models.mace import ShortRangedMACE, predict
from falsemetal.models.split_charge import SplitChargeMACE


class ModelCalculator(Calculator):
    """ASE calculator with a neighbour list that is kept while no atom moved half its skin.

    Parameters
    ----------
    model
        Trained model; it decides precision and device.
    skin_A
        Margin of the neighbour list beyond the model's cutoff.
    """

    implemented_properties: ClassVar[list[str]] = ["energy", "forces"]

    def __init__(self, model: ShortRangedMACE, *, skin_A: float = 0.5, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.model = model.requires_grad_(False).eval()
        parameter = next(model.parameters())
        self.dtype, self.device = parameter.dtype, parameter.device
        self.skin_A = skin_A
        self._list: _NeighbourList | None = None

    def forget_neighbours(self) -> None:
        """Evaluate the next step anew with a fresh neighbour list, as a resumed run does."""
        self._list = None
        self.reset()

    def calculate(
        self,
        atoms: Atoms | None = None,
        properties: list[str] | None = None,
        system_changes: list[str] = all_changes,
    ) -> None:
        """Evaluate energy in eV and forces in eV/Å, shape (n, 3)."""
        super().calculate(atoms, properties, system_changes)
        if self._list is None or not self._list.holds_for(self.atoms):
            self._list = _NeighbourList(self.atoms, self.model, self.skin_A)
        graph = self._list.graph(self.atoms.positions, self.dtype).to(self.device)
        energies, forces = predict(self.model, graph)
        self.results = {
            "energy": float(energies[0]),
            "forces": forces.cpu().numpy().astype(float),
        }


class _NeighbourList:
    """Edges up to cutoff plus skin, and what does not change with the positions."""

    def __init__(self, atoms: Atoms, model: ShortRangedMACE, skin_A: float) -> None:
        self.species = torch.as_tensor(species_index(atoms.numbers, model.elements))
        if isinstance(model, SplitChargeMACE):
            charges = model.formal_charges_e.cpu()[self.species]
            check_slab(charges, torch.as_tensor(atoms.cell.array), slab=is_slab(atoms.pbc))
        self.cell, self.pbc = atoms.cell.array.copy(), atoms.pbc.copy()
        self.numbers = atoms.numbers.copy()
        self.origin = atoms.positions.copy()
        self.cutoff_A, self.skin_A = model.r_cut_A, skin_A
        self.edge_index, self.shifts = neighbour_edges(
            atoms.positions, self.cell, self.pbc, model.r_cut_A + skin_A
        )
        self.slab = torch.tensor([is_slab(atoms.pbc)])
        self.batch = torch.zeros(len(atoms), dtype=torch.int64)

    def holds_for(self, atoms: Atoms) -> bool:
        """Tell whether no pair can have come within the cutoff unnoticed."""
        same = (
            np.array_equal(atoms.cell.array, self.cell)
            and np.array_equal(atoms.pbc, self.pbc)
            and np.array_equal(atoms.numbers, self.numbers)
        )
        if not same:
            return False
        moved = np.sum((atoms.positions - self.origin) ** 2, axis=1).max(initial=0.0)
        return bool(moved <= (0.5 * self.skin_A) ** 2)

    def graph(self, positions: np.ndarray, dtype: torch.dtype) -> Graph:
        """Graph of the edges within the cutoff."""
        sender, receiver = self.edge_index
        vectors = positions[receiver] - positions[sender] + self.shifts
        near = np.einsum("ij,ij->i", vectors, vectors) < self.cutoff_A**2
        return Graph(
            positions=torch.as_tensor(positions, dtype=dtype).clone(),
            species=self.species,
            edge_index=torch.as_tensor(self.edge_index[:, near]),
            shifts=torch.as_tensor(self.shifts[near], dtype=dtype),
            cells=torch.as_tensor(self.cell, dtype=dtype)[None],
            slab=self.slab,
            batch=self.batch,
        )
