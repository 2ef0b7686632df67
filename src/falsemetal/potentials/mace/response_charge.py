r"""MACE with split charges that answer to the potential they are in.

The charges and dipoles of :mod:`falsemetal.potentials.mace.split_charge` move further, by a
susceptibility that is positive whatever the weights
(:mod:`falsemetal.potentials.charges.susceptibility`): along edges, as a dielectric does, and within
a conductor. Without a susceptibility it is that model, to the last bit. As what flows over an edge
is local, an insulator remains one, however thick.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import torch
from ase import Atoms
from ase.data import chemical_symbols

from falsemetal.electrostatics.multipoles import MultipoleElectrostatics
from falsemetal.electrostatics.reciprocal import ElectrostaticsError
from falsemetal.potentials.charges.local_response import (
    LocalAnswer,
    Multipoles,
    answer,
    structures_of,
)
from falsemetal.potentials.charges.response import (
    ROUNDING_E,
    check_surroundings,
    dipoles_of,
    periodic_directions,
)
from falsemetal.potentials.charges.susceptibility import Susceptibility
from falsemetal.potentials.graph import Graph, Surroundings, cell_of, species_index
from falsemetal.potentials.mace.model import DatasetStatistics, LocalState
from falsemetal.potentials.mace.polarization import polarization
from falsemetal.potentials.mace.positive import before_softplus
from falsemetal.potentials.mace.settings import ResponseChargeArchitecture
from falsemetal.potentials.mace.split_charge import SplitChargeMACE
from falsemetal.potentials.model import GaussianCharges, Prediction, module_list

HIDDEN = 16
"""Width of the layer that a pair of atoms is read through."""

N_RADIAL = 4
"""Bessel functions of an edge's length."""

STRENGTH_E2_PER_EV = 0.1
"""Scale of what flows over an edge: that of a bond in water."""

START = -3.0
"""Of the readout: edges start with a twentieth of that scale, as what no label asks for stays."""

POLARISABILITY_E2_A2_PER_EV = 0.05
"""Scale of an atom's: α/(4πε0) of 0.7 Å³."""


