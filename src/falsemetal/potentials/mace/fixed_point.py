"""MACE with charges that are self-consistent, without an energy of which they are the minimum.

A superset of :mod:`falsemetal.potentials.mace.qeq`: to a potential an atom answers by 1/J, and by a
bounded network of its features, of the potential and of the field that it feels
(:mod:`falsemetal.potentials.charges.self_consistent`). Energies are a function of the charges that
are found, and forces their exact derivative, by one adjoint solution.

A trained network may have more than one fixed point, and then energies jump where one is lost. Runs
in which charges cannot be found end with an error.
"""

from collections.abc import Sequence

import torch

from falsemetal.potentials.charges.fixed_point import Search
from falsemetal.potentials.charges.response import Equilibration, Response
from falsemetal.potentials.charges.self_consistent import (
    N_READ,
    Bend,
    respond_self_consistently,
)
from falsemetal.potentials.graph import Graph
from falsemetal.potentials.mace.model import DatasetStatistics
from falsemetal.potentials.mace.positive import before_softplus
from falsemetal.potentials.mace.qeq import ChargeReadouts, QEqMACE
from falsemetal.potentials.mace.settings import FixedPointArchitecture
from falsemetal.potentials.model import GaussianCharges

INITIAL_BEND_E = 0.01
"""Size of an untrained unit: charges start near those of a quadratic energy."""

INITIAL_STEEPNESS = 0.3


class FixedPointReadouts(ChargeReadouts):
    """Electronegativity, hardness, energies by charges, and the bend of an atom's answer."""

    def __init__(self, settings: FixedPointArchitecture, statistics: DatasetStatistics) -> None:
        super().__init__(settings, statistics)
        width = settings.bend_width
        self.wide_A = settings.wide_A
        self.search = Search(mixing=0.7)
        self.bend_of_species = torch.nn.Embedding(len(statistics.elements), width)
        self.bend_of_features = torch.nn.Linear(settings.channels, width, bias=False)
        self.bend_by_felt = torch.nn.Parameter(INITIAL_STEEPNESS * torch.randn(width, N_READ))
        start = before_softplus(INITIAL_BEND_E)
        self.bend = torch.nn.Parameter(torch.full((width,), start))

    def bend_of(self, species: torch.Tensor, scalars: Sequence[torch.Tensor]) -> Bend:
        """Bend of every atom's answer."""
        hidden = self.bend_of_species(species) + self.bend_of_features(scalars[-1])
        by_potentials, by_fields = self.bend_by_felt.double().split(2, 1)
        positive = torch.nn.functional.softplus
        return Bend(
            hidden.double(),
            torch.cat([positive(by_potentials), by_fields], 1),
            positive(self.bend.double()),
        )

    def respond(
        self,
        equilibration: Equilibration,
        graph: Graph,
        scalars: Sequence[torch.Tensor],
        *,
        training: bool,
    ) -> Response:
        """Self-consistent charges with their energies, always followed."""
        return respond_self_consistently(
            equilibration,
            graph,
            self.electronegativities(graph.species, scalars).double(),
            self.hardnesses(graph.species, scalars).double(),
            self.bend_of(graph.species, scalars),
            wide_A=self.wide_A,
            search=self.search,
        )


class FixedPointMACE(QEqMACE):
    """MACE with self-consistent charges."""

    def __init__(self, settings: FixedPointArchitecture, statistics: DatasetStatistics) -> None:
        super().__init__(settings, statistics)
        self.charge_readouts = FixedPointReadouts(settings, statistics)

    def charge_stiffness(self, graph: Graph) -> None:
        """None: what bends an atom's answer is no hardness."""
        return None

    def gaussian_charges(self, graph: Graph) -> GaussianCharges:
        """Charges of one structure, to which no hardness belongs."""
        charges = self.respond(graph, self.message_passing(graph)).charges.double()
        none = torch.full_like(charges, torch.nan)
        return GaussianCharges(charges, None, charges, none, self.equilibration.term)

    @property
    def common_electronegativity(self) -> None:
        """None: what bends an atom's answer reads its potential from the common level."""
        return None
