"""Split charges as sums over the edges of every atom."""

import math
from collections.abc import Sequence
from dataclasses import replace

import torch
from torch import Tensor

from falsemetal.kernels import lanes
from falsemetal.potentials.fast.convolution import Convolution, Path, paths_of
from falsemetal.potentials.fast.edges import Edges
from falsemetal.potentials.fast.equivariant import Features, Linear
from falsemetal.potentials.fast.radial import TOLERANCE
from falsemetal.potentials.libraries import o3
from falsemetal.potentials.mace.split_charge import ChargeTransfer


class Transfers(torch.nn.Module):
    r"""Charge that the atoms gain in all layers, Σ_j p_ji − Σ_j p_ij (paper, eq. S4).

    A transfer is :math:`p_{ji} = \sum_{lm} R_l(r_{ij})\,(W_1 h_j + W_2 h_i)_{lm}\,Y_{lm}`, with
    readout and coupling folded into the radial functions. Turning an edge round gives its harmonics
    the sign :math:`(-1)^l`, so that for :math:`d = (W_1 - (-1)^l W_2) h` the charge is a sum over
    one's own edges, :math:`\sum_{jlm} R_l Y_{lm} (d_j - (-1)^l d_i)_{lm}`. `radial` are, by layer,
    coefficients of the splines that give the product's weights.

    As channels are summed over, of the radial functions of a layer only as many are needed as are
    linearly independent: d is mapped to the weights of their singular vectors.
    """

    def __init__(
        self, layers: Sequence[ChargeTransfer], radial: Sequence[Tensor], harmonics: Sequence[str]
    ) -> None:
        super().__init__()
        paths: dict[str, Path] = {}
        columns: dict[str, list[Tensor]] = {}
        self.differences = torch.nn.ModuleList()
        for layer, of_layer in zip(layers, radial, strict=True):
            difference = _difference(layer)
            self.differences.append(difference)
            product = layer.product
            readout = layer.readout(torch.eye(layer.readout.irreps_in.dim))[:, 0]
            of_layer_paths = paths_of(product)
            functions = of_layer.chunk(len(of_layer_paths), -1)
            outputs = [product.irreps_out.slices()[path.i_out] for path in product.instructions]
            for path, own, output in zip(of_layer_paths, functions, outputs, strict=True):
                sign = (-1.0) ** o3.Irrep(path.sender).l
                paths[path.sender] = replace(path, own=sign)
                basis, shares = _independent(own * readout[output])
                columns.setdefault(path.sender, []).append(basis)
                difference.follow(path.sender, shares)
        # all paths have as many channels, in whole vectors
        joined = [torch.cat(columns[ir], -1) for ir in paths]
        step = lanes(joined[0].dtype)
        self.channels = step * math.ceil(max(part.shape[-1] for part in joined) / step)
        splines = torch.cat([self._padded(part) for part in joined], -1)
        self.sums = Convolution(list(paths.values()), splines, harmonics)

    def forward(self, states: Sequence[Features], edges: Edges) -> Tensor:
        """Charges in e that the atoms gain, shape (n,), from the features after each layer."""
        of_layers = [layer(h) for layer, h in zip(self.differences, states, strict=True)]
        joined = {
            ir: self._padded(torch.cat([h[ir] for h in of_layers], -1)) for ir in self.sums.senders
        }
        sums: Features = self.sums(joined, edges)
        return sums["0e"].sum((1, 2))

    def _padded(self, values: Tensor) -> Tensor:
        return torch.nn.functional.pad(values, (0, self.channels - values.shape[-1]))


def _difference(layer: ChargeTransfer) -> Linear:
    """Map W₁ − (−1)^l W₂."""
    features = o3.Irreps(layer.sender.irreps_in)
    signs = torch.cat([torch.full((mul * ir.dim,), (-1.0) ** ir.l) for mul, ir in features])
    return Linear(lambda h: layer.sender(h) - signs * layer.receiver(h), features, features)


def _independent(functions: Tensor) -> tuple[Tensor, Tensor]:
    """Basis of functions (…, n), shape (…, k), and the shares in it of each, shape (n, k)."""
    flat = functions.double().flatten(0, -2)
    u, s, v = torch.linalg.svd(flat, full_matrices=False)
    rank = max(1, int((s > TOLERANCE[functions.dtype] * s[0]).sum()))
    basis = (u[:, :rank] * s[:rank]).unflatten(0, functions.shape[:-1])
    return basis.to(functions), v[:rank].T.to(functions)