class SusceptibilityReadouts(torch.nn.Module):
    """Strengths of edges, mobilities of a conductor and polarisabilities of atoms.

    Scalars are the features of shape (n, channels) after each layer; species count the elements.
    """

    is_conductor: torch.Tensor

    def __init__(self, settings: ResponseChargeArchitecture, statistics: DatasetStatistics) -> None:
        super().__init__()
        self.cutoff_A = settings.response_cutoff_A
        self.scale_e2_per_eV = STRENGTH_E2_PER_EV
        self.atoms = module_list(
            torch.nn.Linear(settings.channels, HIDDEN, bias=False) for _ in range(settings.layers)
        )
        self.radial = torch.nn.Linear(N_RADIAL, HIDDEN)
        self.readout = torch.nn.Linear(HIDDEN, 1)
        with torch.no_grad():
            self.readout.bias.fill_(START)
        symbols = [chemical_symbols[z] for z in statistics.elements]
        missing = sorted(set(settings.conductors) - set(symbols))
        if missing:
            raise ValueError(
                f"conductors names {', '.join(missing)}, of which the dataset holds no atoms; name "
                "elements of its metal, or none"
            )
        metal = torch.tensor([symbol in settings.conductors for symbol in symbols])
        self.register_buffer("is_conductor", metal)
        self.hardness: torch.nn.Parameter | None = None
        self.electronegativity_eV: torch.nn.Parameter | None = None
        if settings.conductors:
            start = before_softplus(settings.hardness_eV_per_e2)
            self.hardness = torch.nn.Parameter(torch.full((len(symbols),), start))
            self.electronegativity_eV = torch.nn.Parameter(torch.zeros(len(symbols)))
        self.polarisability: torch.nn.Linear | None = None
        if settings.polarisable_atoms:
            self.polarisability = torch.nn.Linear(settings.channels, 1)

    def strengths(
        self,
        scalars: Sequence[torch.Tensor],
        senders: torch.Tensor,
        receivers: torch.Tensor,
        lengths: torch.Tensor,
    ) -> torch.Tensor:
        """Strengths s ≥ 0 in e²/eV of edges within the cutoff, the same both ways, shape (m,)."""
        read = [layer(h) for layer, h in zip(self.atoms, scalars, strict=True)]
        of_atoms = torch.stack(read).sum(0)
        place = lengths / self.cutoff_A
        orders = math.pi * torch.arange(1, N_RADIAL + 1, device=lengths.device)
        bessel = torch.sin(orders.to(place) * place[:, None]) / place[:, None]
        pair = of_atoms[senders] + of_atoms[receivers] + self.radial(bessel.to(of_atoms))
        raw = self.readout(torch.nn.functional.silu(pair))[:, 0]
        # falls to zero with its first two derivatives
        ending = 1.0 - place**3 * (10.0 - place * (15.0 - 6.0 * place))
        strengths: torch.Tensor = torch.nn.functional.softplus(raw).double() * ending.double()
        return self.scale_e2_per_eV * strengths

    def mobilities(self, species: torch.Tensor) -> torch.Tensor | None:
        """1/J of a conductor's atoms in e²/eV, zero elsewhere, shape (n,); None: no conductor."""
        metal = self.is_conductor[species]
        if self.hardness is None or not bool(metal.any()):
            return None
        hardness = torch.nn.functional.softplus(self.hardness[species]).double()
        return torch.where(metal, 1.0 / hardness, 0.0)

    def electronegativity_V(
        self, species: torch.Tensor, mobilities: torch.Tensor | None
    ) -> torch.Tensor | float:
        """Electronegativity χ of a structure's conductor: of its atoms, by their mobilities."""
        if mobilities is None or self.electronegativity_eV is None:
            return 0.0
        of_atoms = self.electronegativity_eV[species].double()
        return (mobilities * of_atoms).sum() / mobilities.sum()

    def lacking(self, graph: Graph, formal_charges_e: torch.Tensor) -> torch.Tensor:
        """Charges in e, shape (n,), that conductors hold as the total is not that of the formal.

        They share it as they would in a uniform potential.
        """
        mobilities = self.mobilities(graph.species)
        if mobilities is None:
            return torch.zeros_like(formal_charges_e, dtype=torch.float64)
        zeros = torch.zeros_like(graph.total_charge_e)
        formal = zeros.index_add(0, graph.batch, formal_charges_e.double())
        of_graphs = zeros.index_add(0, graph.batch, mobilities)
        share = (graph.total_charge_e - formal) / of_graphs.where(of_graphs > 0.0, torch.inf)
        return mobilities * share[graph.batch]

    def susceptibility(
        self,
        species: torch.Tensor,
        scalars: Sequence[torch.Tensor],
        edges: tuple[torch.Tensor, torch.Tensor, torch.Tensor],
    ) -> Susceptibility:
        """Susceptibility of one structure; edges are senders, receivers and strengths."""
        polarisabilities = None
        if self.polarisability is not None:
            raw = self.polarisability(scalars[-1])[:, 0]
            polarisabilities = (
                POLARISABILITY_E2_A2_PER_EV * torch.nn.functional.softplus(raw).double()
            )
        return Susceptibility(*edges, self.mobilities(species), polarisabilities)


@dataclass(frozen=True)
class Answers:
    """What the structures of a batch answered.

    Multipoles, and charges that went over edges, are those of the local model and of the answer;
    those of conductors what moved within them, or was put on them.
    """

    structures: list[LocalAnswer]
    charges: torch.Tensor
    dipoles: torch.Tensor | None
    transfers: torch.Tensor
    of_conductors: torch.Tensor


