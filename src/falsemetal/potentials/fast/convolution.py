r"""Messages of MACE and charge transfers: sums over the edges of every atom.

.. math::

    m_{i,k}^{p} = \sum_{j\to i} \sum_{ab} C^p_{abk}\,
        R^p(r_{ij})\,(h_j - s^p h_i)_a\,Y_b(\hat{\mathbf r}_{ij}),

for every path p from an irrep of the features (components a) by one of the harmonics (b) to one of
the message (k), channel by channel; R are splines of the length, C couplings, and s, which is zero
for messages (Batatia et al., arXiv:2206.07697, eq. 8), tells how much of the receiver's own
features is subtracted. The kernel goes through the edges once and keeps nothing of them. With
:math:`u^p_a = \sum_{bk} C^p_{abk} Y_b\,\partial E/\partial m^p_k` the gradients are

.. math::

    \frac{\partial E}{\partial h_j} = \sum_p R^p u^p, \quad
    \frac{\partial E}{\partial t} = \sum_{pa} \frac{dR^p}{dt} h_a u^p_a, \quad
    \frac{\partial E}{\partial Y_b} = \sum_{p} R^p \sum_{ak} C^p_{abk} h_a
        \frac{\partial E}{\partial m^p_k}.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.utils.checkpoint import checkpoint

from falsemetal.kernels import Kernel, Value, beside, build, with_gradient
from falsemetal.potentials.fast.edges import Edges
from falsemetal.potentials.fast.equivariant import Features, couplings
from falsemetal.potentials.fast.radial import DEGREE, evaluate
from falsemetal.potentials.libraries import o3

SOURCE = beside(__file__, "convolution.cpp")

LEAST = 1e-9
"""Couplings below are zero."""

NUMBERS_AT_ONCE = 2**27
"""What the plain form keeps of edges at a time, which bounds its memory."""


@dataclass(frozen=True)
class Path:
    """One path: irreps of the sender, the harmonic and the message, coupling, and share of its own.

    The coupling has the shape (2l₁ + 1, 2l₂ + 1, 2l₃ + 1).
    """

    sender: str
    harmonic: str
    message: str
    coupling: Tensor
    own: float = 0.0


def paths_of(product: o3.TensorProduct) -> list[Path]:
    """Paths of a channel-wise product; NotImplementedError if irreps have different channels."""
    if len({product.irreps_in1[path.i_in1].mul for path in product.instructions}) > 1:
        raise NotImplementedError("irreps with different numbers of channels")
    return [
        Path(
            str(product.irreps_in1[path.i_in1].ir),
            str(product.irreps_in2[path.i_in2].ir),
            str(product.irreps_out[path.i_out].ir),
            coupling,
        )
        for path, coupling in zip(product.instructions, couplings(product), strict=True)
    ]


class Convolution(torch.nn.Module):
    """The sums of this module, once differentiable.

    `radial`, shape (intervals, 6, paths × channels), are the coefficients of the paths' splines.
    Paths to the same irrep stand side by side in its channels, in their order.
    """

    radial: Tensor

    def __init__(self, paths: Sequence[Path], radial: Tensor, harmonics: Sequence[str]) -> None:
        super().__init__()
        self.paths = list(paths)
        self.channels = radial.shape[-1] // len(paths)
        self.senders = first_components(path.sender for path in paths)
        self.harmonics = first_components(harmonics)
        of_paths = radial.unflatten(-1, (len(paths), self.channels)).movedim(1, 2)
        # (intervals, paths, 6, channels)
        self.register_buffer("radial", of_paths.contiguous())
        self.messages: dict[str, list[int]] = {}
        for index, path in enumerate(self.paths):
            self.messages.setdefault(path.message, []).append(index)
        self.kernel: Kernel | None = None

    def write_kernel(self) -> None:
        """Compile the kernel, if there is a compiler."""
        values = kernel_values(self.paths, self.channels, self.harmonics, degree=DEGREE)
        self.kernel = build(SOURCE, self.radial.dtype, values, width=self.channels)

    def forward(self, features: Features, edges: Edges) -> Features:
        """Sum by irrep of the message, shape (n, 2l + 1, paths to it × channels)."""
        h = torch.cat([features[ir] for ir in self.senders], 1)
        if self.kernel is None:
            return self._plain(h, edges)
        sums = self._by_kernel(self.kernel, h, edges)
        sizes = [_dim(ir) * len(indices) for ir, indices in self.messages.items()]
        parts = sums.split(sizes, 1)
        return {
            ir: part.reshape(len(h), _dim(ir), -1)
            for ir, part in zip(self.messages, parts, strict=True)
        }

    def _by_kernel(self, kernel: Kernel, h: Tensor, edges: Edges) -> Tensor:
        n, size = len(h), len(edges.t)
        out = h.new_empty(n, sum(_dim(path.message) for path in self.paths), self.channels)
        indices = edges.first, edges.last, edges.senders, edges.interval
        given = *indices, edges.t, edges.harmonics, self.radial, h
        kernel("forward", n, size, *given, out)

        def gradient(by_out: Tensor) -> tuple[Tensor, ...]:
            by_harmonics, by_t = torch.zeros_like(edges.harmonics), torch.zeros_like(edges.t)
            by_h = kernel.add_up(h, "backward", n, size, *given, by_out, by_harmonics, by_t)
            return by_h, by_harmonics, by_t

        return with_gradient(gradient, (out,), h, edges.harmonics, edges.t)[0]

    def _plain(self, h: Tensor, edges: Edges) -> Features:
        receivers, places = edges.flat()
        size = max(1, NUMBERS_AT_ONCE // (self.channels * max(map(_width, self.paths))))
        total: Features = {}
        of_edges = (edges.senders, edges.interval, edges.t, *edges.harmonics)
        senders, *rest = (column.index_select(0, places) for column in of_edges)
        columns = (senders, receivers, *rest)
        parts = list(zip(*(column.split(size) for column in columns), strict=True))
        for own in parts:
            found = (
                self._sums(h, *own)
                if len(parts) == 1
                else checkpoint(self._sums, h, *own, use_reentrant=False)
            )
            for ir, part in found.items():
                total[ir] = total[ir] + part if ir in total else part
        return total

    def _sums(
        self,
        features: Tensor,
        senders: Tensor,
        receivers: Tensor,
        interval: Tensor,
        t: Tensor,
        *harmonics: Tensor,
    ) -> Features:
        found: dict[str, list[Tensor]] = {ir: [] for ir in self.messages}
        y = torch.stack(harmonics, 1)
        for index, path in enumerate(self.paths):
            h = _part(features, self.senders, path.sender)
            pair = h[senders] - path.own * h[receivers] if path.own else h[senders]
            values = evaluate(self.radial[:, index], interval, t)[:, None] * pair
            mixing = torch.einsum(
                "eb,abk->eka", _part(y, self.harmonics, path.harmonic), path.coupling.to(y)
            )
            sums = features.new_zeros(len(features), _dim(path.message), self.channels)
            found[path.message].append(sums.index_add(0, receivers, mixing @ values))
        return {ir: torch.cat(parts, -1) for ir, parts in found.items()}


def kernel_values(
    paths: Sequence[Path], channels: int, harmonics: Mapping[str, int], *, degree: int
) -> dict[str, Value]:
    """Constants and code of the kernel for some paths and splines of a degree.

    Given are first components of the harmonics. Splines of degree 0 are differentiated by
    themselves, where others are by their places.
    """
    senders, code = first_components(path.sender for path in paths), []
    outputs = output_components(paths)
    for index, path in enumerate(paths):
        starts = senders[path.sender], harmonics[path.harmonic]
        code.append(_path_code(index, path, *starts, outputs[index], degree))
    coefficients, forward, backward = (" ".join(parts) for parts in zip(*code, strict=True))
    return {
        "CHANNELS": channels,
        "PATHS": len(paths),
        "SENDERS": sum(map(_dim, senders)),
        "OUTPUTS": sum(map(len, outputs)),
        "COMPONENTS": sum(map(_dim, harmonics)),
        "DEGREE": degree,
        "COEFFICIENTS": coefficients,
        "FORWARD": forward,
        "BACKWARD": backward,
    }


def output_components(paths: Sequence[Path]) -> list[range]:
    """Components of the sums, by path: by irrep, then component, then path to it."""
    found: list[range] = [range(0)] * len(paths)
    start = 0
    for message in dict.fromkeys(path.message for path in paths):
        indices = [index for index, path in enumerate(paths) if path.message == message]
        end = start + len(indices) * _dim(message)
        for place, index in enumerate(indices):
            found[index] = range(start + place, end, len(indices))
        start = end
    return found


def _path_code(
    number: int, path: Path, h: int, y: int, outputs: Sequence[int], degree: int
) -> tuple[str, str, str]:
    """Coefficients of an edge, and what is done with a vector of channels forward and backward.

    Given are the first components of the sender and the harmonic, and all of the message.
    """
    coupling = path.coupling.double().tolist()
    d_1, d_2, d_3 = path.coupling.shape
    mixed = {
        (a, k): [(coupling[a][b][k], y + b) for b in range(d_2) if abs(coupling[a][b][k]) > LEAST]
        for a in range(d_1)
        for k in range(d_3)
    }
    mixed = {key: terms for key, terms in mixed.items() if terms}
    coefficients = "\n".join(
        f"const real m{number}_{a}_{k} = "
        + " + ".join(f"(real){c!r} * harmonics[{b} * size + e]" for c, b in terms)
        + ";"
        for (a, k), terms in mixed.items()
    )
    spline = f"const vec r = {_horner(number, degree)};"
    senders = [
        f"const vec x{a} = load(h + {h + a} * C + c){_own(path, h + a)};" for a in range(d_1)
    ]
    forward = ["{", spline, *senders, *(f"const vec v{a} = r * x{a};" for a in range(d_1))]
    for k in range(d_3):
        terms = " + ".join(f"m{number}_{a}_{k} * v{a}" for a in range(d_1) if (a, k) in mixed)
        if terms:
            place = f"sums + {outputs[k]} * C + c"
            forward.append(f"store({place}, load({place}) + ({terms}));")
    backward = ["{", spline, *senders, "vec by_r = {0};"]
    backward += [f"const vec g{k} = load(g + {outputs[k]} * C + c);" for k in range(d_3)]
    for a in range(d_1):
        terms = " + ".join(f"m{number}_{a}_{k} * g{k}" for k in range(d_3) if (a, k) in mixed)
        if not terms:
            continue
        place = f"{h + a} * C + c"
        backward.append(f"{{ const vec u = {terms}, f = r * u;")
        backward.append(f"store(of_sender + {place}, load(of_sender + {place}) + f);")
        if path.own:
            change = f"(real){path.own!r} * f"
            backward.append(f"store(of_own + {place}, load(of_own + {place}) - {change});")
        backward.append(f"by_r += x{a} * u; }}")
    for (a, k), harmonics in mixed.items():
        backward.append(f"{{ const vec s = r * x{a} * g{k};")
        backward += [f"by_y[{b}] += (real){c!r} * s;" for c, b in harmonics]
        backward.append("}")
    if degree:
        backward.append(f"by_t += by_r * ({_slope(number, degree)});")
    else:
        backward.append(f"store(by_places + (e * PATHS + {number}) * C + c, by_r);")
    return coefficients, "\n".join([*forward, "}"]), "\n".join([*backward, "}"])


def _own(path: Path, component: int) -> str:
    return f" - (real){path.own!r} * load(own + {component} * C + c)" if path.own else ""


def _coefficients(number: int, degree: int) -> list[str]:
    """Coefficients of a path's spline, that of the highest power of t first."""
    first = number * (degree + 1)
    return [f"load(spline + {place} * C + c)" for place in range(first, first + degree + 1)]


def _horner(number: int, degree: int) -> str:
    value, *lower = _coefficients(number, degree)
    for coefficient in lower:
        value = f"({value}) * t + {coefficient}"
    return value


def _slope(number: int, degree: int) -> str:
    highest, *lower = _coefficients(number, degree)[:-1]
    value = f"(real){degree} * {highest}"
    for power, coefficient in zip(range(degree - 1, 0, -1), lower, strict=True):
        value = f"({value}) * t + (real){power} * {coefficient}"
    return value


def _dim(irrep: str) -> int:
    return 2 * int(irrep[:-1]) + 1


def _width(path: Path) -> int:
    return sum(path.coupling.shape)


def first_components(irreps: Iterable[str]) -> dict[str, int]:
    """First component of every irrep, one after the other."""
    starts: dict[str, int] = {}
    total = 0
    for irrep in irreps:
        if irrep not in starts:
            starts[irrep] = total
            total += _dim(irrep)
    return starts


def _part(values: Tensor, starts: dict[str, int], irrep: str) -> Tensor:
    return values[:, starts[irrep] : starts[irrep] + _dim(irrep)]
