r"""Charges that minimise a quadratic energy, densely solved and differentiable to any order.

.. math::

    E(\mathbf q) = \mathbf b\cdot\mathbf q + \tfrac12\,\mathbf q\cdot\mathbf H\mathbf q,
    \qquad \mathbf C^T\mathbf q = \mathbf Q,

where :math:`\mathbf b = \boldsymbol\chi + \mathbf v` holds electronegativities and the applied
potential, :math:`\mathbf H = \mathbf A + \operatorname{diag}\mathbf J` the Coulomb matrix and the
hardness, and every column of C marks the atoms that share a charge Q: all of them, or a group
(a molecule, a fragment). The solution and its multipliers λ are those of

.. math::

    \mathbf H\mathbf q + \mathbf b + \mathbf C\boldsymbol\lambda = 0, \qquad
    \mathbf q = \mathbf q_0 - \mathbf P(\mathbf b + \mathbf H\mathbf q_0), \qquad
    \mathbf P = \mathbf H^{-1}
        - \mathbf H^{-1}\mathbf C(\mathbf C^T\mathbf H^{-1}\mathbf C)^{-1}\mathbf C^T\mathbf H^{-1}

for any :math:`\mathbf q_0` with the right charges. P is symmetric, and
:math:`\mathrm d\mathbf P = -\mathbf P\,\mathrm d\mathbf H\,\mathbf P`.

λ = −dE/dQ is the chemical potential of electrons dE/dN, in eV: with one electron more Q is one
less. Its zero is that of the electrostatic potential that A and v define: infinity without
periodicity, the mean over the cell in one that is periodic. `falsemetal.potentials.charges.fermi`
counts that of a film from the vacuum.

Batches are padded: rows of H beyond a system's atoms are those of the identity, of b and C zero.
"""

from dataclasses import dataclass
from typing import Any, NamedTuple

import torch
from ase.calculators.calculator import CalculationFailed
from torch import Tensor


class EquilibrationError(ValueError, CalculationFailed):
    """Charges that no minimum fixes, or that were not found; the message says what to do.

    In a run it is a failure of the potential, which ends it like any other.
    """


class Equilibrium(NamedTuple):
    """Charges that minimise the energy, of a batch of g systems.

    `charges`, shape (g, n), in e; `multipliers` λ in eV/e, shape (g, m), of m constraints; the
    energy b·q + ½ q·H·q in eV, shape (g,). `capacitance` is the derivative of a system's total
    charge by the potential that holds it (−λ), shape (g,), in e/V: 1·H⁻¹·1. Of a film it means
    nothing, as a charged one has no defined energy; see the response to two potentials instead.
    """

    charges: Tensor
    multipliers: Tensor
    energy: Tensor
    capacitance: Tensor


@dataclass(frozen=True)
class Factor:
    """Cholesky factor of H, shape (g, n, n), and what constraints (g, n, m) make of it.

    `responses` are H⁻¹C; `stiffness`, shape (g, m, m), the inverse of CᵀH⁻¹C.
    """

    cholesky: Tensor
    constraints: Tensor
    responses: Tensor
    stiffness: Tensor

    def solve(self, right: Tensor) -> Tensor:
        """H⁻¹ x for x of shape (g, n)."""
        solution: Tensor = torch.cholesky_solve(right[..., None], self.cholesky)[..., 0]
        return solution

    def project(self, right: Tensor) -> Tensor:
        """P x for x of shape (g, n)."""
        plain = self.solve(right)
        totals = torch.einsum("gnm,gn->gm", self.constraints, plain)
        shares = torch.einsum("gmk,gk->gm", self.stiffness, totals)
        return plain - torch.einsum("gnm,gm->gn", self.responses, shares)


@torch.no_grad()
def factorise(matrix: Tensor, constraints: Tensor) -> Factor:
    """Factor of H, shape (g, n, n), float64, under constraints C of shape (g, n, m).

    EquilibrationError where H is not positive definite.
    """
    cholesky, failed = torch.linalg.cholesky_ex(matrix)
    if failed.any():
        where = int(failed.nonzero()[0, 0])
        raise EquilibrationError(
            f"system {where} of the batch: Coulomb matrix plus hardness is not positive definite; "
            "the hardness must not be negative, and where it is zero no two atoms may coincide"
        )
    responses = torch.cholesky_solve(constraints, cholesky)
    capacitances = constraints.mT @ responses
    # a column without atoms pads a batch
    empty = torch.diag_embed((~constraints.any(1)).to(matrix))
    stiffness = torch.linalg.inv(capacitances + empty)
    return Factor(cholesky, constraints, responses, stiffness)