class ResponseChargeMACE(SplitChargeMACE):
    """MACE with split charges that answer."""

    with_charge: ClassVar[bool] = True

    def __init__(self, settings: ResponseChargeArchitecture, statistics: DatasetStatistics) -> None:
        super().__init__(settings, statistics)
        self.channels = settings.channels
        self.readouts_of_response = SusceptibilityReadouts(settings, statistics)
        if settings.polarisable_atoms and settings.multipole_l_max == 0:
            # dipoles that only answer need as many wave vectors as others
            self.electrostatics = MultipoleElectrostatics(
                settings.smearing_A,
                1,
                kspace_cutoff_factor=settings.kspace_cutoff_factor,
                self_interaction=True,
            )

    def forward(self, graph: Graph) -> torch.Tensor:
        """Energies in eV, shape (n_graphs,), float64."""
        return self.evaluate(graph).energies

    def evaluate(self, graph: Graph) -> Prediction:
        """Energies, charges, dipoles and Fermi levels of conductors."""
        state = self.message_passing(graph)
        found = self.respond(graph, state, follow=self.training)
        local = self.sum_atomic_energies(graph, state.node_energies)
        return Prediction(
            local + torch.stack([one.energy for one in found.structures]),
            found.charges.double(),
            dipoles_of(graph, found.charges.double(), found.dipoles),
            torch.stack([one.fermi_level_eV for one in found.structures]),
        )

    def charges_and_dipole(self, graph: Graph) -> tuple[torch.Tensor, torch.Tensor]:
        """Charges of atoms in e, and polarization in e·Å, see :meth:`polarization_of`."""
        found = self.respond(graph, self.message_passing(graph), follow=self.training)
        return found.charges, self.polarization_of(graph, found)

    def gaussian_charges(self, graph: Graph) -> GaussianCharges:
        """Charges and dipoles of one structure; atoms of its conductor have a hardness."""
        found = self.respond(graph, self.message_passing(graph), follow=self.training)
        mobilities = self.readouts_of_response.mobilities(graph.species)
        hardness = torch.full_like(found.charges.double(), torch.nan)
        if mobilities is not None:
            hardness = torch.where(mobilities > 0.0, 1.0 / mobilities, torch.nan)
        dipoles = None if found.dipoles is None else found.dipoles.double()
        shared = found.of_conductors.double()
        return GaussianCharges(
            found.charges.double(), dipoles, shared, hardness, self.electrostatics
        )

    @property
    def common_electronegativity(self) -> torch.Tensor | None:
        """Electronegativities of a conductor's elements in eV/e, or None."""
        return self.readouts_of_response.electronegativity_eV

    def respond(self, graph: Graph, state: LocalState, *, follow: bool) -> Answers:
        """Let the split charges of a batch answer."""
        local = self.multipoles(graph, state)
        lacking = self.readouts_of_response.lacking(graph, self.formal_charges_e[graph.species])
        charges = local.charges + lacking.to(local.charges)
        near, susceptibilities = self.susceptibilities(graph, state)
        sizes = torch.bincount(graph.batch, minlength=graph.n_graphs).tolist()
        parts = [None] * len(sizes) if local.dipoles is None else local.dipoles.split(sizes)
        structures = structures_of(graph, self.electrostatics)
        found = [
            answer(
                structure,
                Multipoles(*own),
                susceptibility,
                follow=follow,
                held_e=held.sum(),
                electronegativity_V=self.readouts_of_response.electronegativity_V(
                    species, susceptibility.mobilities
                ),
            )
            for structure, susceptibility, own, held, species in zip(
                structures,
                susceptibilities,
                zip(charges.split(sizes), parts, strict=True),
                lacking.split(sizes),
                graph.species.split(sizes),
                strict=True,
            )
        ]
        answered = [(s, one.potentials) for s, one in zip(susceptibilities, found, strict=True)]
        flows = torch.cat([s.flows(potentials) for s, potentials in answered])
        dipoles = [one.multipoles.dipoles for one in found]
        return Answers(
            found,
            torch.cat([one.multipoles.charges for one in found]),
            None if dipoles[0] is None else torch.cat(dipoles),  # type: ignore[arg-type]
            local.transfers.double().index_add(0, near, flows),
            lacking + torch.cat([s.of_conductor(potentials) for s, potentials in answered]),
        )

    def susceptibilities(
        self, graph: Graph, state: LocalState
    ) -> tuple[torch.Tensor, list[Susceptibility]]:
        """Places of the edges over which charge answers, and susceptibilities of structures."""
        readouts = self.readouts_of_response
        squared = graph.edge_vectors().square().sum(1)
        near = (squared.detach() < readouts.cutoff_A**2).nonzero()[:, 0]
        senders, receivers = graph.edge_index[:, near]
        scalars = [features[:, : self.channels] for features in state.features]
        strengths = readouts.strengths(scalars, senders, receivers, squared[near].sqrt())
        sizes = torch.bincount(graph.batch, minlength=graph.n_graphs).tolist()
        counts = torch.bincount(graph.batch[receivers], minlength=graph.n_graphs).tolist()
        first, found = 0, []
        by_layers = zip(*(h.split(sizes) for h in scalars), strict=True)
        edges = zip(
            senders.split(counts), receivers.split(counts), strengths.split(counts), strict=True
        )
        for size, own, own_edges, species in zip(
            sizes, by_layers, edges, graph.species.split(sizes), strict=True
        ):
            begin, end, strength = own_edges
            found.append(
                readouts.susceptibility(species, own, (begin - first, end - first, strength))
            )
            first += size
        return near, found

    def polarization_of(self, graph: Graph, found: Answers) -> torch.Tensor:
        """Polarization in e·Å, shape (g, 3), from − to +, by what went over which edge (eq. S5).

        NaN along periodic directions of a structure with a conductor, where it is not defined.
        """
        total = polarization(
            self.formal_charges_e[graph.species].double(),
            None if found.dipoles is None else found.dipoles.double(),
            found.transfers,
            graph.edge_vectors(),
            graph.positions,
            graph.batch,
            graph.batch[graph.edge_index[1]],
            graph.n_graphs,
        )
        metal = self.readouts_of_response.is_conductor[graph.species]
        if not bool(metal.any()):
            return total
        total = total.index_add(0, graph.batch, found.of_conductors[:, None] * graph.positions)
        holds = torch.zeros_like(graph.slab).index_fill(0, graph.batch[metal], True)
        return total.masked_fill(periodic_directions(graph) & holds[:, None], torch.nan)

    def check(self, atoms: Atoms) -> None:
        """Raise an ElectrostaticsError for what has no defined charges."""
        surroundings = Surroundings.of(atoms)
        check_surroundings(surroundings, torch.as_tensor(cell_of(atoms)))
        species = torch.as_tensor(species_index(atoms.numbers, self.elements))
        if bool(self.readouts_of_response.is_conductor.cpu()[species].any()):
            return
        # of the settings, as single precision adds up to more than the tolerance in large systems
        formal = math.fsum(
            self.settings.formal_charges_e[chemical_symbols[number]] for number in atoms.numbers
        )
        if abs(formal - surroundings.total_charge_e) > ROUNDING_E:
            raise ElectrostaticsError(
                f"total_charge is {surroundings.total_charge_e:g} e, but formal charges sum to "
                f"{formal:g} e, and there is no conductor to hold the rest; correct it, or "
                "formal_charges_e"
            )

    def graph_of(self, atoms: Atoms) -> Graph:
        """Graph of a structure; ValueError for one that the model cannot treat."""
        self.check(atoms)
        return super().graph_of(atoms)

    def fast_form(self, species: Sequence[int]) -> torch.nn.Module:
        """Build the fast form; its charges answer in the same way."""
        from falsemetal.potentials.fast.answering import AnsweringEvaluator

        return AnsweringEvaluator(self, species)
