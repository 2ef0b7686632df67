r"""Approximate inverses of Coulomb matrix plus hardness.

Far from the diagonal the matrix is that of long waves, whose stiffness in a uniform density ρ of
atoms of hardness J is known: J + ρ g(k) for a kernel g. Hence

.. math::

    \mathbf M^{-1} = \mathbf D^{-1/2}\Big[\mathbf 1 - \tfrac{s}{V}\sum_{\mathbf k}
        G(k)\,e^{i\mathbf k\cdot(\mathbf r_i - \mathbf r_j)}\Big]\mathbf D^{-1/2},
    \qquad G = \frac{g}{\bar D + \rho g}\,e^{-(k/k_c)^4},

with D = J + A on the diagonal. Atoms are not uniform at short waves: without the damping beyond
:math:`k_c` the bracket is not positive and conjugate gradients take longer than without it. In
what is left the sum's largest eigenvalue is still a little above one, where atoms are denser than
on average; s takes that out.
"""

import math
from typing import Protocol

import torch
from torch import Tensor

from falsemetal.electrostatics.operator import operator_of_kernel
from falsemetal.electrostatics.reciprocal import gaussian_kernel
from falsemetal.units import COULOMB, EPSILON_0

DAMPING_PER_A = 1.2
CUTOFF_PER_A = 2.0
"""Beyond it the damping leaves less than a thousandth."""

SHARE = 0.85
LANCZOS_STEPS = 5
"""Enough to know the largest eigenvalue to 5 %, for which the share leaves room."""

ATOM_HEIGHT_A = 3.0
"""What a film is thicker than the distance between its outermost atoms."""


class Preconditioner(Protocol):
    """An approximate inverse of a symmetric positive definite matrix."""

    diagonal: bool

    def __call__(self, residual: Tensor) -> Tensor:
        """Apply to a residual in V, shape (n,); returns charges in e."""


class Diagonal:
    """1/(J + A_ii), for charges that move within groups."""

    diagonal = True

    def __init__(self, hardness: Tensor, smearing_A: float) -> None:
        self._inverse = 1.0 / (hardness + COULOMB / (math.sqrt(math.pi) * smearing_A))

    def __call__(self, residual: Tensor) -> Tensor:
        """Apply to a residual in V, shape (n,); returns charges in e."""
        return self._inverse * residual


class LongWaves:
    """The inverse of long waves on top of the diagonal one, for charges that move everywhere."""

    diagonal = False

    def __init__(
        self, hardness: Tensor, positions: Tensor, cell: Tensor, *, smearing_A: float, film: bool
    ) -> None:
        """Hardness in eV/e², shape (n,); the rest as of a Coulomb matrix."""
        own = COULOMB / (math.sqrt(math.pi) * smearing_A)
        self._root = (hardness + own).rsqrt()
        volume = float(torch.linalg.det(cell.double()).abs())
        if film:
            z = positions[:, 2]
            thickness = float(z.max() - z.min()) + ATOM_HEIGHT_A
            volume *= min(1.0, thickness / float(cell[2, 2].abs()))
        density, mean = len(positions) / volume, float(hardness.mean()) + own

        def damped(k_squared: Tensor) -> Tensor:
            plain = gaussian_kernel(k_squared, CUTOFF_PER_A, smearing_A) / EPSILON_0
            damping = torch.exp(-k_squared.square() / DAMPING_PER_A**4)
            return damping * plain * (1.0 / (mean + density * plain))

        self._waves = operator_of_kernel(positions, cell, damped, CUTOFF_PER_A)
        self._share = SHARE / max(1.0, self._largest_eigenvalue(len(positions)))

    def __call__(self, residual: Tensor) -> Tensor:
        """Apply to a residual in V, shape (n,); returns charges in e."""
        scaled = self._root * residual
        return self._root * (scaled - self._share * self._waves(scaled))

    def _largest_eigenvalue(self, n_atoms: int) -> float:
        """By a few steps of Lanczos, from below."""
        generator = torch.Generator().manual_seed(0)
        vector = torch.randn(n_atoms, generator=generator, dtype=torch.float64).to(self._root)
        vector, last = vector / vector.norm(), torch.zeros_like(vector)
        on, off = [], [0.0]
        for _ in range(min(LANCZOS_STEPS, n_atoms)):
            turned = self._waves(vector) - off[-1] * last
            on.append(float(turned @ vector))
            turned = turned - on[-1] * vector
            off.append(float(turned.norm()))
            if off[-1] < 1e-12:
                break
            last, vector = vector, turned / off[-1]
        beside = torch.tensor(off[1 : len(on)], dtype=torch.float64)
        tridiagonal = torch.tensor(on, dtype=torch.float64).diag()
        tridiagonal = tridiagonal + beside.diag(1) + beside.diag(-1)
        return float(torch.linalg.eigvalsh(tridiagonal)[-1])
