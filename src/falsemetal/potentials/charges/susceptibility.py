r"""Charges and dipoles that answer to the potential they are in, locally and linearly.

With the potential y at the atoms (and its gradient, at dipoles) multipoles p are those of a local
model, and what the potential moves:

.. math::

    \mathbf p = \mathbf p_\text{loc} - \mathbf S\mathbf y, \qquad
    \mathbf y = \mathbf A\mathbf p + \mathbf v,

for the Coulomb matrix A, an applied potential v, and a susceptibility S that is symmetric and
positive semidefinite, whatever its parameters:

* edges, :math:`\mathbf D\operatorname{diag}(\tfrac12 s_{ji})\mathbf D^T`, over which charge flows
  down the difference of potentials: a dielectric, in which no molecule that has no edge to another
  ever changes its charge;
* a conductor, :math:`\operatorname{diag}\mathbf m - \mathbf m\mathbf m^T/\sum_i m_i` with
  :math:`m_i = 1/J_i` on its atoms: a metal of constant charge whose atoms have the hardness J;
* atoms, the polarisability α of each.

The charges minimise :math:`\tfrac12(\mathbf p - \mathbf p_\text{loc})\mathbf S^{+}
(\mathbf p - \mathbf p_\text{loc}) + \tfrac12\mathbf p\mathbf A\mathbf p + \mathbf v\mathbf p` over
what S can reach, for which stands, without an inverse,

.. math::

    W(\mathbf y) = \tfrac12\mathbf y\mathbf S\mathbf y + \tfrac12\mathbf p\mathbf A\mathbf p
        + \mathbf v\mathbf p, \qquad \mathbf p = \mathbf p_\text{loc} - \mathbf S\mathbf y,

stationary at the potential that is found. So forces need no derivative of it.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor

from falsemetal.potentials.charges.equilibration import EquilibrationError

TOLERANCE_E = 1e-6
"""Largest error of a charge in e, or of a dipole in e·Å."""

MAX_ITERATIONS = 200


@dataclass(frozen=True)
class Susceptibility:
    """S of one structure of n atoms, on potentials of shape (n, 1), or (n, 4) with gradients.

    Attributes
    ----------
    senders, receivers
        Ends of directed edges, shape (m,); every pair has one each way.
    strengths
        s ≥ 0 of the edges in e²/eV, shape (m,).
    mobilities
        1/J of a conductor's atoms in e²/eV, zero elsewhere, shape (n,); None: no conductor.
    polarisabilities
        α ≥ 0 of the atoms in e²Å²/eV, shape (n,); None: dipoles do not answer.
    """

    senders: Tensor
    receivers: Tensor
    strengths: Tensor
    mobilities: Tensor | None = None
    polarisabilities: Tensor | None = None

    def flows(self, potentials: Tensor) -> Tensor:
        """Charge in e that each edge takes from its sender to its receiver, shape (m,)."""
        own = potentials[:, 0]
        return -0.5 * self.strengths * (own[self.receivers] - own[self.senders])

    def of_conductor(self, potentials: Tensor) -> Tensor:
        """Charges in e that the conductor's atoms gain, shape (n,), zero in sum."""
        own = potentials[:, 0]
        if self.mobilities is None:
            return torch.zeros_like(own)
        return -self.mobilities * (own - self.level(potentials))

    def level(self, potentials: Tensor) -> Tensor:
        """Potential of the conductor in V, the mean of its atoms' by 1/J; NaN without one."""
        if self.mobilities is None:
            return potentials.new_full((), torch.nan)
        return (self.mobilities @ potentials[:, 0]) / self.mobilities.sum()

    def apply(self, potentials: Tensor) -> Tensor:
        """S y in e and e·Å, in the shape of the potentials (V) and gradients (V/Å) y."""
        flows = self.flows(potentials)
        charges = -self.of_conductor(potentials)
        charges = charges.index_add(0, self.senders, flows)
        charges = charges.index_add(0, self.receivers, -flows)
        if self.polarisabilities is None:
            return charges[:, None]
        dipoles = self.polarisabilities[:, None] * potentials[:, 1:]
        return torch.cat([charges[:, None], dipoles], 1)

    def energy(self, potentials: Tensor) -> Tensor:
        """½ y·S y in eV, as a sum of squares."""
        own = potentials[:, 0]
        apart = own[self.receivers] - own[self.senders]
        found = 0.25 * (self.strengths * apart.square()).sum()
        if self.mobilities is not None:
            beside = own - self.level(potentials)
            found = found + 0.5 * (self.mobilities * beside.square()).sum()
        if self.polarisabilities is not None:
            squares = potentials[:, 1:].square().sum(1)
            found = found + 0.5 * (self.polarisabilities * squares).sum()
        return found

    def matrix(self, n_atoms: int) -> Tensor:
        """S as a matrix, atom by atom, shape (n, n), or (4n, 4n) with dipoles."""
        weights = self.strengths.new_zeros(n_atoms, n_atoms)
        weights = weights.index_put(
            (self.receivers, self.senders), 0.5 * self.strengths, accumulate=True
        )
        weights = weights + weights.T
        found = weights.sum(1).diag() - weights
        if self.mobilities is not None:
            m = self.mobilities
            found = found + m.diag() - torch.outer(m, m) / m.sum()
        if self.polarisabilities is None:
            return found
        charge = torch.tensor([1.0, 0.0, 0.0, 0.0]).to(found)
        dipole = self.polarisabilities[:, None] * (1.0 - charge)
        return torch.kron(found, charge.diag()) + dipole.flatten().diag()


