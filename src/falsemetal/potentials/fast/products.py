"""The product basis of MACE with its weights folded in: polynomials of the species present."""

import itertools
from collections.abc import Sequence

import torch
from torch import Tensor

from falsemetal.potentials.libraries import MACEBlock

MAX_CORRELATION = 3


class FoldedProduct(torch.nn.Module):
    r"""Symmetric contraction (Batatia et al., arXiv:2206.07697, eqs. 10 and 11) for fixed weights.

    For each species and channel the product is a polynomial of degree three in the components
    :math:`A_i` of the messages. Its coefficients are the generalised Clebsch-Gordan coefficients
    summed with the weights, once. With the pairs :math:`P_p = A_j A_k`, j ≤ k, it is evaluated as
    :math:`\sum_i A_i (F_i + \sum_p F_{ip} P_p) + \sum_p F_p P_p`. MACE's contraction is folded for
    the species present, in the order of the atoms; a correlation order above 3 raises
    NotImplementedError.
    """

    linear: Tensor
    quadratic: Tensor

    def __init__(self, contraction: MACEBlock, species: Sequence[int]) -> None:
        super().__init__()
        if max(part.correlation for part in contraction.contractions) > MAX_CORRELATION:
            raise NotImplementedError(f"products of more than {MAX_CORRELATION} messages")
        self.irreps_out = [str(ir) for _, ir in contraction.irreps_out]
        self.dims = [ir.dim for _, ir in contraction.irreps_out]
        folded = [_fold(part, list(species)) for part in contraction.contractions]
        linear, quadratic = (torch.cat(parts, dim=-1) for parts in zip(*folded, strict=True))
        # (species, channels, pairs, outputs × (1 + components)) and (…, outputs × (1 + components))
        self.register_buffer("linear", linear)
        self.register_buffer("quadratic", quadratic)
        self.n_outputs = sum(self.dims)

    def forward(self, messages: Sequence[Tensor]) -> list[Tensor]:
        """Products of the atoms of each species, shape (channels, atoms, outputs).

        Messages are by species, too: shape (components, channels, atoms).
        """
        return [
            self._product(part, self.linear[index], self.quadratic[index])
            for index, part in enumerate(messages)
        ]

    def _product(self, messages: Tensor, linear: Tensor, quadratic: Tensor) -> Tensor:
        n = len(messages)
        pairs = torch.cat([messages[i : i + 1] * messages[i:] for i in range(n)])
        inner = torch.baddbmm(linear[:, None], pairs.permute(1, 2, 0), quadratic)
        inner = inner.view(*inner.shape[:2], self.n_outputs, n + 1)
        components = messages.permute(1, 2, 0)
        return (inner[..., :n] * components[:, :, None]).sum(-1) + inner[..., n]


def _fold(part: MACEBlock, species: list[int]) -> tuple[Tensor, Tensor]:
    """Coefficients of one output irrep, as `FoldedProduct.linear` and `quadratic`."""
    n = part.U_tensors(1).shape[-2]
    tensors = {order: _weighted(part, order, species) for order in range(1, part.correlation + 1)}
    first = tensors[1]
    zeros = first.new_zeros
    second = tensors.get(2, zeros(*first.shape, n))
    third = tensors.get(3, zeros(*first.shape, n, n))
    pairs = list(itertools.combinations_with_replacement(range(n), 2))
    i, j = torch.tensor(pairs).T
    once = (i == j).to(first)
    quadratic = second[..., i, j] + (1.0 - once) * second[..., j, i]
    cubic = third[..., i, j] + (1.0 - once) * third[..., j, i]
    # (species, channels, outputs, components + 1, pairs) → (species, channels, pairs, …)
    both = torch.cat([cubic, quadratic[..., None, :]], dim=-2)
    linear = torch.cat([first, zeros(*first.shape[:-1], 1)], dim=-1)
    return linear.flatten(2), both.flatten(2, 3).mT.contiguous()


def _weighted(part: MACEBlock, order: int, species: list[int]) -> Tensor:
    """Coefficients of one order, shape (species, channels, outputs, components, …)."""
    u = part.U_tensors(order)
    if u.dim() == order + 1:  # a scalar output has no axis of its own
        u = u[None]
    highest = order == part.correlation
    weights = part.weights_max if highest else part.weights[part.correlation - 1 - order]
    return torch.einsum("...k,ekc->ec...", u, weights[species])
