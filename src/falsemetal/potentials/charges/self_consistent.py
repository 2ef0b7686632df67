r"""Charges of atoms that answer to the potential they feel by a curve, in structures of any kind.

.. math::

    q_i = F_i(\mathbf q, \mu)
        = -\frac{\chi_i + y_i - \mu}{J_i} + N_i(y_i - \mu, |\nabla y_i|^2, \tilde y_i - \mu,
        |\nabla\tilde y_i|^2), \qquad \mathbf y = \mathbf A\mathbf q + \mathbf v, \qquad
    \sum_i q_i = Q,

with the potential y of all Gaussian charges of width σ and of a field, as read by Gaussians of that
width and, ỹ, of a wider one; the charge of the atom itself is included. The bend N is bounded,

.. math::

    N = -\mathbf w\cdot\tanh(\mathbf h_i + \mathbf U\mathbf u), \qquad
    \mathbf u = (y - \mu,\ \tilde y - \mu,\ \ln(1 + |\nabla y|^2),\ \ln(1 + |\nabla\tilde y|^2)),

in V and V/Å, with w ≥ 0 and what U makes of potentials ≥ 0: an atom at a higher potential never has
more charge, so that the total charge rises with μ, at least as 1/J does. As the linear part has one
solution, which is bounded by what is added to it, there always is a fixed point; that it is the
only one, or a stable one, has to be learned. Without a bend the charges are those of
:mod:`falsemetal.potentials.charges.equilibration`.

The energy is the one that they minimise without a bend; with it is not stationary, so that its
derivatives follow the charges (:mod:`falsemetal.potentials.charges.fixed_point`).
"""

import math
from typing import NamedTuple, cast

import torch
from torch import Tensor

from falsemetal.electrostatics.matrix import open_matrix, periodic_root
from falsemetal.potentials.charges.equilibration import equilibrate, factorise
from falsemetal.potentials.charges.fixed_point import Search, fixed_point_of_total
from falsemetal.potentials.charges.response import Equilibration, Response
from falsemetal.potentials.graph import Graph

N_READ = 4
"""Potentials and logarithms of squared gradients, by two widths."""


class Bend(NamedTuple):
    """What bends the answer of atoms to what they feel, float64.

    `hidden` h is of shape (n, m), `by_felt` U of shape (m, 4), `readout` w of shape (m,), in e; w
    and the first two columns of U, which read potentials, are not negative.
    """

    hidden: Tensor
    by_felt: Tensor
    readout: Tensor


class Probes(NamedTuple):
    """Potentials of charges, by waves: read (q · sources), float64.

    `sources` is of shape (n, w). `narrow` and `wide`, shape (n, 4, w), read potential (V) and
    gradient (V/Å); `applied`, shape (n, 4), is both of the field.
    """

    sources: Tensor
    narrow: Tensor
    wide: Tensor
    applied: Tensor

    def felt(self, charges: Tensor) -> Tensor:
        """Potential and gradient by both widths, shape (n, 2, 4)."""
        waves = charges @ self.sources
        return torch.stack([self.narrow @ waves, self.wide @ waves], 1) + self.applied[:, None]


def probes_of(
    graph: Graph,
    index: int,
    positions: Tensor,
    *,
    widths_A: tuple[float, float],
    cutoff_per_A: float,
) -> Probes:
    """Probes of one structure of a batch, in Å; the first width is that of the charges."""
    field = graph.field_V_per_A[index]
    applied = torch.cat([-(positions @ field)[:, None], -field.expand(len(positions), 3)], 1)
    if bool(graph.isolated[index]):
        # a Gaussian of a width in the potential of one of another: both of the mean square
        narrow, wide = (
            open_matrix(
                positions,
                torch.full_like(positions[:, 0], math.sqrt(0.5 * (widths_A[0] ** 2 + width**2))),
                dipoles=True,
            ).view(len(positions), 4, len(positions), 4)[..., 0]
            for width in widths_A
        )
        return Probes(torch.eye(len(positions)).to(narrow), narrow, wide, applied)
    narrow, wide = (
        periodic_root(
            positions,
            graph.cells[index],
            smearing_A=width,
            cutoff_per_A=cutoff_per_A,
            film=bool(graph.slab[index]),
            dipoles=True,
        )
        for width in widths_A
    )
    return Probes(narrow[:, 0], narrow, wide, applied)


