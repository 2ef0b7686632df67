"""Energy of one structure by a model of this project, in the fast form."""

import copy
import itertools
from collections.abc import Sequence
from typing import cast

import torch
from torch import Tensor

from falsemetal.electrostatics.coulomb import coulomb_energy
from falsemetal.electrostatics.multipoles import MultipoleElectrostatics
from falsemetal.potentials.fast.charges import Transfers
from falsemetal.potentials.fast.edges import Edges, Geometry
from falsemetal.potentials.fast.equivariant import Features, Linear, SphericalHarmonics
from falsemetal.potentials.fast.layers import RESIDUAL, SCALAR, Layer, Readout
from falsemetal.potentials.fast.neighbours import Neighbours, kinds_of_atoms
from falsemetal.potentials.fast.radial import Knots, fit_splines
from falsemetal.potentials.libraries import MACEBlock, o3
from falsemetal.potentials.mace.model import ShortRangedMACE
from falsemetal.potentials.mace.pretrained import PretrainedMACE
from falsemetal.potentials.mace.split_charge import SplitChargeMACE
from falsemetal.potentials.model import module_list


class Evaluator(torch.nn.Module):
    """A model in the fast form, for some species, ascending, by which the atoms are sorted.

    A block of the model that has no fast form raises NotImplementedError.
    """

    embedding: Tensor
    atomic_energies_eV: Tensor
    formal_charges_e: Tensor

    def __init__(self, model: ShortRangedMACE | PretrainedMACE, species: Sequence[int]) -> None:
        super().__init__()
        mace = model.mace
        _check_supported(mace)
        dtype = next(model.parameters()).dtype
        n_elements = len(model.elements)
        harmonics = SphericalHarmonics(mace.spherical_harmonics)
        embedding = mace.node_embedding(torch.eye(n_elements, dtype=dtype)[list(species)])
        self.register_buffer("embedding", embedding[:, None])
        knots, tables, radial = _radial_splines(model, species, dtype)
        self.geometry = Geometry(harmonics, knots, tables, dtype)
        self.repulsion: Repulsion | None = None
        if hasattr(mace, "pair_repulsion"):
            self.repulsion = Repulsion(mace, knots, species)
        self.layers = module_list(
            Layer(
                interaction,
                product,
                species=species,
                n_elements=n_elements,
                radial=radial[index],
                harmonics=harmonics.irreps,
            )
            for index, (interaction, product) in enumerate(
                zip(mace.interactions, mace.products, strict=True)
            )
        )
        irreps = [o3.Irreps(product.linear.irreps_out) for product in mace.products]
        head = model.head if isinstance(model, PretrainedMACE) else 0
        # there may be one of the last layer alone
        self.readouts = module_list(
            Readout(readout, of_layer, head)
            for readout, of_layer in zip(mace.readouts, irreps[-len(mace.readouts) :], strict=True)
        )
        self.scale, self.shift = (
            float(torch.atleast_1d(values)[head])
            for values in (mace.scale_shift.scale, mace.scale_shift.shift)
        )
        self.register_buffer("atomic_energies_eV", model.atomic_energies_eV[list(species)])
        self.electrostatics: MultipoleElectrostatics | None = None
        if isinstance(model, SplitChargeMACE):
            self.electrostatics = model.electrostatics
            self.register_buffer("formal_charges_e", model.formal_charges_e[list(species)])
            columns = radial[len(self.layers) :]
            self.transfers = Transfers(model.transfer_layers, columns, harmonics.irreps)
            dipole = o3.Irreps("1x1o")
            self.dipoles = module_list(
                Linear(layer, of_layer, dipole)
                for layer, of_layer in zip(model.dipole_layers, irreps, strict=False)
            )

    def forward(
        self,
        positions: Tensor,
        neighbours: Neighbours,
        cell: Tensor,
        counts: Sequence[int],
        *,
        slab: bool,
    ) -> Tensor:
        """Energy in eV, float64, once differentiable.

        Positions, shape (n, 3), Å, float64, are unwrapped and sorted by species, of each of which
        there are so many; neighbours reach up to the model's cutoff, or farther; row i of the cell
        is the i-th lattice vector in Å. A slab is periodic in x and y only.
        """
        energy, states, edges = self.local(positions, neighbours, counts)
        if self.electrostatics is None:
            return energy
        return energy + coulomb_energy(
            self.electrostatics,
            *self.multipoles(states, edges, counts),
            positions,
            cell,
            slab=slab,
            compiled=self.geometry.kernel is not None,
        )

    def multipoles(
        self, states: Sequence[Features], edges: Edges, counts: Sequence[int]
    ) -> tuple[Tensor, Tensor | None]:
        """Split charges in e, shape (n,), and dipoles in e·Å, shape (n, 3), if there are any."""
        kinds = kinds_of_atoms(counts, edges.senders.device)
        charges = self.formal_charges_e[kinds] + self.transfers(states, edges)
        if not self.dipoles:
            return charges, None
        parts = (layer(h)["1o"][..., 0] for layer, h in zip(self.dipoles, states, strict=True))
        return charges, cast(Tensor, sum(parts))

    def local(
        self, positions: Tensor, neighbours: Neighbours, counts: Sequence[int]
    ) -> tuple[Tensor, list[Features], Edges]:
        """Sum of the atomic energies in eV, features after each layer, edges."""
        edges = self.geometry(positions, neighbours, counts)
        kinds = kinds_of_atoms(counts, positions.device)
        features: Features = {SCALAR: self.embedding[kinds]}
        states: list[Features] = []
        for layer in self.layers:
            states.append(layer(states[-1] if states else features, edges, counts))
        read = zip(self.readouts, states[-len(self.readouts) :], strict=True)
        atomic = cast(Tensor, sum(readout(state) for readout, state in read))
        if self.repulsion is not None:
            atomic = atomic + self.repulsion(edges, counts)
        energy = (self.scale * atomic + self.shift).double().sum()
        for count, energy_eV in zip(counts, self.atomic_energies_eV, strict=True):
            energy = energy + count * energy_eV
        return energy, states, edges


