"""Energy of one structure by a model of this project, in the fast form."""

import copy
from collections.abc import Sequence
from typing import cast

import torch
from torch import Tensor

from falsemetal.electrostatics.coulomb import coulomb_energy
from falsemetal.electrostatics.multipoles import MultipoleElectrostatics
from falsemetal.potentials.fast.charges import Transfers
from falsemetal.potentials.fast.edges import Geometry
from falsemetal.potentials.fast.equivariant import Features, Linear, SphericalHarmonics
from falsemetal.potentials.fast.layers import SCALAR, Layer, Readout
from falsemetal.potentials.fast.neighbours import Neighbours
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
        knots, radial = _radial_splines(model, dtype)
        tables = torch.zeros(len(species), len(species), dtype=torch.int64)
        self.geometry = Geometry(harmonics, knots, tables, dtype)
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
        self.readouts = module_list(
            Readout(readout, of_layer)
            for readout, of_layer in zip(mace.readouts, irreps, strict=True)
        )
        self.scale = float(mace.scale_shift.scale)
        self.shift = float(mace.scale_shift.shift)
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
        edges = self.geometry(positions, neighbours, counts)
        kinds = zip(self.embedding, counts, strict=True)
        features: Features = {SCALAR: torch.cat([h.expand(n, 1, -1) for h, n in kinds])}
        atomic: Tensor | float = 0.0
        states = []
        for layer, readout in zip(self.layers, self.readouts, strict=True):
            features = layer(features, edges, counts)
            states.append(features)
            atomic = atomic + readout(features)
        energy = cast(Tensor, self.scale * atomic + self.shift).double().sum()
        for count, energy_eV in zip(counts, self.atomic_energies_eV, strict=True):
            energy = energy + count * energy_eV
        if self.electrostatics is None:
            return energy
        formal = zip(self.formal_charges_e, counts, strict=True)
        charges = torch.cat([charge.expand(n) for charge, n in formal])
        charges = charges + self.transfers(states, edges)
        dipoles = None
        if self.dipoles:
            parts = (layer(h)["1o"][..., 0] for layer, h in zip(self.dipoles, states, strict=True))
            dipoles = cast(Tensor, sum(parts))
        return energy + coulomb_energy(
            self.electrostatics, charges, dipoles, positions, cell, slab=slab
        )


def _check_supported(mace: MACEBlock) -> None:
    """Refuse what the fast form does not know; blocks are checked where they are read."""
    extras = {
        "several heads": len(getattr(mace, "heads", [None])) > 1,
        "pair repulsion": hasattr(mace, "pair_repulsion"),
        "a distance transform": hasattr(mace.radial_embedding, "distance_transform"),
        "an embedding of more than elements": hasattr(mace, "joint_embedding"),
        "a readout of the last layer alone": len(mace.readouts) != len(mace.interactions),
        "no scale and shift": not hasattr(mace, "scale_shift"),
    }
    found = [name for name, present in extras.items() if present]
    if found:
        raise NotImplementedError(f"{', '.join(found)}: no fast form")


def _radial_splines(
    model: ShortRangedMACE | PretrainedMACE, dtype: torch.dtype
) -> tuple[Knots, list[Tensor]]:
    """Splines of all radial networks: of the convolutions, then of the charge transfers."""
    double = copy.deepcopy(model).double()
    mace = double.mace
    anything = torch.ones(1, len(model.elements), dtype=torch.float64)
    widths = [interaction.conv_tp.weight_numel for interaction in mace.interactions]
    transfers = list(double.transfer_layers) if isinstance(double, SplitChargeMACE) else []
    widths += [layer.product.weight_numel for layer in transfers]

    def functions(lengths: Tensor) -> Tensor:
        edges = torch.zeros(2, len(lengths), dtype=torch.int64)
        radial, envelope = mace.radial_embedding(
            lengths[:, None], anything, edges, mace.atomic_numbers
        )
        weights = torch.cat([block.conv_tp_weights(radial) for block in mace.interactions], 1)
        weights = weights if envelope is None else weights * envelope
        return torch.cat([weights, *(layer.radial(radial) for layer in transfers)], 1)

    knots, coefficients = fit_splines(functions, model.r_cut_A, dtype)
    return knots, list(coefficients.split(widths, -1))
