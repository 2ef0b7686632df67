r"""Symmetry functions of the atoms of one element (n2p2's types 2 and 3) in one sweep.

Around every atom its neighbours are gathered by species, with their cutoff function and its slope;
angular functions then meet every pair of them once. With the squares a, b and s of the sides of a
triangle, the cosine :math:`c = (a + b - s)/(2\sqrt{ab})` and the cutoff function f, a pair adds

.. math::

    f(a) f(b) f(s) \sum_n g_n\,2^{1-\zeta_n} (1 + \lambda_n c)^{\zeta_n} e^{-\eta_n (a + b + s)}

to the energy, g being its derivatives by the functions. The kernel takes its gradients by a, b and
s, from which follow those by the vectors.
"""

from collections.abc import Sequence
from typing import cast

import torch
from torch import Tensor

from falsemetal.kernels import Kernel, Value, beside, build, with_gradient
from falsemetal.potentials.bpnnp.settings import SymmetryFunction
from falsemetal.potentials.fast.neighbours import Neighbours

SOURCE = beside(__file__, "symmetry.cpp")

ANGULAR = """
      {{
        const int a = {a}, b = {b};
        const integer n_a = near.counts[a], n_b = near.counts[b];
        const real *xa = near.field(a, X), *ya = near.field(a, Y), *za = near.field(a, Z);
        const real *xb = near.field(b, X), *yb = near.field(b, Y), *zb = near.field(b, Z);
        const real *squares = near.field(b, SQUARE), *inverses = near.field(b, INVERSE);
        const real *dampings = near.field(b, DAMPING), *slopes = near.field(b, SLOPE);
        {arrays}
        for (integer j = 0; j < n_a; j++) {{
          const real x = xa[j], y = ya[j], z = za[j], square = near.field(a, SQUARE)[j];
          const real inverse = near.field(a, INVERSE)[j], damping = near.field(a, DAMPING)[j];
          const integer from = a == b ? j + 1 : 0, to = whole(from, n_b);
          {before}
          for (integer k = from; k < to; k++) {{
            const real dx = x - xb[k], dy = y - yb[k], dz = z - zb[k];
            const real across = dx * dx + dy * dy + dz * dz;
            real slope_across;
            const real damping_across = cutoff(std::sqrt(across), slope_across);
            const real c = (square + squares[k] - across) * ((real)0.5 * inverse) * inverses[k];
            const real sum = square + squares[k] + across;
            {inner}
          }}
          {after}
        }}
      }}
"""

RADIAL = """
      {{
        const real *squares = near.field({kind}, SQUARE), *dampings = near.field({kind}, DAMPING);
        const real *slopes = near.field({kind}, SLOPE), *inverses = near.field({kind}, INVERSE);
        real *factor = near.field({kind}, X), *gx = near.field({kind}, GX);
        real *gy = near.field({kind}, GY), *gz = near.field({kind}, GZ);
        const real *y = near.field({kind}, Y), *z = near.field({kind}, Z);
        const integer to = whole(0, near.counts[{kind}]);
        {before}
        for (integer k = 0; k < to; k++) {{
          const real length = squares[k] * inverses[k];
          {inner}
        }}
        {after}
      }}
"""


GRADIENT = """
            const real all = damping * dampings[k] * damping_across;
            const real cross = (real)0.5 * inverse * inverses[k], half = (real)0.5 * c;
            const real by_a = all * (by_sum + by_c * (cross - half * inverse * inverse))
                + slope * dampings[k] * damping_across * value;
            const real by_b = all * (by_sum + by_c * (cross - half * inverses[k] * inverses[k]))
                + damping * slopes[k] * damping_across * value;
            const real by_s = all * (by_sum - by_c * cross)
                + damping * dampings[k] * slope_across * value;
            fx += x * by_a + dx * by_s; fy += y * by_a + dy * by_s; fz += z * by_a + dz * by_s;
            gx[k] += xb[k] * by_b - dx * by_s; gy[k] += yb[k] * by_b - dy * by_s;
            gz[k] += zb[k] * by_b - dz * by_s;
"""


