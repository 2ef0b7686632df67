"""Energy of one structure by a model with equilibrated charges, in the fast form."""

import copy
from collections.abc import Sequence
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from falsemetal.potentials.charges.response import dipoles_of
from falsemetal.potentials.fast.evaluator import Evaluator
from falsemetal.potentials.fast.layers import SCALAR
from falsemetal.potentials.fast.neighbours import Neighbours, kinds_of_atoms
from falsemetal.potentials.fast.surrounded import graph_in
from falsemetal.potentials.graph import Surroundings
from falsemetal.potentials.model import Prediction

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
        graph = graph_in(self.surroundings, positions, species, cell, slab=slab)
        readouts = self.readouts_of_charges
        found = readouts.respond(self.equilibration, graph, scalars, training=False)
        energy = energy + found.energies[0]
        if readouts.reads_charges:
            energy = energy + readouts.energies(scalars, found.charges).double().sum()
        told = Prediction(
            energy[None], found.charges, dipoles_of(graph, found.charges), found.fermi_levels_eV
        )
        self.last = told.detach()
        return energy