class ProjectedSolve(torch.autograd.Function):
    """P x as a function of H and x; its backward pass is made of itself, so any order exists."""

    @staticmethod
    def forward(ctx: Any, matrix: Tensor, right: Tensor, factor: Factor) -> Tensor:
        """P x, shape (g, n); the factor is of this very matrix."""
        solution = factor.project(right)
        ctx.factor = factor
        ctx.save_for_backward(matrix, solution)
        return solution

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, Tensor, None]:
        """By P = Pᵀ and dP = −P dH P."""
        matrix, solution = ctx.saved_tensors
        adjoint = projected_solve(matrix, gradients[0], ctx.factor)
        return -adjoint[..., :, None] * solution[..., None, :], adjoint, None


def projected_solve(matrix: Tensor, right: Tensor, factor: Factor) -> Tensor:
    """P x, shape (g, n), by :class:`ProjectedSolve`."""
    solution: Tensor = ProjectedSolve.apply(matrix, right, factor)  # type: ignore[no-untyped-call]
    return solution


def equilibrate(
    matrix: Tensor, potentials: Tensor, constraints: Tensor, totals: Tensor
) -> Equilibrium:
    """Charges of least energy at given total charges, differentiable in matrix and potentials.

    Parameters
    ----------
    matrix
        H, shape (g, n, n), eV/e², float64.
    potentials
        b = χ + v, shape (g, n), V.
    constraints
        C, shape (g, n, m), one where an atom belongs to a group, else zero; no atom is in two.
    totals
        Q, shape (g, m), e.

    EquilibrationError where H is not positive definite.
    """
    factor = factorise(matrix, constraints)
    members = constraints.sum(1).clamp(min=1.0)
    start = torch.einsum("gnm,gm->gn", constraints, totals / members)
    felt = potentials + torch.einsum("gij,gj->gi", matrix, start)
    charges = start - projected_solve(matrix, felt, factor)
    by_charges = potentials + torch.einsum("gij,gj->gi", matrix, charges)
    multipliers = -torch.einsum("gnm,gn->gm", constraints, by_charges) / members
    return Equilibrium(
        charges,
        multipliers,
        0.5 * (charges * (potentials + by_charges)).sum(-1),
        _capacitance(factor, constraints.sum(-1)),
    )


def equilibrate_at_potential(
    matrix: Tensor, potentials: Tensor, atoms: Tensor, potential_V: Tensor
) -> Equilibrium:
    """Charges of systems whose electrons have a given chemical potential, −μ.

    They minimise E − μ Q for the potential μ in V, shape (g,), at which all atoms are held; `atoms`
    of shape (g, n) is one for atoms and zero for padding. The energy is E − μ Q, and the only
    multiplier λ = −μ.
    """
    nothing = atoms.new_zeros(*atoms.shape, 0)
    factor = factorise(matrix, nothing)
    held = potentials - potential_V[:, None] * atoms
    charges = -projected_solve(matrix, held, factor)
    by_charges = held + torch.einsum("gij,gj->gi", matrix, charges)
    return Equilibrium(
        charges,
        -potential_V[:, None],
        0.5 * (charges * (held + by_charges)).sum(-1),
        _capacitance(factor, atoms),
    )


def _capacitance(factor: Factor, atoms: Tensor) -> Tensor:
    return (atoms * factor.solve(atoms)).sum(-1)


def pad(matrices: list[Tensor]) -> Tensor:
    """Batch of square matrices, shape (g, n, n), filled up with rows of the identity."""
    size = max(len(matrix) for matrix in matrices)
    return torch.stack([_pad_one(matrix, size) for matrix in matrices])


def _pad_one(matrix: Tensor, size: int) -> Tensor:
    missing = size - len(matrix)
    rest = torch.eye(missing, dtype=matrix.dtype, device=matrix.device)
    return torch.block_diag(matrix, rest) if missing else matrix


def groups_as_constraints(groups: Tensor) -> Tensor:
    """Columns of C, shape (n, m), float64, of atoms with group numbers 0 … m − 1, shape (n,)."""
    return torch.nn.functional.one_hot(groups).double()
