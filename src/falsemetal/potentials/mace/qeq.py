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

import math
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
from falsemetal.potentials.mace.model import (
    DatasetStatistics,
    LocalState,
    ShortRangedMACE,
)
from falsemetal.potentials.mace.settings import QEqArchitecture
from falsemetal.potentials.model import Prediction, module_list

HIDDEN = 16
"""Width of the hidden layer that reads the last features, as in MACE's energy readout."""


class QEqMACE(ShortRangedMACE):
    """MACE with equilibrated charges."""

    with_charge: ClassVar[bool] = True

    def __init__(self, settings: QEqArchitecture, statistics: DatasetStatistics) -> None:
        super().__init__(settings, statistics)
        n_elements, self.channels = len(statistics.elements), settings.channels
        self.electronegativity_eV = torch.nn.Parameter(torch.zeros(n_elements))
        start = settings.hardness_eV_per_e2
        self.hardness = torch.nn.Parameter(
            torch.full((n_elements,), start + math.log(-math.expm1(-start)))
        )
        self.electronegativity_layers = module_list(
            torch.nn.Linear(self.channels, 1, bias=False) for _ in range(settings.layers - 1)
        )
        self.last_electronegativity = _perceptron(self.channels)
        self.hardness_layer: torch.nn.Module | None = None
        if settings.hardness == "environment":
            self.hardness_layer = torch.nn.Linear(self.channels, 1, bias=False)
        self.charge_readout: torch.nn.Module | None = None
        if settings.short_range == "reads_charges":
            self.charge_readout = _perceptron(self.channels + 2)
        self.equilibration = Equilibration(settings.smearing_A, settings.kspace_cutoff_factor)

    def forward(self, graph: Graph) -> torch.Tensor:
        """Energies in eV, shape (n_graphs,), float64."""
        return self.evaluate(graph).energies

    def evaluate(self, graph: Graph) -> Prediction:
        """Energies, charges, dipoles and Fermi levels."""
        state = self.message_passing(graph)
        found = self.respond(graph, state)
        local = state.node_energies
        if self.charge_readout is not None:
            local = local + self._energies_by_charges(state, found.charges)
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

    def respond(self, graph: Graph, state: LocalState) -> Response:
        """Equilibrated charges with their energies."""
        return self.equilibration.respond(
            graph,
            self.electronegativities(graph, state),
            self.hardnesses(graph, state),
            training=self.training,
            follow_charges=self.charge_readout is not None,
        )

    def electronegativities(self, graph: Graph, state: LocalState) -> torch.Tensor:
        """Electronegativity χ of every atom in eV/e, shape (n,)."""
        scalars = [features[:, : self.channels] for features in state.features]
        found: torch.Tensor = self.electronegativity_eV[
            graph.species
        ] + self.last_electronegativity(scalars[-1])
        for layer, features in zip(self.electronegativity_layers, scalars, strict=False):
            found = found + layer(features)[:, 0]
        return found

    def hardnesses(self, graph: Graph, state: LocalState) -> torch.Tensor:
        """Hardness J of every atom in eV/e², shape (n,), positive."""
        raw: torch.Tensor = self.hardness[graph.species]
        if self.hardness_layer is not None:
            raw = raw + self.hardness_layer(state.features[-1][:, : self.channels])[:, 0]
        hardness: torch.Tensor = torch.nn.functional.softplus(raw)
        return hardness

    def check(self, atoms: Atoms) -> None:
        """Raise an ElectrostaticsError for what has no defined charges."""
        check_surroundings(Surroundings.of(atoms), torch.as_tensor(cell_of(atoms)))

    def graph_of(self, atoms: Atoms) -> Graph:
        """Graph of a structure; ValueError for one that the model cannot treat."""
        self.check(atoms)
        return super().graph_of(atoms)

    def fast_form(self, species: object) -> torch.nn.Module:
        """Raise a NotImplementedError: it runs in its plain form."""
        raise NotImplementedError("equilibrated charges have no fast form")

    def _energies_by_charges(self, state: LocalState, charges: torch.Tensor) -> torch.Tensor:
        """Short-ranged energies in eV, shape (n,), by features and charges."""
        scalars = state.features[-1][:, : self.channels]
        q = charges.to(scalars)[:, None]
        assert self.charge_readout is not None
        read: torch.Tensor = self.charge_readout(torch.cat([scalars, q, q.square()], 1))
        return self.statistics.force_rms_eV_per_A * read


def _perceptron(inputs: int) -> torch.nn.Module:
    """One hidden layer, from features to a scalar, shape (n,)."""
    return torch.nn.Sequential(
        torch.nn.Linear(inputs, HIDDEN),
        torch.nn.SiLU(),
        torch.nn.Linear(HIDDEN, 1, bias=False),
        torch.nn.Flatten(0),
    )
