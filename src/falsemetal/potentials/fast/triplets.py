"""Sums over pairs of neighbours, for angular symmetry functions, and their gradient.

With the cosine c of the angle between two neighbours, functions of one η are polynomials of c times
the same exponential and cutoff functions; what is summed are therefore the powers of c.

Every edge meets all neighbours of one species around its centre: a matrix of edges by slots, of
which only sums over its rows are kept. A pair of neighbours is met from either side, so the row of
an edge holds all that its gradient needs, and nothing is ever scattered into a sum.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any, cast

import torch
from torch import Tensor

from falsemetal.potentials.bpnnp.settings import SymmetryFunction
from falsemetal.potentials.fast.blocks import Block, Neighbourhood
from falsemetal.potentials.fast.compilation import compile_for_any_shape
from falsemetal.potentials.fast.hyperbolic import tanh

LARGEST_EXPONENT = 60.0
"""No exponential is below e^−60: products with it would be denormal numbers, which are slow."""

LARGEST_SQUARES = 6.0
"""Largest sum of the squares of a triangle's sides, in units of the cutoff's."""


@dataclass(frozen=True)
class Powers:
    """Which powers of the cosine are summed with which exponentials: by η in Å⁻², the highest."""

    degrees: tuple[tuple[float, int], ...]
    r_cut_A: float

    @classmethod
    def of(cls, functions: Sequence[SymmetryFunction], r_cut_A: float) -> "Powers":
        """Powers that angular functions of one pair of elements are made of."""
        etas = sorted({function.eta_per_A2 for function in functions})
        degrees = [max(f.zeta for f in functions if f.eta_per_A2 == eta) for eta in etas]
        return cls(tuple(zip(etas, degrees, strict=True)), r_cut_A)

    def __len__(self) -> int:
        return sum(degree + 1 for _, degree in self.degrees)

    def coefficients(self, functions: Sequence[SymmetryFunction]) -> Tensor:
        """Functions from sums of powers, shape (powers, functions), float64."""
        return torch.tensor(
            [
                [
                    _coefficient(function, power) if function.eta_per_A2 == eta else 0.0
                    for function in functions
                ]
                for eta, degree in self.degrees
                for power in range(degree + 1)
            ],
            dtype=torch.float64,
        )

    def exponentials(self, squares: Tensor) -> list[Tensor]:
        """exp(−η · squares); every η that is a multiple of the least takes a power of its own."""
        least = next((eta for eta, _ in self.degrees if eta > 0.0), 0.0)
        base = torch.exp(-least * squares)
        return [
            self._power(base, eta, eta / least) if eta > 0.0 else torch.ones_like(base)
            for eta, _ in self.degrees
        ]

    def _power(self, base: Tensor, eta: float, multiple: float) -> Tensor:
        largest = eta * LARGEST_SQUARES * self.r_cut_A**2
        if largest > LARGEST_EXPONENT:
            base = base.clamp(min=math.exp(-LARGEST_EXPONENT / multiple))
        whole = round(multiple)
        return base ** (whole if abs(multiple - whole) < 1e-9 * multiple else multiple)


def _coefficient(function: SymmetryFunction, power: int) -> float:
    """Coefficient of a power of the cosine in 2^(1−ζ) (1 + λ c)^ζ."""
    scale = 2.0 ** (1 - function.zeta) * math.comb(function.zeta, power)
    return scale * float(function.sign) ** power


class _Meeting:
    """Every edge of a block (first axis) with all neighbours of its centre (second axis).

    The latter are `around` of the block that holds them.
    """

    def __init__(self, fields: Tensor, centres: Tensor, around: Tensor, powers: Powers) -> None:
        self.powers, self.centres = powers, centres
        self.a = a = Neighbourhood(*fields[:, :, None])
        self.b = b = Neighbourhood(*around[:, centres])
        self.difference = [a.x - b.x, a.y - b.y, a.z - b.z]
        square = cast(Tensor, sum(d * d for d in self.difference))
        # an edge meets itself, and an empty slot others: both are sent beyond the cutoff
        square = torch.where(square > 0.0, square, 4.0 * powers.r_cut_A**2)
        self.length = square.sqrt()
        cosine = (a.square + b.square - square) * (0.5 * a.inverse) * b.inverse
        # high powers of an empty slot's would overflow
        self.cosine = cosine.clamp(-1.0, 1.0)
        self.t = tanh(torch.relu(1.0 - self.length * (1.0 / powers.r_cut_A)))
        self.exponentials = powers.exponentials(a.square + b.square + square)

    def sums(self) -> Tensor:
        """Powers summed over what the edges meet, shape (edges, powers)."""
        found = []
        damping = self.b.damping * self.t**3
        for (_, degree), exponential in zip(self.powers.degrees, self.exponentials, strict=True):
            term = damping * exponential
            found.append(term.sum(1))
            for _ in range(degree):
                term = term * self.cosine
                found.append(term.sum(1))
        return torch.stack(found, 1) * self.a.damping

    def gradient(self, weights: Tensor) -> Tensor:
        """Gradient of the weighted sum of all powers by the edges' vectors, shape (3, edges).

        The sum depends on the squares of the two edges and of the distance between their ends,
        a, b, s. Weights have the shape (n, powers).
        """
        a, b, t, cosine = self.a, self.b, self.t, self.cosine
        coefficients = iter(weights[self.centres].unbind(1))
        value: Tensor | float = 0.0
        by_cosine: Tensor | float = 0.0
        by_squares: Tensor | float = 0.0
        for (eta, degree), exponential in zip(self.powers.degrees, self.exponentials, strict=True):
            *lower, polynomial = (next(coefficients)[:, None] for _ in range(degree + 1))
            slope: Tensor | float = 0.0
            for coefficient in reversed(lower):
                slope = slope * cosine + polynomial
                polynomial = polynomial * cosine + coefficient
            by_cosine = by_cosine + exponential * slope
            polynomial = exponential * polynomial
            value = value + polynomial
            by_squares = by_squares - eta * polynomial
        damping = b.damping * t**3
        slope = (-1.5 / self.powers.r_cut_A) * b.damping * t**2 * (1.0 - t**2) / self.length
        by_cosine = damping * by_cosine * (0.5 * a.inverse)
        by_squares = damping * by_squares
        by_a = by_squares + by_cosine * (b.inverse - cosine * a.inverse)
        by_s = by_squares + slope * value - by_cosine * b.inverse
        by_a = a.damping * by_a + a.slope * damping * value
        by_s = a.damping * by_s
        # three sums of one kind, which a compiler does in one sweep
        found = [
            (own * by_a + d * by_s).sum(1) for own, d in zip(a[:3], self.difference, strict=True)
        ]
        return 2.0 * torch.stack(found)


class TripletSums:
    """Sums of powers of the cosine over pairs of neighbours, for all centres."""

    def __init__(self, powers: Powers) -> None:
        self.sums, self.gradient = _functions(powers)

    def compile_parts(self) -> None:
        """Compile what the time is spent in."""
        self.sums, self.gradient = map(compile_for_any_shape, (self.sums, self.gradient))

    def __call__(self, blocks: Sequence[Block]) -> Tensor:
        """Sum over neighbours of one or of two species; shape (n, powers)."""
        # fewer edges make longer rows, which suits sums over rows
        ordered = sorted(blocks, key=lambda block: len(block.centres))
        return _triplet_sums(self, *(tensor for block in ordered for tensor in block))


@cache
def _functions(powers: Powers) -> tuple[Callable[..., Tensor], Callable[..., Tensor]]:
    def sums(fields: Tensor, centres: Tensor, around: Tensor) -> Tensor:
        return _Meeting(fields, centres, around, powers).sums()

    def gradient(fields: Tensor, centres: Tensor, around: Tensor, weights: Tensor) -> Tensor:
        return _Meeting(fields, centres, around, powers).gradient(weights)

    return sums, gradient


class _TripletSums(torch.autograd.Function):
    """The sums, with the gradient that the module describes.

    Of like neighbours there is only the first block; each pair of them is then met twice.
    """

    @staticmethod
    def forward(work: TripletSums, *tensors: Tensor) -> Tensor:
        blocks = _blocks(tensors)
        edges, met = blocks[0], blocks[-1]
        sums = work.sums(edges.fields, edges.centres, met.around)
        total = torch.nn.functional.embedding_bag(edges.table, sums, mode="sum")
        return total if len(blocks) == 2 else 0.5 * total

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: Tensor) -> None:
        ctx.work, *tensors = inputs
        ctx.save_for_backward(*tensors)

    @staticmethod
    def backward(ctx: Any, weights: Tensor) -> tuple[Tensor | None, ...]:
        blocks = _blocks(ctx.saved_tensors)
        gradients: list[Tensor | None] = [None]
        for edges, met in zip(blocks, reversed(blocks), strict=True):
            gradient = ctx.work.gradient(edges.fields, edges.centres, met.around, weights)
            gradients += [gradient, None, None, None, None]
        return tuple(gradients)


_triplet_sums: Callable[..., Tensor] = _TripletSums.apply


def _blocks(tensors: Sequence[Tensor]) -> list[Block]:
    size = len(Block._fields)
    return [Block(*tensors[place : place + size]) for place in range(0, len(tensors), size)]
