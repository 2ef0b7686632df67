r"""MACE with charges that minimise an energy (charge equilibration).

.. math::

    E = \sum_i E_i^\text{SR} + \min_{\mathbf q}\Big[\sum_i (\chi_i + v_i) q_i
        + \tfrac12 \sum_i J_i q_i^2 + \tfrac12 \sum_{ij} q_i A_{ij} q_j\Big],
    \qquad \sum_i q_i = Q,

with electronegativities χ from the features of every layer, a hardness J > 0, Gaussian charges in
the Coulomb matrix A (:mod:`falsemetal.electrostatics.matrix`), and the potential v = −E·r of an
external field. At the minimum forces need no derivative of the charges. If the short-ranged energy
reads the charges it is not stationary in them; autograd then solves once more for the adjoint.
"""

from collections.abc import Sequence
from typing import ClassVar

import torch
from ase import Atoms

from falsemetal.potentials.charges.response import (
    Equilibration,
    Response,
    check_surroundings,
    dipoles_of,
)
from falsemetal.potentials.graph import Graph, Surroundings, cell_of
from falsemetal.potentials.mace.model import DatasetStatistics, LocalState, ShortRangedMACE
from falsemetal.potentials.mace.positive import before_softplus
from falsemetal.potentials.mace.settings import QEqArchitecture
from falsemetal.potentials.model import (
    ChargeStiffness,
    GaussianCharges,
    Prediction,
    module_list,
)

HIDDEN = 16
"""Width of the hidden layer that reads the last features, as in MACE's energy readout."""


class ChargeReadouts(torch.nn.Module):
    """Electronegativity, hardness and the energy by charges, from the scalars of every layer.

    Scalars are features of shape (n, channels) after each layer; species count the model's
    elements. Energies of the short range are in units of the forces' RMS times 1 Å.
    """

    def __init__(self, settings: QEqArchitecture, statistics: DatasetStatistics) -> None:
        super().__init__()
        n_elements, channels = len(statistics.elements), settings.channels
        self.energy_scale_eV = statistics.force_rms_eV_per_A
        self.electronegativity_eV = torch.nn.Parameter(torch.zeros(n_elements))
        start = before_softplus(settings.hardness_eV_per_e2)
        self.hardness = torch.nn.Parameter(torch.full((n_elements,), start))
        self.electronegativity_layers = module_list(
            torch.nn.Linear(channels, 1, bias=False) for _ in range(settings.layers - 1)
        )
        self.last_electronegativity = _perceptron(channels)
        self.hardness_layer: torch.nn.Module | None = None
        if settings.hardness == "environment":
            self.hardness_layer = torch.nn.Linear(channels, 1, bias=False)
        self.charge_readout: torch.nn.Module | None = None
        if settings.short_range == "reads_charges":
            self.charge_readout = _perceptron(channels + 2)

    @property
    def reads_charges(self) -> bool:
        """Whether the short-ranged energy depends on the charges."""
        return self.charge_readout is not None

    def electronegativities(
        self, species: torch.Tensor, scalars: Sequence[torch.Tensor]
    ) -> torch.Tensor:
        """Electronegativity χ of every atom in eV/e, shape (n,)."""
        found: torch.Tensor = self.electronegativity_eV[species]
        found = found + self.last_electronegativity(scalars[-1])
        for layer, features in zip(self.electronegativity_layers, scalars, strict=False):
            found = found + layer(features)[:, 0]
        return found

    def hardnesses(self, species: torch.Tensor, scalars: Sequence[torch.Tensor]) -> torch.Tensor:
        """Hardness J of every atom in eV/e², shape (n,), positive."""
        raw: torch.Tensor = self.hardness[species]
        if self.hardness_layer is not None:
            raw = raw + self.hardness_layer(scalars[-1])[:, 0]
        hardness: torch.Tensor = torch.nn.functional.softplus(raw)
        return hardness

    def respond(
        self,
        equilibration: Equilibration,
        graph: Graph,
        scalars: Sequence[torch.Tensor],
        *,
        training: bool,
    ) -> Response:
        """Equilibrated charges with their energies."""
        return equilibration.respond(
            graph,
            self.electronegativities(graph.species, scalars),
            self.hardnesses(graph.species, scalars),
            training=training,
            follow_charges=self.reads_charges,
        )

    def energies(self, scalars: Sequence[torch.Tensor], charges: torch.Tensor) -> torch.Tensor:
        """Short-ranged energies by the charges in eV, shape (n,), zero where none is."""
        if self.charge_readout is None:
            return torch.zeros_like(charges)
        q = charges.to(scalars[-1])[:, None]
        read: torch.Tensor = self.charge_readout(torch.cat([scalars[-1], q, q.square()], 1))
        return self.energy_scale_eV * read


