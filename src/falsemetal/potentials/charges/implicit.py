r"""Derivatives of the solution of equations, of any order, by linear solutions alone.

For :math:`\mathbf R(\mathbf x; \boldsymbol\theta) = 0` and a loss L(x) with the gradient g,

.. math::

    \mathbf J^T \mathbf a = -\mathbf g, \qquad
    \frac{\mathrm dL}{\mathrm d\boldsymbol\theta}
        = \mathbf a\cdot\frac{\partial\mathbf R}{\partial\boldsymbol\theta},
    \qquad \mathbf J = \frac{\partial\mathbf R}{\partial\mathbf x},

whatever way x was found. The adjoint a is itself the solution of equations, linear ones with the
parameters x, g and θ, so that its own derivatives follow in the same way: a backward pass is made
of the forward one, as of `falsemetal.potentials.charges.equilibration.ProjectedSolve`. A first
derivative costs one linear solution, and the derivative of a gradient two more.

Products with J and its transpose come from autograd; J is not made. All is float64 but parameters.
"""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import numpy as np
import torch
from scipy.sparse.linalg import LinearOperator, gmres
from torch import Tensor

from falsemetal.potentials.charges.equilibration import EquilibrationError

LINEAR_TOLERANCE = 1e-10
"""Largest residual of a linear solution, relative to its right-hand side."""

KRYLOV_VECTORS = 200
MAX_RESTARTS = 5

Residual = Callable[..., Tensor]
"""R(x, θ₁, θ₂, …), shape (n,), of x of shape (n,)."""

Product = Callable[[Tensor], Tensor]
"""A matrix applied to a vector of shape (n,)."""

LinearSolver = Callable[[Product, Tensor], Tensor]
"""Solution a of M a = b from the product with M and from b; of J and of Jᵀ."""


def solve_by_gmres(product: Product, right: Tensor) -> Tensor:
    """Solve M a = b by SciPy's GMRES, for any M that is not singular.

    EquilibrationError where the tolerance is not met.
    """

    def apply(values: np.ndarray) -> np.ndarray:
        return as_array(product(as_tensor(values, right)))

    n, target = len(right), as_array(right)
    operator = LinearOperator((n, n), matvec=apply, dtype=np.float64)
    found, failed = gmres(
        operator,
        target,
        rtol=LINEAR_TOLERANCE,
        atol=0.0,
        restart=min(n, KRYLOV_VECTORS),
        maxiter=MAX_RESTARTS,
    )
    if failed or not np.isfinite(found).all():
        left = np.linalg.norm(apply(found) - target) / np.linalg.norm(target)
        raise EquilibrationError(
            f"derivatives of {n} charges were not found: after {MAX_RESTARTS} rounds of "
            f"{min(n, KRYLOV_VECTORS)} products {left:.1e} of the right-hand side is left, more "
            f"than {LINEAR_TOLERANCE:.0e}; the solution may be one of several that coincide"
        )
    return as_tensor(found, right)


def as_array(values: Tensor) -> np.ndarray:
    """Values without their history, float64, for SciPy."""
    return np.asarray(values.detach().cpu().numpy(), dtype=np.float64)


def as_tensor(values: np.ndarray, like: Tensor) -> Tensor:
    """Values of SciPy, float64, where another tensor is."""
    return torch.as_tensor(values, dtype=torch.float64, device=like.device)


def root_with_derivatives(
    residual: Residual,
    root: Tensor,
    parameters: Sequence[Tensor],
    *,
    solve: LinearSolver = solve_by_gmres,
) -> Tensor:
    """Root of R, shape (n,), as a function of the parameters, differentiable to any order.

    Parameters
    ----------
    residual
        R(x, *θ), as often differentiable as its root is to be, and once more; derivatives are by
        the parameters that it is called with, not by what it has from elsewhere.
    root
        x with R = 0, found without derivatives.
    parameters
        θ, of any shapes.
    solve
        Linear solver for J and its transpose.
    """
    found: Tensor = _Root.apply(  # type: ignore[no-untyped-call]
        residual, solve, root.detach(), *parameters
    )
    return found


def transposed_product(value: Tensor, at: Tensor, values: Tensor) -> Tensor:
    """Apply the transpose of ∂value/∂at, of whose graph both are, to a vector."""
    (product,) = torch.autograd.grad(value, at, values, retain_graph=True)
    return product


class _Root(torch.autograd.Function):
    """The root, handed on, whose backward pass is made of roots."""

    @staticmethod
    def forward(
        ctx: Any, residual: Residual, solve: LinearSolver, root: Tensor, *parameters: Tensor
    ) -> Tensor:
        found = root.clone()
        ctx.residual, ctx.solve = residual, solve
        ctx.save_for_backward(found, *parameters)
        return found

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        root, *parameters = ctx.saved_tensors
        adjoint = _adjoint(ctx.residual, root, parameters, gradients[0], ctx.solve)
        wanted = ctx.needs_input_grad[3:]
        further = torch.is_grad_enabled()
        with torch.enable_grad():
            # aliases: what one parameter depends on is not this node's concern
            own = [_alias(x, keep=further) for x in parameters]
            value = ctx.residual(_alias(root, keep=further), *own)
            chosen = [x for x, needed in zip(own, wanted, strict=True) if needed]
            slopes = iter(
                torch.autograd.grad(value, chosen, adjoint, create_graph=further, allow_unused=True)
            )
        return None, None, None, *(next(slopes) if needed else None for needed in wanted)


def _alias(values: Tensor, *, keep: bool) -> Tensor:
    """Another name of a tensor, to differentiate by; with its history, or a leaf."""
    if keep and values.requires_grad:
        return values.view_as(values)
    leaf = values.detach()
    return leaf.requires_grad_() if leaf.is_floating_point() else leaf


def _adjoint(
    residual: Residual,
    root: Tensor,
    parameters: Sequence[Tensor],
    gradient: Tensor,
    solve: LinearSolver,
) -> Tensor:
    """Solve Jᵀa = −g, where a is a function of root, gradient and parameters."""
    with torch.enable_grad():
        at = _alias(root, keep=False)
        value = residual(at, *(x.detach() for x in parameters))

    adjoint = solve(partial(transposed_product, value, at), -gradient.detach())
    if not torch.is_grad_enabled():
        return adjoint
    equations = partial(_adjoint_residual, residual)
    return root_with_derivatives(equations, adjoint, (root, gradient, *parameters), solve=solve)


def _adjoint_residual(
    residual: Residual, adjoint: Tensor, root: Tensor, gradient: Tensor, *parameters: Tensor
) -> Tensor:
    """Jᵀa + g as a function of all."""
    with torch.enable_grad():
        at = _alias(root, keep=True)
        value = residual(at, *parameters)
        (product,) = torch.autograd.grad(value, at, adjoint, create_graph=True)
        return product + gradient
