"""Energy of one structure by a model of this project, in the fast form."""

import copy
from collections.abc import Callable, Sequence
from typing import Any, cast

import torch
from torch import Tensor

from falsemetal.electrostatics.coulomb import coulomb_energy
from falsemetal.electrostatics.multipoles import MultipoleElectrostatics
from falsemetal.potentials.fast.charges import Transfer
from falsemetal.potentials.fast.equivariant import Features, Linear, SphericalHarmonics
from falsemetal.potentials.fast.layers import SCALAR, Convolution, Layer, Readout
from falsemetal.potentials.fast.neighbours import Neighbours, edge_vectors
from falsemetal.potentials.fast.radial import Knots, fit_splines
from falsemetal.potentials.fast.rows import ChunkedRows, Edges, Rows, chunk_size
from falsemetal.potentials.libraries import MACEBlock, o3
from falsemetal.potentials.mace.model import ShortRangedMACE
from falsemetal.potentials.mace.pretrained import PretrainedMACE
from falsemetal.potentials.mace.split_charge import SplitChargeMACE
from falsemetal.potentials.model import module_list


class Evaluator(torch.nn.Module):
    """A model in the fast form, for some species, ascending, by which the atoms are sorted.

    A block of the model that has no fast form raises NotImplementedError. Compiled work on chunks
    of rows is kept in `compiled_chunks`; None to run it as it is.
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
        self.dtype = dtype
        self.compiled_chunks: dict[Any, Callable[..., Any]] | None = None
        self.harmonics = SphericalHarmonics(mace.spherical_harmonics)
        embedding = mace.node_embedding(torch.eye(n_elements, dtype=dtype)[list(species)])
        self.register_buffer("embedding", embedding[:, None])
        self.knots, radial = _radial_splines(model, dtype)
        self.layers = module_list(
            Layer(
                interaction, product, species=species, n_elements=n_elements, radial=radial[index]
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
            self.transfers = module_list(
                Transfer(layer, columns)
                for layer, columns in zip(
                    model.transfer_layers, radial[len(self.layers) :], strict=True
                )
            )
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
        slab: bool | Tensor,
    ) -> Tensor:
        """Energy in eV, float64, once differentiable.

        Positions, shape (n, 3), Å, float64, are unwrapped and sorted by species, of each of which
        there are so many; neighbours reach up to the model's cutoff, or farther; row i of the cell
        is the i-th lattice vector in Å. A slab is periodic in x and y only; told by a tensor, what
        is compiled serves bulk too.
        """
        rows = self._rows(positions, neighbours)
        kinds = zip(self.embedding, counts, strict=True)
        features: Features = {SCALAR: torch.cat([h.expand(n, 1, -1) for h, n in kinds])}
        atomic: Tensor | float = 0.0
        states = []
        for layer, readout in zip(self.layers, self.readouts, strict=True):
            features = layer(features, rows, counts)
            states.append(features)
            atomic = atomic + readout(features)
        energy = cast(Tensor, self.scale * atomic + self.shift).double().sum()
        for count, energy_eV in zip(counts, self.atomic_energies_eV, strict=True):
            energy = energy + count * energy_eV
        if self.electrostatics is None:
            return energy
        formal = zip(self.formal_charges_e, counts, strict=True)
        charges = torch.cat([charge.expand(n) for charge, n in formal]) + sum(
            rows(layer, layer.difference(state))
            for layer, state in zip(self.transfers, states, strict=True)
        )
        dipoles = None
        if self.dipoles:
            parts = (layer(h)["1o"][..., 0] for layer, h in zip(self.dipoles, states, strict=True))
            dipoles = cast(Tensor, sum(parts))
        return energy + coulomb_energy(
            self.electrostatics, charges, dipoles, positions, cell, slab=slab
        )

    def chunk_size(self, n_atoms: int, slots: int) -> int | None:
        """Rows worked on at once, or None for all rows."""
        works: list[Convolution | Transfer] = [layer.convolution for layer in self.layers]
        works += list(self.transfers) if self.electrostatics is not None else []
        width = sum(work.width for work in works)
        return chunk_size(n_atoms, slots, width, self.dtype.itemsize)

    def compile_parts(self, n_atoms: int, slots: int) -> bool:
        """Compile work on chunks of rows, if there are any; tells whether it has."""
        chunked = self.chunk_size(n_atoms, slots) is not None
        if chunked and self.compiled_chunks is None:
            self.compiled_chunks = {}
        return chunked

    def _rows(self, positions: Tensor, neighbours: Neighbours) -> Rows:
        size = self.chunk_size(*neighbours.senders.shape)
        if size is None:
            return Rows(self._geometry, positions, neighbours)
        return ChunkedRows(
            self._geometry, positions, neighbours, size=size, compiled=self.compiled_chunks
        )

    def _geometry(self, positions: Tensor, neighbours: Neighbours, receivers: Tensor) -> Edges:
        vectors = edge_vectors(positions, neighbours, receivers)
        lengths = vectors.square().sum(-1).sqrt()
        units = (vectors / lengths[..., None]).to(self.dtype)
        return Edges(neighbours, self.harmonics(units), self.knots.places(lengths))


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
