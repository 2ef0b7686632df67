"""Equivariant maps of e3nn as plain arrays, read by applying them to unit vectors.

Features are kept as one array per degree l, shape (n, 2l + 1, channels), so that every linear map
is a matrix product over the last axis.
"""

import math
from collections.abc import Callable
from fractions import Fraction
from typing import cast

import torch
from torch import Tensor

from falsemetal.potentials.libraries import o3

LARGEST_DENOMINATOR = 100_000
"""Bound for the squared coefficients of spherical harmonics up to l = 5 and beyond."""

Features = dict[str, Tensor]
"""Arrays of shape (…, 2l + 1, channels) by irrep, as "1o"."""

Polynomial = list[tuple[float, tuple[int, ...]]]
"""Coefficients and powers of x, y and z."""


class Linear(torch.nn.Module):
    """A linear equivariant map: one matrix for each irrep; those that stand several times are one.

    The function maps e3nn's flat layout, (m, dimension in) to (m, dimension out).
    """

    def __init__(
        self, function: Callable[[Tensor], Tensor], irreps_in: o3.Irreps, irreps_out: o3.Irreps
    ) -> None:
        super().__init__()
        inputs, outputs = _places(irreps_in), _places(irreps_out)
        self.irreps = [ir for ir in inputs if ir in outputs]
        for index, ir in enumerate(self.irreps):
            first, of_output = inputs[ir], outputs[ir]
            units = torch.zeros(len(first), irreps_in.dim)
            units[torch.arange(len(first)), first] = 1.0
            self.register_buffer(f"matrix_{index}", function(units)[:, of_output].contiguous())

    def matrix(self, ir: str) -> Tensor:
        """Matrix of an irrep, shape (channels in, channels out)."""
        matrix: Tensor = getattr(self, f"matrix_{self.irreps.index(ir)}")
        return matrix

    def follow(self, ir: str, matrix: Tensor) -> None:
        """Let a matrix, shape (channels out, new channels out), follow that of an irrep."""
        setattr(self, f"matrix_{self.irreps.index(ir)}", self.matrix(ir) @ matrix)

    def forward(self, features: Features) -> Features:
        """Apply the map."""
        # as one product of matrices, which is faster than one for each atom
        return {
            ir: (features[ir].flatten(0, 1) @ self.matrix(ir)).unflatten(0, features[ir].shape[:2])
            for ir in self.irreps
            if ir in features
        }


def _places(irreps: o3.Irreps) -> dict[str, Tensor]:
    """Where the first component of every copy of an irrep stands in the flat layout."""
    places: dict[str, list[int]] = {}
    for (mul, ir), part in zip(irreps, irreps.slices(), strict=True):
        places.setdefault(str(ir), []).extend(part.start + ir.dim * copy for copy in range(mul))
    return {ir: torch.tensor(index) for ir, index in places.items()}


def couplings(product: o3.TensorProduct) -> list[Tensor]:
    """Coefficients of every path of a channel-wise product, shape (2l₁+1, 2l₂+1, 2l₃+1) each.

    NotImplementedError if it is not, with one weight per channel, or if paths share an output.
    """
    outputs = [instruction.i_out for instruction in product.instructions]
    modes = {i.connection_mode for i in product.instructions if i.has_weight}
    if modes != {"uvu"} or len(set(outputs)) < len(outputs):
        raise NotImplementedError("products that are not channel-wise with separate outputs")
    irreps = product.irreps_in1, product.irreps_in2, product.irreps_out
    found = []
    for path in product.instructions:
        parts = list(zip(irreps, (path.i_in1, path.i_in2, path.i_out), strict=True))
        dims = [of[index].ir.dim for of, index in parts]
        starts = [of.slices()[index].start for of, index in parts]
        first, second = (
            torch.eye(of.dim)[start : start + dim]
            for (of, _), start, dim in zip(parts[:2], starts, dims, strict=False)
        )
        # every component of the one with every component of the other
        result = product(
            first.repeat_interleave(dims[1], 0),
            second.repeat(dims[0], 1),
            torch.ones(dims[0] * dims[1], product.weight_numel),
        )
        found.append(result[:, starts[2] : starts[2] + dims[2]].view(*dims))
    return found


class SphericalHarmonics(torch.nn.Module):
    """Real spherical harmonics, normalised as e3nn's, as polynomials of a unit vector."""

    def __init__(self, harmonics: o3.SphericalHarmonics) -> None:
        super().__init__()
        irreps = o3.Irreps(harmonics.irreps_out)
        self.irreps = [str(ir) for _, ir in irreps]
        self.highest = irreps.lmax
        generator = torch.Generator().manual_seed(0)
        points = torch.randn(500, 3, dtype=torch.float64, generator=generator)
        points = torch.nn.functional.normalize(points, dim=1)
        values = harmonics(points)
        self.components: list[Polynomial] = []
        for (_, ir), part in zip(irreps, irreps.slices(), strict=True):
            powers = [(a, b, ir.l - a - b) for a in range(ir.l + 1) for b in range(ir.l + 1 - a)]
            monomials = torch.stack([points.pow(torch.tensor(p)).prod(1) for p in powers], 1)
            solution = torch.linalg.lstsq(monomials, values[:, part]).solution
            self.components += [
                [(_exact(c), p) for c, p in zip(column, powers, strict=True) if abs(c) > 1e-9]
                for column in solution.T
            ]

    def forward(self, units: Tensor) -> Tensor:
        """Harmonics, shape (components, n), of unit vectors, shape (n, 3)."""
        powers = [[axis**k for k in range(self.highest + 1)] for axis in units.unbind(-1)]
        return torch.stack([_value(component, powers) for component in self.components])


def _exact(coefficient: float) -> float:
    """Take the root of the fraction that a coefficient's square is: a fit differs by a last bit."""
    square = Fraction(float(coefficient) ** 2).limit_denominator(LARGEST_DENOMINATOR)
    return math.copysign(math.sqrt(square), coefficient)


def _value(polynomial: Polynomial, powers: list[list[Tensor]]) -> Tensor:
    x, y, z = powers
    return cast(Tensor, sum(c * x[a] * y[b] * z[d] for c, (a, b, d) in polynomial))