class Potentials(NamedTuple):
    """Potentials y of the shape that S takes, and the steps they took."""

    values: Tensor
    iterations: int


def solve_densely(susceptibility: Susceptibility, coulomb: Tensor, felt: Tensor) -> Tensor:
    """Potentials y = (1 + A S)⁻¹ f, differentiable to any order.

    `coulomb` is A in the shape of S; `felt`, shape (n, 1) or (n, 4), the potential
    f = A p_loc + v of the local multipoles.
    """
    matrix = coulomb @ susceptibility.matrix(len(felt))
    matrix = matrix + torch.eye(len(matrix)).to(matrix)
    found: Tensor = torch.linalg.solve(matrix, felt.flatten())
    return found.view(felt.shape)


@torch.no_grad()
def solve_iteratively(
    susceptibility: Susceptibility,
    coulomb: Callable[[Tensor], Tensor],
    felt: Tensor,
    *,
    tolerance_e: float = TOLERANCE_E,
    max_iterations: int = MAX_ITERATIONS,
) -> Potentials:
    """Potentials y = (1 + A S)⁻¹ f by conjugate gradients in the inner product of S.

    In it 1 + A S is symmetric and positive; without a conductor its eigenvalues lie between one
    and a few, so that a handful of steps suffice. `coulomb` applies A to multipoles. Steps end
    where what the residual moves, S r, is below the tolerance.

    EquilibrationError where they do not.
    """
    apply = susceptibility.apply
    potentials = felt.clone()
    residual = -coulomb(apply(potentials))
    direction, moved = residual, apply(residual)
    along = moved
    decrease = (residual * moved).sum()
    for iteration in range(max_iterations + 1):
        error = float(moved.abs().max())
        if error <= tolerance_e:
            return Potentials(potentials, iteration)
        turned = direction + coulomb(along)
        length = decrease / (along * turned).sum()
        potentials = potentials + length * direction
        residual = residual - length * turned
        moved = apply(residual)
        before, decrease = decrease, (residual * moved).sum()
        direction = residual + (decrease / before) * direction
        along = moved + (decrease / before) * along
    raise EquilibrationError(
        f"the charges of {len(felt)} atoms did not settle: after {max_iterations} steps one is off "
        f"by {error:.1e} e, more than {tolerance_e:.1e} e; look for atoms that nearly coincide, or "
        "allow a larger tolerance"
    )
