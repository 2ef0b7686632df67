r"""Charges that minimise a convex energy that is not quadratic.

.. math::

    W(\mathbf p) = \tfrac12\,\boldsymbol\Delta\cdot\mathbf K\boldsymbol\Delta
        + \sum_i s_i(\Delta_i) + \tfrac12\,\mathbf p\cdot\mathbf A\mathbf p
        + \mathbf v\cdot\mathbf p, \qquad
    \boldsymbol\Delta = \mathbf p - \mathbf p^\text{loc}, \qquad \sum_i p_i = Q,

with the charges :math:`\mathbf p^\text{loc}` that atoms have by themselves, a hardness K > 0 in
eV/e², the Coulomb matrix A and a potential v in V. The functions s are input-convex networks of one
hidden layer, which is all that a function of one variable needs:

.. math::

    s(\Delta) = \sum_m a_m\big[\operatorname{sp}(w_m\Delta + b_m) - \operatorname{sp}(b_m)
        - w_m\Delta\,\sigma(b_m)\big], \qquad a_m \ge 0,

with softplus sp and its derivative σ. Value and slope vanish at Δ = 0, so that
:math:`\mathbf p^\text{loc}` stays what it is, and s ≥ 0: a hardness that depends on the charge.
With a = 0 the minimum is that of :mod:`falsemetal.potentials.charges.equilibration` with
:math:`\boldsymbol\chi = -\mathbf K\mathbf p^\text{loc}`.

A convex W has one minimum, Newton's method with a line search finds it from anywhere, and each of
its steps is a quadratic problem, solved by conjugate gradients within the constraint. At the
minimum the derivatives of W need none of the charges (W is stationary), and those of the charges
come from one more such problem (:mod:`falsemetal.potentials.charges.implicit`).
"""

from collections.abc import Callable, Sequence
from functools import partial
from typing import NamedTuple

import torch
from torch import Tensor

from falsemetal.potentials.charges.equilibration import EquilibrationError
from falsemetal.potentials.charges.implicit import (
    LINEAR_TOLERANCE,
    Product,
    root_with_derivatives,
    transposed_product,
)
from falsemetal.potentials.charges.iterative import ConjugateGradients
from falsemetal.potentials.charges.preconditioner import Preconditioner

TOLERANCE_V = 1e-8
"""Largest difference between the potentials of two atoms and their mean at the minimum."""

MAX_STEPS = 50
MAX_HALVINGS = 40
SUFFICIENT_DECREASE = 1e-4
FORCING = 0.01
"""Share of a gradient that a step may leave; smaller ones near the minimum."""

Energy = Callable[..., Tensor]
"""W(p, θ₁, …) in eV, shape (), of p of shape (n,), convex in p."""


class ConvexMinimum(NamedTuple):
    """Charges of least energy, shape (n,), in e.

    `energy` W in eV, shape (); λ = −dW/dQ in eV/e, shape (), as in
    :mod:`falsemetal.potentials.charges.equilibration`; `steps` of Newton's method.
    """

    charges: Tensor
    energy: Tensor
    multiplier: Tensor
    steps: int


def convex_network(change: Tensor, weights: Tensor, slopes: Tensor, offsets: Tensor) -> Tensor:
    """Sum of s(Δ) over atoms in eV, shape (); convex in Δ, zero with zero slope at Δ = 0.

    Changes Δ of charges, shape (n,), are in e; weights a ≥ 0 in eV, slopes w in 1/e and offsets b,
    all of shape (n, m) or what broadcasts to it.
    """
    argument = slopes * change[:, None]
    zero = torch.zeros_like(offsets)
    # softplus by logaddexp: PyTorch's own has a kink
    bent = torch.logaddexp(argument + offsets, zero) - torch.logaddexp(offsets, zero)
    return (weights * (bent - argument * torch.sigmoid(offsets))).sum()


