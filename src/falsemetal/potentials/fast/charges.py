"""Split charges on padded neighbour rows."""

from functools import reduce

import torch
from torch import Tensor

from falsemetal.potentials.fast.equivariant import Features, Linear, couplings
from falsemetal.potentials.fast.neighbours import gather_senders
from falsemetal.potentials.fast.radial import evaluate
from falsemetal.potentials.fast.rows import Edges
from falsemetal.potentials.libraries import o3
from falsemetal.potentials.mace.split_charge import ChargeTransfer


class Transfer(torch.nn.Module):
    r"""Charge that the atoms gain in one layer, Σ_j p_ji − Σ_j p_ij (paper, eq. S4).

    A transfer is :math:`p_{ji} = \sum_{lm} R_l(r_{ij})\,(W_1 h_j + W_2 h_i)_{lm}\,Y_{lm}`, with
    readout and coupling folded into the radial functions. Turning an edge round gives its harmonics
    the sign :math:`(-1)^l`, so that for :math:`d = (W_1 - (-1)^l W_2) h` the charge is a sum over
    one's own edges, :math:`\sum_{jlm} R_l Y_{lm} (d_j - (-1)^l d_i)_{lm}`. `radial` are
    coefficients of the splines that give the product's weights; `width` is how many numbers an edge
    takes in memory.
    """

    def __init__(self, layer: ChargeTransfer, radial: Tensor) -> None:
        super().__init__()
        features = o3.Irreps(layer.sender.irreps_in)
        signs = torch.cat([torch.full((mul * ir.dim,), (-1.0) ** ir.l) for mul, ir in features])
        self.difference = Linear(
            lambda h: layer.sender(h) - signs * layer.receiver(h), features, features
        )
        readout = layer.readout(torch.eye(layer.readout.irreps_in.dim))[:, 0]
        self.signs: dict[str, float] = {}
        self.width = 0
        column = 0
        product = layer.product
        for path, coupling in zip(product.instructions, couplings(product), strict=True):
            mul, ir = product.irreps_in1[path.i_in1]
            weights = readout[product.irreps_out.slices()[path.i_out]]
            folded = radial[..., column : column + mul] * weights * coupling[0, 0, 0]
            self.register_buffer(f"radial_{ir}", folded.contiguous())
            self.signs[str(ir)] = (-1.0) ** ir.l
            column += mul
            self.width += mul * (1 + 2 * ir.dim)

    def forward(self, difference: Features, own: Features, edges: Edges) -> Tensor:
        """Charges in e that the atoms of some rows gain, from `difference` of all atoms."""
        parts = []
        for ir, sign in self.signs.items():
            radial = evaluate(getattr(self, f"radial_{ir}"), edges.places)
            senders = gather_senders(difference[ir], edges.neighbours)
            pair = senders - sign * own[ir][:, None]
            angular = edges.harmonics[ir].mT[..., None]
            parts.append((radial[:, :, None] * angular * pair).sum((1, 2, 3)))
        return reduce(Tensor.add, parts)
