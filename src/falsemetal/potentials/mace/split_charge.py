"""The long-ranged model: MACE with local split charges and atomic dipoles (paper, S1.0.2)."""

from dataclasses import dataclass

import torch
from ase import Atoms
from ase.data import chemical_symbols

from falsemetal.electrostatics.multipoles import MultipoleElectrostatics, check_slab
from falsemetal.potentials.graph import Graph, species_index
from falsemetal.potentials.libraries import MACEBlock, nn, o3
from falsemetal.potentials.mace.model import (
    DatasetStatistics,
    LocalState,
    ShortRangedMACE,
    feature_irreps,
)
from falsemetal.potentials.mace.polarization import polarization
from falsemetal.potentials.mace.settings import SplitChargeArchitecture
from falsemetal.potentials.model import module_list
from falsemetal.systems.boundary import Boundary, boundary_of

INITIAL_TRANSFER = 0.01
"""Scale of untrained transfers: the sum of dozens of random ones must stay well below e."""


@dataclass(frozen=True)
class Multipoles:
    """Charges (e) and dipoles (e·Å) of the atoms, and the transfers (e) they come from.

    Dipoles are None for a model without equivariant features; a transfer p_ji is the charge that
    edge j→i carries to its receiver i.
    """

    charges: torch.Tensor
    dipoles: torch.Tensor | None
    transfers: torch.Tensor


class ChargeTransfer(torch.nn.Module):
    """Charge carried by each edge after one layer.

    p_ji = Linear(TensorProduct(W1 h_j + W2 h_i, Y(r_ij); MLP(r_ij))), a scalar.
    """

    def __init__(
        self, features: o3.Irreps, harmonics: o3.Irreps, n_radial: int, radial_mlp: list[int]
    ) -> None:
        super().__init__()
        self.sender = o3.Linear(features, features)
        self.receiver = o3.Linear(features, features)
        paths = [
            (i, j, mul_ir.mul)
            for i, mul_ir in enumerate(features)
            for j, harmonic in enumerate(harmonics)
            if mul_ir.ir == harmonic.ir
        ]
        scalars = o3.Irreps([(mul, "0e") for _, _, mul in paths])
        instructions = [(i, j, k, "uvu", True) for k, (i, j, _) in enumerate(paths)]
        self.product = o3.TensorProduct(
            features, harmonics, scalars, instructions, shared_weights=False, internal_weights=False
        )
        # biases would let charge flow along edges at the cutoff
        self.radial = nn.FullyConnectedNet(
            [n_radial, *radial_mlp, self.product.weight_numel], torch.nn.functional.silu
        )
        self.readout = o3.Linear(scalars.simplify(), "0e")
        with torch.no_grad():
            self.readout.weight *= INITIAL_TRANSFER

    def forward(self, features: torch.Tensor, state: LocalState, graph: Graph) -> torch.Tensor:
        """Transfers p_ji of one layer in e, shape (m,)."""
        sender, receiver = graph.edge_index
        pair = self.sender(features)[sender] + self.receiver(features)[receiver]
        weights = self.radial(state.edge_radial)
        transfers: torch.Tensor = self.readout(self.product(pair, state.edge_harmonics, weights))
        return transfers[:, 0]


class SplitChargeMACE(ShortRangedMACE):
    """Local energies plus the Coulomb energy of the predicted multipoles (eqs. S1–S4).

    The sum of all charges is the sum of the formal charges by construction.
    """

    settings: SplitChargeArchitecture
    formal_charges_e: torch.Tensor

    def __init__(self, settings: SplitChargeArchitecture, statistics: DatasetStatistics) -> None:
        l_max = settings.multipole_l_max
        super().__init__(settings, statistics, keep_equivariant_features=l_max > 0)
        symbols = [chemical_symbols[z] for z in statistics.elements]
        missing = [symbol for symbol in symbols if symbol not in settings.formal_charges_e]
        if missing:
            raise ValueError(
                f"formal_charges_e lacks {', '.join(missing)}, which the dataset holds; add it"
            )
        formal = torch.tensor([settings.formal_charges_e[symbol] for symbol in symbols])
        self.register_buffer("formal_charges_e", formal.to(torch.get_default_dtype()))
        features = feature_irreps(settings, settings.l_max)
        harmonics = o3.Irreps.spherical_harmonics(settings.max_ell)
        radial_mlp = list(settings.radial_mlp)
        self.transfer_layers = module_list(
            ChargeTransfer(features, harmonics, settings.n_bessel, radial_mlp)
            for _ in range(settings.layers)
        )
        self.dipole_layers = module_list(
            o3.Linear(features, "1x1o") for _ in range(settings.layers) if l_max > 0
        )
        # The energy of the whole density, as the paper defines it. Without the Gaussians' own
        # energy a neutral molecule would gain several eV that depend on its charges: the network
        # would have to follow that constant, and the charges could hardly move in training.
        self.electrostatics = MultipoleElectrostatics(
            settings.smearing_A,
            l_max,
            kspace_cutoff_factor=settings.kspace_cutoff_factor,
            self_interaction=True,
        )

    def forward(self, graph: Graph) -> torch.Tensor:
        """Energies in eV, shape (n_graphs,), float64."""
        state = self.message_passing(graph)
        multipoles = self.multipoles(graph, state)
        local = self.sum_atomic_energies(graph, state.node_energies)
        coulomb: torch.Tensor = self.electrostatics(
            multipoles.charges,
            multipoles.dipoles,
            graph.positions,
            graph.cells,
            graph.slab,
            graph.batch,
        )
        return local + coulomb

    def charges_and_dipole(self, graph: Graph) -> tuple[torch.Tensor, torch.Tensor]:
        """Charges of atoms in e (eq. S4), and polarization of cells in e·Å (eq. S5)."""
        state = self.message_passing(graph)
        multipoles = self.multipoles(graph, state)
        dipole = polarization(
            self.formal_charges_e[graph.species].double(),
            None if multipoles.dipoles is None else multipoles.dipoles.double(),
            multipoles.transfers.double(),
            graph.edge_vectors(),
            graph.positions,
            graph.batch,
            graph.batch[graph.edge_index[1]],
            graph.n_graphs,
        )
        return multipoles.charges, dipole

    def radial_networks(self) -> list[MACEBlock]:
        """Networks of messages and of charge transfers."""
        return [*super().radial_networks(), *(layer.radial for layer in self.transfer_layers)]

    def check(self, atoms: Atoms) -> None:
        """Raise an ElectrostaticsError for a film that is charged or oblique."""
        charges = self.formal_charges_e.cpu()[species_index(atoms.numbers, self.elements)]
        is_film = boundary_of(atoms.pbc) is Boundary.FILM
        check_slab(charges, torch.as_tensor(atoms.cell.array), slab=is_film)

    def multipoles(self, graph: Graph, state: LocalState | None = None) -> Multipoles:
        """Charges and dipoles of all atoms (eq. S4)."""
        state = state or self.message_passing(graph)
        transfers = sum(
            layer(features, state, graph)
            for layer, features in zip(self.transfer_layers, state.features, strict=True)
        )
        sender, receiver = graph.edge_index
        charges = self.formal_charges_e[graph.species]
        charges = charges.index_add(0, receiver, transfers).index_add(0, sender, -transfers)
        dipoles = None
        if self.dipole_layers:
            dipoles = sum(
                layer(features)
                for layer, features in zip(self.dipole_layers, state.features, strict=True)
            )
        return Multipoles(charges, dipoles, transfers)
