"""Split charges as sums over the edges of every atom."""

from collections.abc import Sequence

import torch
from torch import Tensor

from falsemetal.potentials.fast.convolution import Convolution, Path
from falsemetal.potentials.fast.edges import Edges
from falsemetal.potentials.fast.equivariant import Features, Linear, couplings
from falsemetal.potentials.libraries import o3
from falsemetal.potentials.mace.split_charge import ChargeTransfer


class Transfer(torch.nn.Module):
    r"""Charge that the atoms gain in one layer, Σ_j p_ji − Σ_j p_ij (paper, eq. S4).

    A transfer is :math:`p_{ji} = \sum_{lm} R_l(r_{ij})\,(W_1 h_j + W_2 h_i)_{lm}\,Y_{lm}`, with
    readout and coupling folded into the radial functions. Turning an edge round gives its harmonics
    the sign :math:`(-1)^l`, so that for :math:`d = (W_1 - (-1)^l W_2) h` the charge is a sum over
    one's own edges, :math:`\sum_{jlm} R_l Y_{lm} (d_j - (-1)^l d_i)_{lm}`. `radial` are
    coefficients of the splines that give the product's weights.
    """

    def __init__(self, layer: ChargeTransfer, radial: Tensor, harmonics: Sequence[str]) -> None:
        super().__init__()
        features = o3.Irreps(layer.sender.irreps_in)
        signs = torch.cat([torch.full((mul * ir.dim,), (-1.0) ** ir.l) for mul, ir in features])
        self.difference = Linear(
            lambda h: layer.sender(h) - signs * layer.receiver(h), features, features
        )
        product = layer.product
        readout = layer.readout(torch.eye(layer.readout.irreps_in.dim))[:, 0]
        weights = [
            readout[product.irreps_out.slices()[path.i_out]] for path in product.instructions
        ]
        irreps = [product.irreps_in1[path.i_in1].ir for path in product.instructions]
        paths = [
            Path(str(ir), str(ir), "0e", coupling, own=(-1.0) ** ir.l)
            for ir, coupling in zip(irreps, couplings(product), strict=True)
        ]
        self.sums = Convolution(paths, radial * torch.cat(weights), harmonics)

    def forward(self, features: Features, edges: Edges) -> Tensor:
        """Charges in e that the atoms gain, shape (n,)."""
        sums: Features = self.sums(self.difference(features), edges)
        return sums["0e"].sum((1, 2))
