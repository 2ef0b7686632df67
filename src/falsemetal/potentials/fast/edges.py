r"""Edges within the cutoff: lengths, as places on the knots of splines, and spherical harmonics.

Of an edge j→i with the vector r from sender to receiver and its length r, all layers see
:math:`Y_{lm}(\mathbf r/r)` and :math:`t`, the place of r within its interval of the knots. From
their gradients follows that by the vector,

.. math::

    \frac{\partial E}{\partial\mathbf r} = \frac{1}{r}\,(1 - \hat{\mathbf r}\hat{\mathbf r}^T)
        \sum_{lm} \frac{\partial E}{\partial Y_{lm}} \nabla Y_{lm}(\hat{\mathbf r})
        + \frac{\hat{\mathbf r}}{\Delta}\,\frac{\partial E}{\partial t},

which its receiver feels, and its sender with the other sign; Δ is the knots' spacing.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from falsemetal.kernels import Kernel, beside, build, with_gradient
from falsemetal.potentials.fast.equivariant import Polynomial, SphericalHarmonics
from falsemetal.potentials.fast.neighbours import Neighbours, edge_vectors, kinds_of_atoms, within
from falsemetal.potentials.fast.radial import Knots

SOURCE = beside(__file__, "edges.cpp")


@dataclass(frozen=True)
class Edges:
    """Edges within the cutoff; those to atom i are first[i] … last[i] − 1.

    Senders, shape (m,), are atoms; `interval`, int64, and `t` tell lengths by their places on the
    knots; harmonics have the shape (components, m). What lies between the edges of two atoms is
    meaningless.
    """

    first: Tensor
    last: Tensor
    senders: Tensor
    interval: Tensor
    t: Tensor
    harmonics: Tensor

    def flat(self) -> tuple[Tensor, Tensor]:
        """Receivers of all edges, and where the edges stand."""
        counts = self.last - self.first
        atoms = torch.arange(len(counts), device=counts.device)
        receivers = atoms.repeat_interleave(counts)
        offsets = self.first - (counts.cumsum(0) - counts)
        return receivers, torch.arange(len(receivers), device=counts.device) + offsets[receivers]


class Geometry(torch.nn.Module):
    """Edges of positions, once differentiable.

    `tables` tell which table of splines is that of a pair of species, (species of the receiver,
    that of the sender).
    """

    tables: Tensor

    def __init__(
        self, harmonics: SphericalHarmonics, knots: Knots, tables: Tensor, dtype: torch.dtype
    ) -> None:
        super().__init__()
        self.harmonics, self.knots, self.dtype = harmonics, knots, dtype
        self.register_buffer("tables", tables)
        self.kernel: Kernel | None = None

    def write_kernel(self) -> None:
        """Compile the kernel, if there is a compiler."""
        components = list(enumerate(self.harmonics.components))
        powers = (
            f"const real {axis}{k} = {axis}{k - 1 if k > 2 else ''} * {axis};"
            for axis in "xyz"
            for k in range(2, self.harmonics.highest + 1)
        )
        harmonics = (f"harmonics[{k} * size + e] = {_expression(y)};" for k, y in components)
        slopes = (
            f"g{name} += by_harmonics[{k} * size + e] * ({_expression(slope)});"
            for k, y in components
            for axis, name in enumerate("xyz")
            if (slope := _derivative(y, axis))
        )
        parts = {"POWERS": powers, "HARMONICS": harmonics, "SLOPES": slopes}
        code = {name: " ".join(lines) for name, lines in parts.items()}
        self.kernel = build(SOURCE, self.dtype, code)

    def forward(self, positions: Tensor, neighbours: Neighbours, counts: Sequence[int]) -> Edges:
        """Edges of atoms of so many of each species; positions as of `evaluator.Evaluator`."""
        kinds = kinds_of_atoms(counts, positions.device)
        if self.kernel is None:
            return self._plain(positions, neighbours, kinds)
        knots, kernel, first = self.knots, self.kernel, neighbours.first
        n, size = len(positions), len(neighbours.senders)
        harmonics = positions.new_empty(len(self.harmonics.components), size, dtype=self.dtype)
        t, units = harmonics.new_empty(size), harmonics.new_empty(4, size)
        senders, interval = (torch.empty_like(neighbours.senders) for _ in range(2))
        last = senders.new_empty(n)
        lengths = knots.shortest_A, knots.spacing_A, knots.r_cut_A, knots.n_intervals
        given = first, neighbours.senders, neighbours.shifts, positions.detach()
        species = self.tables, kinds, len(self.tables)
        found = last, senders, interval, t, harmonics, units
        kernel("forward", *lengths, n, size, *given, *species, *found)

        def gradient(by_harmonics: Tensor, by_t: Tensor) -> tuple[Tensor]:
            edges = first, last, senders, units, by_harmonics, by_t
            return (kernel.add_up(positions, "backward", knots.spacing_A, n, size, *edges),)

        harmonics, t = with_gradient(gradient, (harmonics, t), positions)
        return Edges(first[:-1], last, senders, interval, t, harmonics)

    def _plain(self, positions: Tensor, neighbours: Neighbours, kinds: Tensor) -> Edges:
        vectors = edge_vectors(positions, neighbours)
        near = within(vectors, self.knots.r_cut_A)
        receivers, senders = neighbours.receivers[near], neighbours.senders[near]
        vectors = vectors[near]
        lengths = vectors.square().sum(-1).sqrt()
        units = (vectors / lengths[:, None]).to(self.dtype)
        last = torch.bincount(receivers, minlength=len(positions)).cumsum(0)
        interval, t = self.knots.places(lengths)
        interval = interval + self.knots.n_intervals * self.tables[kinds[receivers], kinds[senders]]
        first = torch.cat([last.new_zeros(1), last[:-1]])
        return Edges(first, last, senders, interval, t.to(self.dtype), self.harmonics(units))


def _expression(polynomial: Polynomial) -> str:
    def factor(axis: str, power: int) -> str:
        return axis if power == 1 else f"{axis}{power}"

    terms = []
    for coefficient, powers in polynomial:
        factors = [factor(a, p) for a, p in zip("xyz", powers, strict=True) if p]
        terms.append(" * ".join([f"(real){coefficient!r}", *factors]))
    return " + ".join(terms)


def _derivative(polynomial: Polynomial, axis: int) -> Polynomial:
    found = []
    for coefficient, powers in polynomial:
        if powers[axis]:
            lower = tuple(p - (k == axis) for k, p in enumerate(powers))
            found.append((coefficient * powers[axis], lower))
    return found
