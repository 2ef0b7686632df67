"""Symmetry functions of the atoms of one species, from blocks of neighbours by species."""

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor

from falsemetal.potentials.bpnnp.settings import SymmetryFunction
from falsemetal.potentials.fast.blocks import Block
from falsemetal.potentials.fast.compilation import compile_for_any_shape
from falsemetal.potentials.fast.triplets import Powers, TripletSums
from falsemetal.potentials.model import module_list


class CentreFunctions(torch.nn.Module):
    """Symmetry functions of the atoms of one species, in the order of the networks' inputs.

    Functions of species that are not present, by atomic number, are zero.
    """

    places: Tensor

    def __init__(
        self, functions: Sequence[SymmetryFunction], present: Sequence[int], r_cut_A: float
    ) -> None:
        super().__init__()
        groups: dict[tuple[int, ...], list[int]] = {}
        for index, function in enumerate(functions):
            groups.setdefault(function.neighbours, []).append(index)
        self.kinds = [
            sorted({present.index(z) for z in neighbours})
            if set(neighbours) <= set(present)
            else None
            for neighbours in groups
        ]
        self.groups = module_list(
            (RadialFunctions if len(neighbours) == 1 else AngularFunctions)(
                [functions[index] for index in indices], r_cut_A
            )
            for neighbours, indices in groups.items()
        )
        order = torch.tensor([index for indices in groups.values() for index in indices])
        self.register_buffer("places", order.argsort())

    def forward(self, blocks: Sequence[Block]) -> Tensor:
        """Values, shape (n, functions), of the edges to neighbours of each species present."""
        n_atoms = len(blocks[0].table)
        values = [
            blocks[0].vectors.new_zeros(n_atoms, group.n_functions)
            if kinds is None
            else group([blocks[kind] for kind in kinds])
            for group, kinds in zip(self.groups, self.kinds, strict=True)
        ]
        return torch.cat(values, 1).index_select(1, self.places)


class RadialFunctions(torch.nn.Module):
    """Radial functions of one pair of elements, of n2p2's type 2."""

    eta_per_A2: Tensor
    shift_A: Tensor

    def __init__(self, functions: Sequence[SymmetryFunction], r_cut_A: float) -> None:
        super().__init__()
        self.n_functions, self.r_cut_A = len(functions), r_cut_A
        self.sums: Callable[..., Tensor] = _radial_sums
        eta = torch.tensor([[function.eta_per_A2] for function in functions])
        shift = torch.tensor([[function.shift_A] for function in functions])
        self.register_buffer("eta_per_A2", eta)
        self.register_buffer("shift_A", shift)

    def forward(self, blocks: Sequence[Block]) -> Tensor:
        """Values, shape (n, functions), of the edges to neighbours of one species."""
        (block,) = blocks
        return self.sums(
            block.vectors, block.centres, block.table, self.eta_per_A2, self.shift_A, self.r_cut_A
        )

    def compile_parts(self) -> None:
        """Compile what the time is spent in."""
        self.sums = compile_for_any_shape(self.sums)


def _radial_sums(
    vectors: Tensor, centres: Tensor, table: Tensor, eta: Tensor, shift: Tensor, r_cut_A: float
) -> Tensor:
    lengths = vectors.square().sum(0).sqrt()
    damping = torch.tanh(torch.relu(1.0 - lengths / r_cut_A)) ** 3
    terms = torch.exp(-eta * (lengths - shift).square()) * damping
    return _sum_over_edges(terms, centres, table).T


class _SumOverEdges(torch.autograd.Function):
    """Sums over the edges of each centre, shape (functions, n), of terms, (functions, edges).

    The gradient gathers too, where indexing would scatter.
    """

    @staticmethod
    def forward(terms: Tensor, centres: Tensor, table: Tensor) -> Tensor:
        return terms[:, table].sum(-1)

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Tensor, ...], output: Tensor) -> None:
        _, centres, _ = inputs
        ctx.save_for_backward(centres)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None, None]:
        (centres,) = ctx.saved_tensors
        return gradient[:, centres], None, None


_sum_over_edges: Callable[..., Tensor] = _SumOverEdges.apply


class AngularFunctions(torch.nn.Module):
    """Angular functions (n2p2's type 3) of a central element and a pair of neighbouring ones."""

    coefficients: Tensor

    def __init__(self, functions: Sequence[SymmetryFunction], r_cut_A: float) -> None:
        super().__init__()
        self.n_functions = len(functions)
        powers = Powers.of(functions, r_cut_A)
        self.sums = TripletSums(powers)
        coefficients = powers.coefficients(functions).to(torch.get_default_dtype())
        self.register_buffer("coefficients", coefficients)

    def forward(self, blocks: Sequence[Block]) -> Tensor:
        """Values, shape (n, functions), of the edges to neighbours of one or two species."""
        return self.sums(blocks) @ self.coefficients

    def compile_parts(self) -> None:
        """Compile what the time is spent in."""
        self.sums.compile_parts()
