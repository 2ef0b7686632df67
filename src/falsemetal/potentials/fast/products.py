"""The product basis of MACE with its weights folded in: polynomials of the species present."""

import itertools
from collections.abc import Sequence

import torch
from torch import Tensor

from falsemetal.kernels import Kernel, Value, beside, build, lanes, with_gradient
from falsemetal.potentials.libraries import MACEBlock

SOURCE = beside(__file__, "products.cpp")

MAX_CORRELATION = 3

LEAST = {torch.float32: 1e-6, torch.float64: 1e-12}
"""Coefficients below that of the largest are zero, as selection rules make most of them."""


class FoldedProduct(torch.nn.Module):
    r"""Symmetric contraction (Batatia et al., arXiv:2206.07697, eqs. 10 and 11) for fixed weights.

    For each species and channel the product is a polynomial of degree three in the components
    :math:`A_i` of the messages. Its coefficients are the generalised Clebsch-Gordan coefficients
    summed with the weights, once. With the pairs :math:`P_p = A_j A_k`, j ≤ k, it is
    :math:`\sum_i A_i (F_i + \sum_p F_{ip} P_p) + \sum_p F_p P_p`. MACE's contraction is folded for
    the species present, in the order of the atoms; a correlation order above 3 raises
    NotImplementedError.

    The kernel, with :math:`A_N = 1`, knows the monomials :math:`A_i P_p`, i ≤ j, that occur.
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
        self.n_components = linear.shape[-1] // self.n_outputs - 1
        self.kernel: Kernel | None = None

    def write_kernel(self) -> None:
        """Compile the kernel, if there is a compiler."""
        monomials, weights = self._monomials()
        pairs = sorted({(j, k) for of_output in monomials for _, j, k in of_output})
        of_output, alone, of_alone, pair = [0], [], [0], []
        for monomials_of_output in monomials:
            for i, group in itertools.groupby(monomials_of_output, key=lambda m: m[0]):
                alone.append(i)
                pair += [pairs.index((j, k)) for _, j, k in group]
                of_alone.append(len(pair))
            of_output.append(len(alone))
        n_species, n_channels, _ = weights.shape
        values: dict[str, Value] = {
            "CHANNELS": n_channels,
            "COMPONENTS": self.n_components,
            "OUTPUTS": self.n_outputs,
            "PAIRS": len(pairs),
            "FIRST": [j for j, _ in pairs],
            "SECOND": [k for _, k in pairs],
            "OF_OUTPUT": of_output,
            "ALONE": alone,
            "OF_ALONE": of_alone,
            "PAIR": pair,
        }
        self.kernel = build(SOURCE, weights.dtype, values, width=n_channels)
        # of each vector of channels all monomials
        width = lanes(weights.dtype, n_channels)
        blocks = weights.view(n_species, n_channels // width, width, -1).transpose(2, 3)
        self.weights = blocks.contiguous()

    def _monomials(self) -> tuple[list[list[tuple[int, ...]]], Tensor]:
        """Monomials of each output, and weights of all, shape (species, channels, monomials)."""
        n = self.n_components
        largest = max(float(self.linear.abs().max()), float(self.quadratic.abs().max()))
        least = LEAST[self.linear.dtype] * largest
        linear = self.linear.unflatten(-1, (self.n_outputs, n + 1))
        cubic = self.quadratic.unflatten(-1, (self.n_outputs, n + 1))
        pairs = list(itertools.combinations_with_replacement(range(n), 2))
        monomials: list[list[tuple[int, ...]]] = []
        weights: list[Tensor] = []
        for output in range(self.n_outputs):
            terms: dict[tuple[int, ...], Tensor] = {}
            of_output = cubic[..., output, :]
            for p, i in (of_output.abs().amax((0, 1)) > least).nonzero().tolist():
                key = tuple(sorted((i, *pairs[p])))
                terms[key] = of_output[:, :, p, i] + terms.get(key, 0.0)
            for (i,) in (linear[..., output, :].abs().amax((0, 1)) > least).nonzero().tolist():
                terms[i, n, n] = linear[..., output, i]
            monomials.append(sorted(terms))
            weights += [terms[key] for key in sorted(terms)]
        return monomials, torch.stack(weights, -1)

    def forward(self, messages: Tensor, counts: Sequence[int]) -> Tensor:
        """Products, shape (n, outputs, channels), of messages, shape (n, components, channels).

        Of each species there are so many atoms, one after the other.
        """
        if self.kernel is not None:
            return self._by_kernel(self.kernel, messages.contiguous(), counts)
        products = [
            self._plain(part.permute(1, 2, 0), self.linear[index], self.quadratic[index])
            for index, part in enumerate(messages.split(counts))
        ]
        return torch.cat([part.permute(1, 2, 0) for part in products])

    def _by_kernel(self, kernel: Kernel, x: Tensor, counts: Sequence[int]) -> Tensor:
        out = x.new_empty(len(x), self.n_outputs, x.shape[-1])
        for weights, *own in zip(self.weights, x.split(counts), out.split(counts), strict=True):
            kernel("forward", len(own[0]), weights, *own)

        def gradient(by_out: Tensor) -> tuple[Tensor]:
            by_x = torch.empty_like(x)
            of_species = (tensor.split(counts) for tensor in (x, by_out, by_x))
            for weights, *own in zip(self.weights, *of_species, strict=True):
                kernel("backward", len(own[0]), weights, *own)
            return (by_x,)

        return with_gradient(gradient, (out,), x)[0]

    def _plain(self, messages: Tensor, linear: Tensor, quadratic: Tensor) -> Tensor:
        """Products (channels, n, outputs) of one species from (components, channels, n)."""
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
