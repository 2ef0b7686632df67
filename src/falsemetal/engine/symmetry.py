"""Symmetry functions of the atoms of one species, from blocks of neighbours by species."""

from collections.abc import Sequence

import torch
from torch import Tensor

from falsemetal.engine.triplets import Block, Powers, triplet_sums
from falsemetal.models.bpnnp.settings import SymmetryFunction


class CentreFunctions(torch.nn.Module):
    """Symmetry functions of the atoms of one species.

    Parameters
    ----------
    functions
        In the order of the networks' inputs.
    present
        Atomic numbers of the species present, ascending; functions of others are zero.
    r_cut_A
        Cutoff.
    """

    def __init__(
        self, functions: Sequence[SymmetryFunction], present: Sequence[int], r_cut_A: float
    ) -> None:
        super().__init__()
        self.n_functions = len(functions)
        groups: dict[tuple[int, ...], list[int]] = {}
        for index, function in enumerate(functions):
            if set(function.neighbours) <= set(present):
                groups.setdefault(function.neighbours, []).append(index)
        self.indices = list(groups.values())
        self.kinds = [sorted({present.index(z) for z in neighbours}) for neighbours in groups]
        self.groups = torch.nn.ModuleList(
            (RadialFunctions if len(neighbours) == 1 else AngularFunctions)(
                [functions[index] for index in indices], r_cut_A
            )
            for neighbours, indices in groups.items()
        )

    def forward(self, blocks: Sequence[Block]) -> Tensor:
        """Values, shape (n, functions), of the edges to neighbours of each species present."""
        values = [blocks[0].vectors.new_zeros(len(blocks[0].table))] * self.n_functions
        for group, kinds, indices in zip(self.groups, self.kinds, self.indices, strict=True):
            found = group([blocks[kind] for kind in kinds])
            for index, value in zip(indices, found.unbind(1), strict=True):
                values[index] = value
        return torch.stack(values, 1)


class RadialFunctions(torch.nn.Module):
    """Radial functions of one pair of elements.

    Parameters
    ----------
    functions
        Of n2p2's type 2.
    r_cut_A
        Cutoff.
    """

    def __init__(self, functions: Sequence[SymmetryFunction], r_cut_A: float) -> None:
        super().__init__()
        self.functions, self.r_cut_A = list(functions), r_cut_A

    def forward(self, blocks: Sequence[Block]) -> Tensor:
        """Values, shape (n, functions), of the edges to neighbours of one species."""
        (block,) = blocks
        lengths = block.vectors.square().sum(0).sqrt()
        damping = torch.tanh(torch.relu(1.0 - lengths / self.r_cut_A)) ** 3
        terms = [
            torch.exp(-function.eta_per_A2 * (lengths - function.shift_A).square()) * damping
            for function in self.functions
        ]
        return SumOverEdges.apply(torch.stack(terms, 1), block.centres, block.table)


class SumOverEdges(torch.autograd.Function):
    """Sums over the edges of each centre, shape (n, …), of terms, shape (edges, …).

    The gradient gathers too, where indexing would scatter.
    """

    @staticmethod
    def forward(terms: Tensor, centres: Tensor, table: Tensor) -> Tensor:
        """Sum by centre."""
        return terms[table].sum(1)

    @staticmethod
    def setup_context(ctx, inputs, output) -> None:
        """Keep whose each term is."""
        _, centres, _ = inputs
        ctx.save_for_backward(centres)

    @staticmethod
    def backward(ctx, gradient: Tensor):
        """Gather, where the gradient of indexing would scatter."""
        (centres,) = ctx.saved_tensors
        return gradient[centres], None, None


class AngularFunctions(torch.nn.Module):
    """Angular functions of one central element and one pair of neighbouring elements.

    Parameters
    ----------
    functions
        Of n2p2's type 3.
    r_cut_A
        Cutoff.
    """

    def __init__(self, functions: Sequence[SymmetryFunction], r_cut_A: float) -> None:
        super().__init__()
        self.powers = Powers.of(functions, r_cut_A)
        coefficients = self.powers.coefficients(functions).to(torch.get_default_dtype())
        self.register_buffer("coefficients", coefficients)

    def forward(self, blocks: Sequence[Block]) -> Tensor:
        """Values, shape (n, functions), of the edges to neighbours of one or two species."""
        return triplet_sums(blocks, self.powers) @ self.coefficients
