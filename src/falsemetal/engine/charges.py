"""Split charges and atomic dipoles on padded neighbour rows."""

import torch
from e3nn import o3
from torch import Tensor

from falsemetal.engine.equivariant import Features, Linear, couplings
from falsemetal.engine.layers import Edges
from falsemetal.engine.neighbours import Neighbours, gather_senders, sum_outgoing
from falsemetal.engine.radial import evaluate
from falsemetal.models.split_charge import ChargeTransfer


class Transfer(torch.nn.Module):
    """Charge carried by each edge after one layer (paper, eq. S4).

    The readout's weights and the coupling of features with harmonics are folded into the radial
    functions: p_ji = Σ_l Σ_mc R_lc(r) (W1 h_j + W2 h_i)_mc Y_lm.

    Parameters
    ----------
    layer
        Module of the plain model.
    radial
        Coefficients of the splines that give the product's weights.
    """

    def __init__(self, layer: ChargeTransfer, radial: Tensor) -> None:
        super().__init__()
        features = o3.Irreps(layer.sender.irreps_in)
        self.sender = Linear(layer.sender, features, features)
        self.receiver = Linear(layer.receiver, features, features)
        readout = layer.readout(torch.eye(layer.readout.irreps_in.dim))[:, 0]
        self.irreps: list[str] = []
        column = 0
        for path, coupling in zip(
            layer.product.instructions, couplings(layer.product), strict=True
        ):
            mul, ir = layer.product.irreps_in1[path.i_in1]
            weights = readout[layer.product.irreps_out.slices()[path.i_out]]
            folded = radial[..., column : column + mul] * weights * coupling[0, 0, 0]
            self.register_buffer(f"radial_{len(self.irreps)}", folded.contiguous())
            self.irreps.append(str(ir))
            column += mul

    def forward(self, features: Features, edges: Edges) -> Tensor:
        """Transfers p_ji in e, shape (n, slots)."""
        sent, received = self.sender(features), self.receiver(features)
        total = None
        for index, ir in enumerate(self.irreps):
            radial = evaluate(getattr(self, f"radial_{index}"), edges.places)
            pair = gather_senders(sent[ir], edges.neighbours) + received[ir][:, None]
            part = ((pair * radial[:, :, None]).sum(-1) * edges.harmonics[ir].mT).sum(-1)
            total = part if total is None else total + part
        return total


def charges_from(transfers: Tensor, formal_charges: Tensor, neighbours: Neighbours) -> Tensor:
    """q_i = q_i^formal + Σ_j p_ji − Σ_j p_ij in e, shape (n,)."""
    return formal_charges + transfers.sum(1) - sum_outgoing(transfers, neighbours)
