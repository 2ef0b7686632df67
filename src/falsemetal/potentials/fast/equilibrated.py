"""Energy of one structure by a model with equilibrated charges, in the fast form."""

import copy
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

from falsemetal.potentials.charges.response import dipoles_of
from falsemetal.potentials.fast.evaluator import Evaluator
from falsemetal.potentials.fast.layers import SCALAR
from falsemetal.potentials.fast.neighbours import Neighbours, kinds_of_atoms
from falsemetal.potentials.graph import Graph, Surroundings
from falsemetal.potentials.model import Prediction
from falsemetal.systems.boundary import Boundary

if TYPE_CHECKING:
    from falsemetal.potentials.mace.qeq import QEqMACE


class EquilibratedEvaluator(Evaluator):
    """A model with equilibrated charges, for some species, ascending, by which atoms are sorted.

    Set `surroundings` for what is charged, in a field or not periodic. What the model told last
    beside the energy is `last`.
    """

    species: Tensor

    def __init__(self, model: "QEqMACE", species: Sequence[int]) -> None:
        super().__init__(model, species)
        self.readouts_of_charges = copy.deepcopy(model.charge_readouts)
        self.equilibration = model.equilibration
        self.register_buffer("species", torch.tensor(list(species)))
        self.surroundings: Surroundings | None = None
        self.last: Prediction | None = None

    def forward(
        self,
        positions: Tensor,
        neighbours: Neighbours,
        cell: Tensor,
        counts: Sequence[int],
        *,
        slab: bool,
    ) -> Tensor:
        """Energy in eV; arguments as in :class:`Evaluator`."""
        energy, states, _ = self.local(positions, neighbours, counts)
        species = self.species[kinds_of_atoms(counts, positions.device)]
        scalars = [features[SCALAR][:, 0] for features in states]
        graph = self._graph(positions, species, cell, slab=slab)
        readouts = self.readouts_of_charges
        found = self.equilibration.respond(
            graph,
            readouts.electronegativities(species, scalars),
            readouts.hardnesses(species, scalars),
            training=False,
            follow_charges=readouts.reads_charges,
        )
        energy = energy + found.energies[0]
        if readouts.reads_charges:
            energy = energy + readouts.energies(scalars, found.charges).double().sum()
        told = Prediction(
            energy[None], found.charges, dipoles_of(graph, found.charges), found.fermi_levels_eV
        )
        self.last = told.detach()
        return energy

    def _graph(self, positions: Tensor, species: Tensor, cell: Tensor, *, slab: bool) -> Graph:
        """Graph without edges."""
        surroundings = self.surroundings
        if surroundings is None:
            boundary = Boundary.FILM if slab else Boundary.BULK
            surroundings = Surroundings(boundary, 0.0, np.zeros(3))
        return Graph(
            positions=positions,
            species=species,
            edge_index=species.new_zeros(2, 0),
            shifts=positions.new_zeros(0, 3),
            cells=cell[None],
            batch=torch.zeros_like(species),
            **surroundings.tensors(positions.device),
        )