def minimise(
    energy: Energy,
    start: Tensor,
    total_e: Tensor,
    parameters: Sequence[Tensor],
    *,
    precondition: Preconditioner,
    tolerance_V: float = TOLERANCE_V,
    max_steps: int = MAX_STEPS,
) -> ConvexMinimum:
    """Minimise W(p, *parameters) at the total charge Q, a function of Q and the parameters.

    Parameters
    ----------
    energy
        W, strictly convex in p within the constraint; as often differentiable as charges are to be,
        and twice more.
    start
        Charges, shape (n,), float64. They are shifted to the total charge; W only decreases, so
        that a start from the quadratic minimum gives an energy not above its own.
    total_e
        Q, shape ().
    parameters
        Tensors θ of any shape by which charges and energy can be differentiated, to any order.
    precondition
        Approximate inverse of W's second derivative.

    EquilibrationError where W is not convex or the tolerance is not met.
    """

    # ∇W + λ and Σp − Q of the unknowns p and λ: symmetric
    def residual(unknowns: Tensor, total: Tensor, *theta: Tensor) -> Tensor:
        charges = unknowns[:-1]
        (slope,) = torch.autograd.grad(energy(charges, *theta), charges, create_graph=True)
        return torch.cat([slope + unknowns[-1], (charges.sum() - total)[None]])

    def solve(product: Product, right: Tensor) -> Tensor:
        """Solve the indefinite equations of a minimum under the constraint."""

        def curve(values: Tensor) -> Tensor:
            return product(torch.cat([values, values.new_zeros(1)]))[:-1]

        forces, uniform = right[:-1], (right[-1] / len(start)).expand(len(start))
        tolerance_V = LINEAR_TOLERANCE * max(float(forces.abs().max()), float(right[-1].abs()))
        values = _step(curve, -forces, uniform, precondition, tolerance_V)
        return torch.cat([values, (forces - curve(values)).mean()[None]])

    held = [x.detach() for x in parameters]
    charges = start.detach() + (total_e.detach() - start.detach().sum()) / len(start)
    charges, multiplier, steps = _descend(
        lambda p: energy(p, *held),
        charges,
        precondition,
        tolerance_V=tolerance_V,
        max_steps=max_steps,
    )
    root = root_with_derivatives(
        residual, torch.cat([charges, multiplier[None]]), (total_e, *parameters), solve=solve
    )
    return ConvexMinimum(root[:-1], energy(root[:-1], *parameters), root[-1], steps)


def _descend(
    energy: Callable[[Tensor], Tensor],
    charges: Tensor,
    precondition: Preconditioner,
    *,
    tolerance_V: float,
    max_steps: int,
) -> tuple[Tensor, Tensor, int]:
    """Charges of least energy, λ, and the steps that were taken."""
    for step in range(max_steps + 1):
        with torch.enable_grad():
            at = charges.clone().requires_grad_()
            value = energy(at)
            (slope,) = torch.autograd.grad(value, at, create_graph=True)
        multiplier = -slope.detach().mean()
        uneven = slope.detach() + multiplier
        error = float(uneven.abs().max())
        if error <= tolerance_V:
            return charges, multiplier, step
        direction = _step(
            partial(transposed_product, slope, at),
            uneven,
            torch.zeros_like(charges),
            precondition,
            max(min(FORCING, error) * error, 0.1 * tolerance_V),
        )
        charges = _along(energy, charges, direction, value.item(), float(uneven @ direction))
    raise EquilibrationError(
        f"the charges of {len(charges)} atoms did not converge: after {max_steps} steps the "
        f"potential of an atom is off by {error:.1e} V, more than {tolerance_V:.1e} V; "
        "allow a larger tolerance, or look for weights so large that the energy has kinks"
    )


def _step(
    curve: Product,
    slope: Tensor,
    start: Tensor,
    precondition: Preconditioner,
    tolerance_V: float,
) -> Tensor:
    """Minimise slope·x + ½ x·H x with the sum of the start, from products with H."""
    groups = torch.zeros(len(start), dtype=torch.int64, device=start.device)

    solver = ConjugateGradients(curve, precondition, groups, tolerance_V)
    return solver.solve(slope, start).charges


def _along(
    energy: Callable[[Tensor], Tensor],
    charges: Tensor,
    direction: Tensor,
    value: float,
    slope: float,
) -> Tensor:
    """Charges farther along a direction of descent, in the largest of halved steps that serves."""
    rounding = 1e-14 * max(abs(value), 1.0)
    length = 1.0
    for _ in range(MAX_HALVINGS):
        moved = charges + length * direction
        if float(energy(moved)) <= value + SUFFICIENT_DECREASE * length * slope + rounding:
            return moved
        length *= 0.5
    raise EquilibrationError(
        "the energy of the charges does not fall along Newton's direction: it is not convex, or "
        "what it is made of is not float64"
    )
