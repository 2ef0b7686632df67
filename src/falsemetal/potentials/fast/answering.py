"""Energy of one structure by a model with split charges that answer, in the fast form."""

import copy
from collections.abc import Sequence
from typing import TYPE_CHECKING

from torch import Tensor

from falsemetal.potentials.charges.local_response import Multipoles, answer, structures_of
from falsemetal.potentials.charges.response import dipoles_of
from falsemetal.potentials.fast.edges import Edges
from falsemetal.potentials.fast.layers import SCALAR
from falsemetal.potentials.fast.neighbours import Neighbours, kinds_of_atoms
from falsemetal.potentials.fast.surrounded import SurroundedEvaluator
from falsemetal.potentials.model import Prediction

if TYPE_CHECKING:
    from falsemetal.potentials.mace.response_charge import ResponseChargeMACE


class AnsweringEvaluator(SurroundedEvaluator):
    """A model with split charges that answer, for some species, by which atoms are sorted."""

    def __init__(self, model: "ResponseChargeMACE", species: Sequence[int]) -> None:
        super().__init__(model, species)
        self.term = model.electrostatics
        self.readouts_of_response = copy.deepcopy(model.readouts_of_response)

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
        energy, states, edges = self.local(positions, neighbours, counts)
        graph = self.graph(positions, cell, counts, slab=slab)
        readouts = self.readouts_of_response
        charges, dipoles = self.multipoles(states, edges, counts)
        formal = self.formal_charges_e[kinds_of_atoms(counts, positions.device)]
        lacking = readouts.lacking(graph, formal)
        charges = charges + lacking.to(charges)
        scalars = [features[SCALAR][:, 0] for features in states]
        senders, receivers, lengths = self._near(edges)
        strengths = readouts.strengths(scalars, senders, receivers, lengths)
        susceptibility = readouts.susceptibility(
            graph.species, scalars, (senders, receivers, strengths)
        )
        found = answer(
            structures_of(
                graph,
                self.term,
                fast=True,
                compiled=self.geometry.kernel is not None,
            )[0],
            Multipoles(charges, dipoles),
            susceptibility,
            follow=False,
            held_e=lacking.sum(),
            electronegativity_V=readouts.electronegativity_V(
                graph.species, susceptibility.mobilities
            ),
        )
        energy = energy + found.energy
        told = Prediction(
            energy[None],
            found.multipoles.charges.double(),
            dipoles_of(graph, *found.multipoles),
            found.fermi_level_eV[None],
        )
        self.last = told.detach()
        return energy

    def _near(self, edges: Edges) -> tuple[Tensor, Tensor, Tensor]:
        """Senders, receivers and lengths in Å of the edges over which charge answers."""
        receivers, places = edges.flat()
        interval, t = edges.interval[places], edges.t[places]
        lengths = self.geometry.knots.lengths(interval, t)
        near = (lengths.detach() < self.readouts_of_response.cutoff_A).nonzero()[:, 0]
        return edges.senders[places][near], receivers[near], lengths[near]
