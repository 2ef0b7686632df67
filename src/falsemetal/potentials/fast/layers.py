"""One layer of MACE on padded neighbour rows: convolution, product basis and readout."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import cast

import torch
from torch import Tensor

from falsemetal.potentials.fast.equivariant import Features, Linear, couplings
from falsemetal.potentials.fast.neighbours import gather_senders
from falsemetal.potentials.fast.products import FoldedProduct
from falsemetal.potentials.fast.radial import evaluate
from falsemetal.potentials.fast.rows import Edges, Rows
from falsemetal.potentials.libraries import MACEBlock, blocks, o3
from falsemetal.potentials.model import module_list

SCALAR = "0e"


@dataclass(frozen=True)
class Path:
    """One path of the convolution: irreps of the sender, the harmonic and the message."""

    sender: str
    harmonic: str
    message: str


class Convolution(torch.nn.Module):
    """Messages Σ_j R(r_ij) h_j ⊗ Y(r_ij), summed over the slots of each row by matrix products.

    `radial` are coefficients of the splines that give the weights of the tensor product of MACE's
    `InteractionBlock`; `width` is how many numbers an edge takes in memory.
    """

    def __init__(self, interaction: MACEBlock, radial: Tensor) -> None:
        super().__init__()
        product = interaction.conv_tp
        self.paths: list[Path] = []
        self.width = 0
        column = 0
        for index, (path, coupling) in enumerate(
            zip(product.instructions, couplings(product), strict=True)
        ):
            mul, sender = product.irreps_in1[path.i_in1]
            harmonic = product.irreps_in2[path.i_in2].ir
            message = product.irreps_out[path.i_out].ir
            self.paths.append(Path(str(sender), str(harmonic), str(message)))
            self.register_buffer(f"coupling_{index}", coupling)
            columns = radial[..., column : column + mul].contiguous()
            self.register_buffer(f"radial_{index}", columns)
            column += mul
            self.width += mul * (1 + sender.dim)
        outputs = [path.i_out for path in product.instructions]
        self.order = sorted(range(len(outputs)), key=outputs.__getitem__)
        norm = float(interaction.avg_num_neighbors)
        self.linear = Linear(
            lambda x: interaction.linear(x) / norm,
            o3.Irreps(product.irreps_out),
            o3.Irreps(interaction.irreps_out),
        )

    def forward(self, features: Features, own: Features, edges: Edges) -> Features:
        """Messages by irrep to the atoms of some rows, from the features of all atoms."""
        del own
        senders = {ir: gather_senders(h, edges.neighbours) for ir, h in features.items()}
        messages: dict[str, list[Tensor]] = {}
        for index in self.order:
            path, coupling = self.paths[index], getattr(self, f"coupling_{index}")
            radial = evaluate(getattr(self, f"radial_{index}"), edges.places)
            harmonic, sender = edges.harmonics[path.harmonic], senders[path.sender]
            # (n, 2l₃+1, slots × (2l₁+1)) times (n, slots × (2l₁+1), channels)
            angular = torch.einsum("nbs,abc->ncsa", harmonic, coupling).flatten(2)
            values = (radial[:, :, None] * sender).flatten(1, 2)
            messages.setdefault(path.message, []).append(torch.bmm(angular, values))
        joined = {ir: torch.cat(parts, dim=-1) for ir, parts in messages.items()}
        return cast(Features, self.linear(joined))


class Layer(torch.nn.Module):
    """Interaction and product basis of MACE, for atoms that are sorted by species.

    Species, in the atoms' order, count the model's elements; `radial` are coefficients of the
    splines of this layer's radial functions.
    """

    def __init__(
        self,
        interaction: MACEBlock,
        product: MACEBlock,
        *,
        species: Sequence[int],
        n_elements: int,
        radial: Tensor,
    ) -> None:
        super().__init__()
        kind = type(interaction)
        self.residual = kind is blocks.RealAgnosticResidualInteractionBlock
        if not self.residual and kind is not blocks.RealAgnosticInteractionBlock:
            raise NotImplementedError(f"{kind.__name__} has no fast form")
        nodes = o3.Irreps(interaction.node_feats_irreps)
        up = o3.Irreps(interaction.linear_up.irreps_out)
        self.linear_up = Linear(interaction.linear_up, nodes, up)
        self.convolution = Convolution(interaction, radial)
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

    def forward(self, features: Features, rows: Rows, counts: Sequence[int]) -> Features:
        """Features after the layer; `counts` are the atoms of each species."""
        messages = rows(self.convolution, self.linear_up(features))
        if not self.residual:
            messages = self._by_species(messages, counts)
        joined = torch.cat([messages[ir] for ir in self.irreps], dim=1)
        parts = [part.permute(1, 2, 0) for part in joined.split(counts)]
        # (channels, n, outputs) → (n, outputs, channels)
        products = torch.cat([part.permute(1, 2, 0) for part in self.product(parts)])
        dims = self.product.dims
        after: Features = self.product_linear(
            dict(zip(self.product.irreps_out, products.split(dims, dim=1), strict=True))
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
    """Atomic energy of a layer's features, shape (n,)."""

    def __init__(self, block: MACEBlock, irreps: o3.Irreps) -> None:
        super().__init__()
        self.activation: Callable[[Tensor], Tensor] | None = None
        kind = type(block)
        if issubclass(kind, blocks.NonLinearReadoutBlock):
            hidden = o3.Irreps(block.hidden_irreps)
            self.first = Linear(block.linear_1, irreps, hidden)
            self.second = Linear(block.linear_2, hidden, o3.Irreps(block.linear_2.irreps_out))
            self.activation = block.non_linearity.acts[0]
        elif issubclass(kind, blocks.LinearReadoutBlock):
            self.first = Linear(block.linear, irreps, o3.Irreps(block.linear.irreps_out))
        else:
            raise NotImplementedError(f"{kind.__name__} has no fast form")

    def forward(self, features: Features) -> Tensor:
        """Atomic energies before scale and shift, shape (n,)."""
        energy: Features = self.first({SCALAR: features[SCALAR]})
        if self.activation is not None:
            energy = self.second({SCALAR: self.activation(energy[SCALAR])})
        return energy[SCALAR][:, 0, 0]
