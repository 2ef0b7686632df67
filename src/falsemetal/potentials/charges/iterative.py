r"""Charges that minimise a quadratic energy, by preconditioned conjugate gradients.

The matrix is never made: the Coulomb part is applied on a mesh. Charges stay in the space of the
constraint, as its part is taken out of every preconditioned residual (Gould, Hribar and Nocedal,
doi:10.1137/S1064827598345667). For notation see :mod:`falsemetal.potentials.charges.equilibration`.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from falsemetal.electrostatics.coulomb import Response, coulomb_response
from falsemetal.potentials.charges.equilibration import EquilibrationError
from falsemetal.potentials.charges.preconditioner import Diagonal, LongWaves, Preconditioner
from falsemetal.units import EPSILON_0

TOLERANCE_V = 1e-6
"""Largest residual of an atom's potential; at 10⁻⁴ V charges are within 7·10⁻⁶ e."""

MAX_ITERATIONS = 500


class Solution(NamedTuple):
    """Charges in e, shape (n,), multipliers λ in eV/e, shape (m,), and the steps taken."""

    charges: Tensor
    multipliers: Tensor
    iterations: int


@dataclass(frozen=True)
class ConjugateGradients:
    """Solver for one system of n atoms.

    Attributes
    ----------
    apply
        H q for q of shape (n,).
    precondition
        Approximate inverse of H; a diagonal one if there is more than one group.
    groups
        Number of the group of each atom, 0 … m − 1, whose charge is constant; None: no constraint.
    tolerance_V
        Largest residual of an atom's potential.
    fallback
        Taken instead where the first preconditioner turns out not to be positive.
    """

    apply: Callable[[Tensor], Tensor]
    precondition: Preconditioner
    groups: Tensor | None
    tolerance_V: float = TOLERANCE_V
    max_iterations: int = MAX_ITERATIONS
    fallback: Preconditioner | None = None
    _of_groups: Tensor = field(init=False, repr=False)

    def __post_init__(self) -> None:
        if self.groups is None:
            return
        if int(self.groups.max()) > 0 and not self.precondition.diagonal:
            raise ValueError("several groups need a diagonal preconditioner")
        ones = torch.ones(len(self.groups), dtype=torch.float64, device=self.groups.device)
        object.__setattr__(self, "_of_groups", self.precondition(ones))

    def solve(self, potentials: Tensor, start: Tensor) -> Solution:
        """Minimise b·q + ½ q·H·q from charges in e that have the right totals.

        EquilibrationError where the tolerance is not met.
        """
        charges = start.clone()
        residual = -potentials - self.apply(charges)
        step, multipliers, rest = self._towards(residual)
        direction = step
        decrease = rest @ step
        for iteration in range(self.max_iterations + 1):
            error_V = float(rest.abs().max())
            if error_V <= self.tolerance_V:
                return Solution(charges, multipliers, iteration)
            turned = self.apply(direction)
            curvature = direction @ turned
            if not (curvature > 0.0 and decrease > 0.0):
                if self.fallback is None:
                    break
                return replace(self, precondition=self.fallback, fallback=None).solve(
                    potentials, start
                )
            length = decrease / curvature
            charges = charges + length * direction
            residual = residual - length * turned
            step, multipliers, rest = self._towards(residual)
            before, decrease = decrease, rest @ step
            direction = step + (decrease / before) * direction
        raise EquilibrationError(
            f"the charges of {len(start)} atoms did not converge: after {iteration} steps the "
            f"potential of an atom is off by {error_V:.1e} V, "
            f"more than {self.tolerance_V:.1e} V; look for atoms that coincide or a hardness near "
            "zero, allow a larger tolerance, or solve densely"
        )

    def project(self, right: Tensor) -> Tensor:
        """P x for x of shape (n,)."""
        return self.solve(-right, torch.zeros_like(right)).charges

    def _towards(self, residual: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Preconditioned residual within the constraint, multipliers, and what they leave of it.

        The whole has the same product with a step within the constraint, but rounded where the
        multipliers are large.
        """
        step = self.precondition(residual)
        if self.groups is None:
            return step, residual.new_zeros(0), residual
        totals = residual.new_zeros(int(self.groups.max()) + 1)
        multipliers = totals.index_add(0, self.groups, step) / totals.index_add(
            0, self.groups, self._of_groups
        )
        shared = multipliers[self.groups]
        return step - shared * self._of_groups, multipliers, residual - shared


@dataclass(frozen=True)
class PeriodicSystem:
    """A periodic cell for the mesh; fields are as of a Coulomb matrix's arguments."""

    cell: Tensor
    smearing_A: float
    cutoff_per_A: float
    film: bool

    def solver(
        self,
        positions: Tensor,
        hardness: Tensor,
        groups: Tensor | None,
        *,
        tolerance_V: float = TOLERANCE_V,
        max_iterations: int = MAX_ITERATIONS,
    ) -> ConjugateGradients:
        """Solver for atoms of a hardness in eV/e², shape (n,), float64."""
        z: Tensor | None = None
        if self.film:
            volume = torch.linalg.det(self.cell.double()).abs()
            z = positions[:, 2] / (EPSILON_0 * volume).sqrt()

        def apply(charges: Tensor) -> Tensor:
            potential = hardness * charges + self._response(charges, positions).by_charges
            return potential if z is None else potential + (z @ charges) * z

        diagonal = Diagonal(hardness, self.smearing_A)
        long_waves: Preconditioner | None = None
        if groups is None or not groups.any():
            long_waves = LongWaves(
                hardness, positions, self.cell, smearing_A=self.smearing_A, film=self.film
            )
        return ConjugateGradients(
            apply,
            long_waves or diagonal,
            groups,
            tolerance_V,
            max_iterations,
            fallback=diagonal if long_waves else None,
        )

    def gradient(self, charges: Tensor, positions: Tensor) -> Tensor:
        """Differentiate ½ q·A·q by the positions, in eV/Å, shape (n, 3)."""
        by_positions = self._response(charges, positions).by_positions
        if self.film:
            volume = torch.linalg.det(self.cell.double()).abs()
            by_positions = by_positions.clone()
            by_positions[:, 2] += charges * (charges @ positions[:, 2]) / (EPSILON_0 * volume)
        return by_positions

    def _response(self, charges: Tensor, positions: Tensor) -> Response:
        return coulomb_response(
            charges,
            None,
            positions,
            self.cell,
            smearing_A=self.smearing_A,
            cutoff_per_A=self.cutoff_per_A,
            mesh=True,
        )


class _EquilibratedCharges(torch.autograd.Function):
    """Charges as a function of positions, b and J, once differentiable."""

    @staticmethod
    def forward(
        ctx: Any,
        positions: Tensor,
        potentials: Tensor,
        hardness: Tensor,
        start: Tensor,
        system: PeriodicSystem,
        solver: ConjugateGradients,
    ) -> tuple[Tensor, Tensor]:
        found = solver.solve(potentials, start)
        ctx.system, ctx.solver = system, solver
        ctx.save_for_backward(positions, found.charges)
        ctx.mark_non_differentiable(found.multipliers)
        return found.charges, found.multipliers

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        positions, charges = ctx.saved_tensors
        adjoint = ctx.solver.project(gradients[0])
        # a·A′·q from squares: ½ [½(a+q)A′(a+q) − ½(a−q)A′(a−q)]
        plus, minus = (
            ctx.system.gradient(adjoint + sign * charges, positions) for sign in (1.0, -1.0)
        )
        return -0.5 * (plus - minus), -adjoint, -adjoint * charges, None, None, None


def equilibrated_charges(
    system: PeriodicSystem,
    solver: ConjugateGradients,
    positions: Tensor,
    potentials: Tensor,
    hardness: Tensor,
    start: Tensor,
) -> tuple[Tensor, Tensor]:
    """Charges in e, once differentiable in all that is float64 here, and multipliers.

    The solver is that of the system at these positions and this hardness; b = χ + v in V; `start`
    has the right totals. One more solution gives the derivatives.
    """
    found: tuple[Tensor, Tensor] = _EquilibratedCharges.apply(  # type: ignore[no-untyped-call]
        positions, potentials, hardness, start, system, solver
    )
    return found


def extrapolate(history: Sequence[Tensor]) -> Tensor:
    """Start for the next of equally spaced steps, 3q₁ − 3q₂ + q₃ of the last three, newest first.

    Of fewer the newest; all must have the same totals, which the result has, too. Results then
    depend on the history within the tolerance: an exact continuation has to keep it.
    """
    if len(history) < 3:
        return history[0]
    first, second, third = history[:3]
    return 3.0 * first - 3.0 * second + third