class SymmetryFunctions(torch.nn.Module):
    """Functions of the atoms of one element, once differentiable, by a kernel alone.

    `present` are the atomic numbers that there are; functions of others are zero.
    """

    def __init__(
        self,
        functions: Sequence[SymmetryFunction],
        present: Sequence[int],
        r_cut_A: float,
        dtype: torch.dtype,
    ) -> None:
        super().__init__()
        self.n_functions, self.dtype = len(functions), dtype
        groups: dict[tuple[int, ...], list[tuple[int, SymmetryFunction]]] = {}
        for index, function in enumerate(functions):
            if set(function.neighbours) <= set(present):
                kinds = tuple(present.index(z) for z in function.neighbours)
                groups.setdefault(kinds, []).append((index, function))
        code = [
            (_radial_code if len(kinds) == 1 else _angular_code)(kinds, group)
            for kinds, group in groups.items()
        ]
        forward, backward = ("\n".join(parts[k] for parts in code) for k in range(2))
        self._values: dict[str, Value] = {
            "KINDS": len(present),
            "FUNCTIONS": len(functions),
            "CUTOFF": r_cut_A,
        }
        self._values |= {"FORWARD": forward, "BACKWARD": backward}
        self.kernel: Kernel | None = None

    def write_kernel(self) -> None:
        """Compile the kernel, if there is a compiler."""
        self.kernel = build(SOURCE, self.dtype, self._values)

    def forward(
        self, positions: Tensor, neighbours: Neighbours, kinds: Tensor, own: slice
    ) -> Tensor:
        """Values, shape (n, functions), of a range of atoms; kinds of all count the species."""
        kernel = cast(Kernel, self.kernel)
        n, size = own.stop - own.start, int(neighbours.first.diff().max())
        edges = neighbours.first, neighbours.senders, neighbours.shifts
        given = *edges, positions.detach(), kinds
        out = torch.zeros(n, self.n_functions, dtype=self.dtype)
        kernel("forward", own.start, n, size, *given, out)

        def gradient(by_out: Tensor) -> tuple[Tensor]:
            sizes = own.start, n, size, len(positions)
            return (kernel.add_up(positions, "backward", *sizes, *given, by_out),)

        return with_gradient(gradient, (out,), positions)[0]


Group = Sequence[tuple[int, SymmetryFunction]]


def _radial_code(kinds: tuple[int, ...], group: Group) -> tuple[str, str]:
    sums = ", ".join(f"s{index}" for index, _ in group)
    declared = "\n".join(f"real s{index} = 0;" for index, _ in group)
    reduction = f'{declared} _Pragma("omp simd reduction(+:{sums})")'
    values, slopes = [], []
    for index, function in group:
        eta, shift = f"(real){function.eta_per_A2!r}", f"(real){function.shift_A!r}"
        exponent = f"exponential(-{eta} * (length - {shift}) * (length - {shift}))"
        values.append(f"s{index} += dampings[k] * {exponent};")
        slopes.append(
            f"{{ const real e = g[{index}] * {exponent};\n"
            f"const real slope = {eta} * (length - {shift}) * inverses[k];\n"
            "by_square += e * (slopes[k] - slope * dampings[k]); }"
        )
    forward = RADIAL.format(
        kind=kinds[0],
        before=reduction,
        inner="\n".join(values),
        after="\n".join(f"values[{index}] += s{index};" for index, _ in group),
    )
    backward = RADIAL.format(
        kind=kinds[0],
        before='_Pragma("omp simd")',
        inner="\n".join(
            [
                "real by_square = 0;",
                *slopes,
                "gx[k] += by_square * factor[k]; gy[k] += by_square * y[k];",
                "gz[k] += by_square * z[k];",
            ]
        ),
        after="",
    )
    return forward, backward


def _angular_code(kinds: tuple[int, ...], group: Group) -> tuple[str, str]:
    a, b = kinds
    etas = sorted({function.eta_per_A2 for _, function in group})
    exponentials = [
        f"const real e{n} = " + (f"exponential(-(real){eta!r} * sum);" if eta else "1;")
        for n, eta in enumerate(etas)
    ]
    sums = ", ".join(f"s{index}" for index, _ in group)
    declared = "\n".join(f"real s{index} = 0;" for index, _ in group)
    inner = [*exponentials, "const real all = dampings[k] * damping_across;"]
    slopes = [*exponentials, "real value = 0, by_c = 0, by_sum = 0;"]
    for index, function in group:
        n, sign = etas.index(function.eta_per_A2), "+-"[function.sign < 0]
        scale = f"(real){2.0 ** (1 - function.zeta)!r}"
        lower = _power(function.zeta - 1)
        base = f"const real u = 1 {sign} c, l = {scale} * {lower};"
        inner.append(f"{{ {base} s{index} += u * l * e{n} * all; }}")
        slopes.append(
            f"{{ {base} const real w = g[{index}] * e{n}, v = w * u * l;\n"
            f"value += v; by_c {sign}= {function.zeta} * w * l;\n"
            f"by_sum -= (real){function.eta_per_A2!r} * v; }}"
        )
    forward = ANGULAR.format(
        a=a,
        b=b,
        arrays="",
        before=f'{declared} _Pragma("omp simd reduction(+:{sums})")',
        inner="\n".join(inner),
        after="\n".join(f"values[{index}] += damping * s{index};" for index, _ in group),
    )
    slopes.append(GRADIENT)
    backward = ANGULAR.format(
        a=a,
        b=b,
        arrays="real *gx = near.field(b, GX), *gy = near.field(b, GY), *gz = near.field(b, GZ);",
        before="const real slope = near.field(a, SLOPE)[j];\nreal fx = 0, fy = 0, fz = 0;\n"
        '_Pragma("omp simd reduction(+:fx, fy, fz)")',
        inner="\n".join(slopes),
        after="near.field(a, GX)[j] += fx; near.field(a, GY)[j] += fy; near.field(a, GZ)[j] += fz;",
    )
    return forward, backward


def _power(n: int) -> str:
    """Whole power of u, by squares."""
    if n == 0:
        return "1"
    if n == 1:
        return "u"
    half = _power(n // 2)
    square = f"({half} * {half})"
    return f"(u * {square})" if n % 2 else square