def _check_supported(mace: MACEBlock) -> None:
    """Refuse what the fast form does not know; blocks are checked where they are read."""
    extras = {
        "an embedding of more than elements": hasattr(mace, "joint_embedding"),
        "no scale and shift": not hasattr(mace, "scale_shift"),
    }
    extras |= {type(block).__name__: type(block) not in RESIDUAL for block in mace.interactions}
    found = [name for name, present in extras.items() if present]
    if found:
        raise NotImplementedError(f"{', '.join(found)}: no fast form")


def _radial_splines(
    model: ShortRangedMACE | PretrainedMACE, species: Sequence[int], dtype: torch.dtype
) -> tuple[Knots, Tensor, list[Tensor]]:
    """Knots and splines of all radial networks: of the layers, then of the charge transfers.

    One table follows the other, by pair of species if lengths are transformed by their radii; which
    is whose is told by indices, shape (species of the receiver, of the sender).
    """
    double = copy.deepcopy(model).double()
    mace = double.mace
    n = len(species)
    attributes = torch.eye(len(model.elements), dtype=torch.float64)[list(species)]
    transfers = list(double.transfer_layers) if isinstance(double, SplitChargeMACE) else []
    widths = [
        interaction.conv_tp.weight_numel + hasattr(interaction, "density_fn")
        for interaction in mace.interactions
    ]
    widths += [layer.product.weight_numel for layer in transfers]
    by_pair = hasattr(mace.radial_embedding, "distance_transform")
    pairs = [(0, 0)]
    tables = torch.zeros(n, n, dtype=torch.int64)
    if by_pair:
        pairs = list(itertools.combinations_with_replacement(range(n), 2))
        for index, (i, j) in enumerate(pairs):
            tables[i, j] = tables[j, i] = index

    def functions(lengths: Tensor) -> Tensor:
        return torch.cat([of_pair(lengths, *pair) for pair in pairs], 1)

    def of_pair(lengths: Tensor, receiver: int, sender: int) -> Tensor:
        edges = torch.tensor([[sender], [receiver]]).expand(2, len(lengths))
        radial, envelope = mace.radial_embedding(
            lengths[:, None], attributes, edges, mace.atomic_numbers
        )
        found = []
        for interaction in mace.interactions:
            found.append(interaction.conv_tp_weights(radial))
            if hasattr(interaction, "density_fn"):
                found.append(torch.tanh(interaction.density_fn(radial) ** 2))
        weights = torch.cat(found, 1)
        weights = weights if envelope is None else weights * envelope
        return torch.cat([weights, *(layer.radial(radial) for layer in transfers)], 1)

    knots, coefficients = fit_splines(functions, model.r_cut_A, dtype)
    joined = torch.cat(coefficients.chunk(len(pairs), -1))
    return knots, tables, list(joined.split(widths, -1))


class Repulsion(torch.nn.Module):
    """MACE's repulsion of pairs at short distances, by mace-torch itself."""

    attributes: Tensor
    numbers: Tensor

    def __init__(self, mace: MACEBlock, knots: Knots, species: Sequence[int]) -> None:
        super().__init__()
        self.function, self.knots = mace.pair_repulsion_fn, knots
        self.register_buffer("numbers", mace.atomic_numbers[list(species)])
        self.register_buffer("attributes", torch.eye(len(species)))
        self.reach_A = 2.0 * float(self.function.covalent_radii[self.numbers].max())

    def forward(self, edges: Edges, counts: Sequence[int]) -> Tensor:
        """Energies of the atoms before scale and shift, shape (n,)."""
        receivers, places = edges.flat()
        lengths = self.knots.lengths(edges.interval[places], edges.t[places])
        near = (lengths.detach() < self.reach_A).nonzero()[:, 0]
        index = torch.stack([edges.senders[places], receivers])[:, near]
        attributes = self.attributes[kinds_of_atoms(counts, index.device)]
        energies: Tensor = self.function(lengths[near][:, None], attributes, index, self.numbers)
        return energies