def answer(
    charges: Tensor,
    level: Tensor,
    electronegativity: Tensor,
    hardness: Tensor,
    *others: Tensor,
) -> Tensor:
    """F(q, μ) of one structure, shape (n,), by all that the charges depend on.

    Others are the fields of :class:`Bend` and of :class:`Probes`.
    """
    bend, probes = Bend(*others[:3]), Probes(*others[3:])
    felt = probes.felt(charges)
    potentials = felt[..., 0] - level
    read = torch.cat([potentials, felt[..., 1:].square().sum(-1).log1p()], 1)
    bent = torch.tanh(bend.hidden + read @ bend.by_felt.T) @ bend.readout
    return -bent - (electronegativity + potentials[:, 0]) / hardness


class _Unbent:
    """What charges would be without a bend, and steps towards it: a start and a preconditioner.

    Dense, as the probes are: for some thousand atoms at most.
    """

    @torch.no_grad()
    def __init__(self, probes: Probes, chi: Tensor, hardness: Tensor, total_e: Tensor) -> None:
        matrix = (probes.narrow[:, 0] @ probes.sources.T + hardness.diag())[None]
        everywhere = torch.ones_like(matrix[..., :1])
        potentials = chi + probes.applied[:, 0]
        found = equilibrate(matrix, potentials[None], everywhere, total_e[None, None])
        self.charges, self.level_V = found.charges[0], -float(found.multipliers)
        self._hardness, self._factor = hardness, factorise(matrix, everywhere)

    def __call__(self, change: Tensor) -> Tensor:
        """(1 + J⁻¹A)⁻¹ within the total charge, for F(q) − q in e."""
        return self._factor.project((self._hardness * change)[None])[0]


def respond_self_consistently(
    equilibration: Equilibration,
    graph: Graph,
    electronegativity: Tensor,
    hardness: Tensor,
    bend: Bend,
    *,
    wide_A: float,
    search: Search,
) -> Response:
    """Charges that are self-consistent, and the energy b·q + ½ q·(A + J) q that they have.

    Electronegativity χ (V) and hardness J (eV/e²), both of shape (n,), are positive in J; the other
    width is `wide_A`. All is differentiable to any order; the Fermi level −μ is a derivative of the
    energy only without a bend. FixedPointError where no fixed point is found.
    """
    sizes = torch.bincount(graph.batch, minlength=graph.n_graphs).tolist()
    widths = equilibration.smearing_A, wide_A
    parts = zip(
        *(
            x.double().split(sizes)
            for x in (graph.positions, electronegativity, hardness, bend.hidden)
        ),
        strict=True,
    )
    charges, multipliers, energies = [], [], []
    for index, (positions, chi, own, hidden) in enumerate(parts):
        probes = probes_of(
            graph, index, positions, widths_A=widths, cutoff_per_A=equilibration.cutoff_per_A
        )
        total = graph.total_charge_e[index]
        unbent = _Unbent(probes, chi, own, total)
        found = fixed_point_of_total(
            answer,
            unbent.charges,
            total,
            (chi, own, hidden, *bend[1:], *probes),
            level_V=unbent.level_V,
            precondition=unbent,
            search=search,
        )
        q = found.values
        felt = probes.felt(q)[:, 0, 0]
        outside = chi + 0.5 * (own * q + felt + probes.applied[:, 0])
        charges.append(q)
        multipliers.append(-cast(Tensor, found.level_V))
        energies.append(q @ outside)
    return equilibration.completed(
        graph, torch.cat(charges), torch.stack(multipliers), torch.stack(energies)
    )
