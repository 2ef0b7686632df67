"""One layer of MACE: messages, product basis and readout."""

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from falsemetal.potentials.fast.convolution import Convolution, Path, paths_of
from falsemetal.potentials.fast.edges import Edges
from falsemetal.potentials.fast.equivariant import Features, Linear
from falsemetal.potentials.fast.products import FoldedProduct
from falsemetal.potentials.libraries import MACEBlock, blocks, o3
from falsemetal.potentials.model import module_list

SCALAR = "0e"
RESIDUAL = {
    blocks.RealAgnosticInteractionBlock: False,
    blocks.RealAgnosticDensityInteractionBlock: False,
    blocks.RealAgnosticResidualInteractionBlock: True,
    blocks.RealAgnosticDensityResidualInteractionBlock: True,
}
"""Kinds of interaction that are known, and whether they keep what was before."""


def messages(interaction: MACEBlock, radial: Tensor, harmonics: Sequence[str]) -> Convolution:
    """Messages of a layer, from coefficients of the splines of its radial functions.

    NotImplementedError if irreps have channels of different numbers.
    """
    product = interaction.conv_tp
    paths = paths_of(product)
    # channels of an irrep are in the order of the product's outputs
    order = sorted(range(len(paths)), key=lambda index: product.instructions[index].i_out)
    columns = radial.unflatten(-1, (len(paths), -1))[..., order, :].flatten(-2)
    return Convolution([paths[index] for index in order], columns, harmonics)


class Layer(torch.nn.Module):
    """Interaction and product basis of MACE, for atoms that are sorted by species.

    Species, in the atoms' order, count the model's elements; `radial` and `harmonics` are as of
    :func:`messages`.
    """

    def __init__(
        self,
        interaction: MACEBlock,
        product: MACEBlock,
        *,
        species: Sequence[int],
        n_elements: int,
        radial: Tensor,
        harmonics: Sequence[str],
    ) -> None:
        super().__init__()
        self.residual = RESIDUAL[type(interaction)]
        nodes = o3.Irreps(interaction.node_feats_irreps)
        up = o3.Irreps(interaction.linear_up.irreps_out)
        self.linear_up = Linear(interaction.linear_up, nodes, up)
        self.density: Convolution | None = None
        norm = float(interaction.avg_num_neighbors)
        if hasattr(interaction, "density_fn"):
            path = Path(SCALAR, SCALAR, SCALAR, torch.ones(1, 1, 1))
            self.density = Convolution([path], radial[..., -1:], harmonics)
            norm, radial = 1.0, radial[..., :-1]
        self.messages = messages(interaction, radial, harmonics)
        self.linear = Linear(
            lambda x: interaction.linear(x) / norm,
            o3.Irreps(interaction.conv_tp.irreps_out),
            o3.Irreps(interaction.irreps_out),
        )
        target = o3.Irreps(interaction.irreps_out)
        attributes = torch.eye(n_elements)[list(species)]
        skip_in = nodes if self.residual else target
        skip_out = o3.Irreps(interaction.hidden_irreps) if self.residual else target
        self.skip = module_list(
            Linear(_with(interaction.skip_tp, attribute), skip_in, skip_out)
            for attribute in attributes
        )
        self.irreps = [str(ir) for _, ir in target]
        self.product = FoldedProduct(product.symmetric_contractions, species)
        hidden = o3.Irreps(product.linear.irreps_in)
        self.product_linear = Linear(product.linear, hidden, o3.Irreps(product.linear.irreps_out))
        self.use_skip = product.use_sc and self.residual

    def forward(self, features: Features, edges: Edges, counts: Sequence[int]) -> Features:
        """Features after the layer; `counts` are the atoms of each species."""
        found: Features = self.linear(self.messages(self.linear_up(features), edges))
        if self.density is not None:
            ones = {SCALAR: edges.t.new_ones(sum(counts), 1, 1)}
            norm = self.density(ones, edges)[SCALAR] + 1.0
            found = {ir: h / norm for ir, h in found.items()}
        if not self.residual:
            found = self._by_species(found, counts)
        products = self.product(torch.cat([found[ir] for ir in self.irreps], 1), counts)
        parts = products.split(self.product.dims, 1)
        after: Features = self.product_linear(
            dict(zip(self.product.irreps_out, parts, strict=True))
        )
        if self.use_skip:
            skipped = self._by_species(features, counts)
            after = {ir: h + skipped[ir] if ir in skipped else h for ir, h in after.items()}
        return after

    def _by_species(self, features: Features, counts: Sequence[int]) -> Features:
        parts = [
            skip({ir: h.split(counts)[index] for ir, h in features.items()})
            for index, skip in enumerate(self.skip)
        ]
        return {ir: torch.cat([part[ir] for part in parts]) for ir in parts[0]}


def _with(product: MACEBlock, attribute: Tensor) -> Callable[[Tensor], Tensor]:
    return lambda x: product(x, attribute.expand(len(x), -1))


class Readout(torch.nn.Module):
    """Atomic energy of a layer's features, shape (n,), by one of a model's heads."""

    def __init__(self, block: MACEBlock, irreps: o3.Irreps, head: int) -> None:
        super().__init__()
        self.activation: Callable[[Tensor], Tensor] | None = None
        kind, energy = type(block), o3.Irreps(SCALAR)
        if issubclass(kind, blocks.NonLinearReadoutBlock):
            hidden = o3.Irreps(block.hidden_irreps)
            # every head has its own hidden units
            n_heads = getattr(block, "num_heads", 1)
            own = torch.arange(hidden.dim) // (hidden.dim // n_heads) == head
            self.first = Linear(block.linear_1, irreps, hidden)
            self.second = Linear(lambda x: block.linear_2(x * own)[:, [head]], hidden, energy)
            self.activation = block.non_linearity.acts[0]
        elif issubclass(kind, blocks.LinearReadoutBlock):
            self.first = Linear(lambda x: block.linear(x)[:, [head]], irreps, energy)
        else:
            raise NotImplementedError(f"{kind.__name__} has no fast form")

    def forward(self, features: Features) -> Tensor:
        """Atomic energies before scale and shift, shape (n,)."""
        energy: Features = self.first({SCALAR: features[SCALAR]})
        if self.activation is not None:
            energy = self.second({SCALAR: self.activation(energy[SCALAR])})
        return energy[SCALAR][:, 0, 0]
