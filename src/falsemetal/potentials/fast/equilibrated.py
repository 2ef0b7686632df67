"""Energy of one structure by a model with equilibrated charges, in the fast form."""

import copy
from collections.abc import Sequence
from typing import TYPE_CHECKING

from torch import Tensor

from falsemetal.potentials.charges.response import dipoles_of
from falsemetal.potentials.fast.layers import SCALAR
from falsemetal.potentials.fast.neighbours import Neighbours
from falsemetal.potentials.fast.surrounded import SurroundedEvaluator
from falsemetal.potentials.model import Prediction

if TYPE_CHECKING:
    from falsemetal.potentials.mace.qeq import QEqMACE


class EquilibratedEvaluator(SurroundedEvaluator):
    """A model with equilibrated charges, for some species, ascending, by which atoms are sorted."""

    def __init__(self, model: "QEqMACE", species: Sequence[int]) -> None:
        super().__init__(model, species)
        self.readouts_of_charges = copy.deepcopy(model.charge_readouts)
        self.equilibration = model.equilibration

    def forward(
        self,
        positions: Tensor,
        neighbours: Neighbours,
        cell: Tensor,
        counts: Sequence[int],
        *,
        slab: bool,
    ) -> Tensor:
        """Energy in eV; arguments as in :class:`falsemetal.potentials.fast.evaluator.Evaluator`."""
        energy, states, _ = self.local(positions, neighbours, counts)
        scalars = [features[SCALAR][:, 0] for features in states]
        graph = self.graph(positions, cell, counts, slab=slab)
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