class QEqMACE(ShortRangedMACE):
    """MACE with equilibrated charges."""

    with_charge: ClassVar[bool] = True

    def __init__(self, settings: QEqArchitecture, statistics: DatasetStatistics) -> None:
        super().__init__(settings, statistics)
        self.channels, self.smearing_A = settings.channels, settings.smearing_A
        self.charge_readouts = ChargeReadouts(settings, statistics)
        self.equilibration = Equilibration(settings.smearing_A, settings.kspace_cutoff_factor)

    def forward(self, graph: Graph) -> torch.Tensor:
        """Energies in eV, shape (n_graphs,), float64."""
        return self.evaluate(graph).energies

    def evaluate(self, graph: Graph) -> Prediction:
        """Energies, charges, dipoles and Fermi levels."""
        state = self.message_passing(graph)
        found = self.respond(graph, state)
        local = state.node_energies
        if self.charge_readouts.reads_charges:
            scalars = self.scalars(state)
            local = local + self.charge_readouts.energies(scalars, found.charges)
        return Prediction(
            self.sum_atomic_energies(graph, local) + found.energies,
            found.charges,
            dipoles_of(graph, found.charges),
            found.fermi_levels_eV,
        )

    def charges_and_dipole(self, graph: Graph) -> tuple[torch.Tensor, torch.Tensor]:
        """Charges of atoms in e, and dipoles in e·Å, NaN along periodic directions."""
        found = self.respond(graph, self.message_passing(graph))
        return found.charges, dipoles_of(graph, found.charges)

    @property
    def common_electronegativity(self) -> torch.Tensor | None:
        """Electronegativities of elements in eV/e, before what the environment adds."""
        return self.charge_readouts.electronegativity_eV

    def charge_stiffness(self, graph: Graph) -> ChargeStiffness | None:
        """Hardness of every atom and the width of all charges."""
        state = self.message_passing(graph)
        return ChargeStiffness(self._hardnesses(graph, state), self.smearing_A)

    def gaussian_charges(self, graph: Graph) -> GaussianCharges:
        """Charges of one structure; all of its atoms share one potential of electrons."""
        state = self.message_passing(graph)
        charges = self.respond(graph, state).charges.double()
        hardness = self._hardnesses(graph, state)
        return GaussianCharges(charges, None, charges, hardness, self.equilibration.term)

    def respond(self, graph: Graph, state: LocalState) -> Response:
        """Equilibrated charges with their energies."""
        return self.charge_readouts.respond(
            self.equilibration, graph, self.scalars(state), training=self.training
        )

    def _hardnesses(self, graph: Graph, state: LocalState) -> torch.Tensor:
        return self.charge_readouts.hardnesses(graph.species, self.scalars(state)).double()

    def scalars(self, state: LocalState) -> list[torch.Tensor]:
        """Scalar features after every layer, shape (n, channels)."""
        return [features[:, : self.channels] for features in state.features]

    def check(self, atoms: Atoms) -> None:
        """Raise an ElectrostaticsError for what has no defined charges."""
        check_surroundings(Surroundings.of(atoms), torch.as_tensor(cell_of(atoms)))

    def graph_of(self, atoms: Atoms) -> Graph:
        """Graph of a structure; ValueError for one that the model cannot treat."""
        self.check(atoms)
        return super().graph_of(atoms)

    def fast_form(self, species: Sequence[int]) -> torch.nn.Module:
        """Build the fast form; its charges are solved for in the same way."""
        from falsemetal.potentials.fast.equilibrated import EquilibratedEvaluator

        return EquilibratedEvaluator(self, species)


def _perceptron(inputs: int) -> torch.nn.Module:
    """One hidden layer, from features to a scalar, shape (n,)."""
    return torch.nn.Sequential(
        torch.nn.Linear(inputs, HIDDEN),
        torch.nn.SiLU(),
        torch.nn.Linear(HIDDEN, 1, bias=False),
        torch.nn.Flatten(0),
    )
