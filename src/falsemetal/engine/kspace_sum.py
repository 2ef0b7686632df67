"""Field of Gaussian multipoles at the atoms by a sum over k, in time atoms × k-vectors."""

import math

import torch
from torch import Tensor

from falsemetal.engine.field import Field
from falsemetal.models.reciprocal import phases, reciprocal_grid


def field_by_sum(
    charges: Tensor,
    dipoles: Tensor | None,
    positions: Tensor,
    cell: tuple[tuple[float, ...], ...],
    *,
    smearing_A: float,
    cutoff_per_A: float,
) -> Field:
    """Field at the atoms; arguments as in :func:`falsemetal.engine.coulomb.coulomb_response`."""
    grid = reciprocal_grid(cell, cutoff_per_A, smearing_A, positions.device)
    fractional = positions.double() @ grid.inverse_cell
    columns, heights = grid.columns.to(charges), grid.heights.to(charges)
    lateral = phases(fractional[:, :2] @ grid.columns.T, charges.dtype)
    along = phases(fractional[:, 2:] * grid.heights, charges.dtype)
    # ∂/∂s of a phase multiplies it by −2πi times its integers
    turn = -2j * math.pi
    sources = charges[:, None] * along
    structure_factor = lateral.T @ sources
    if dipoles is not None:
        m = dipoles @ grid.inverse_cell.to(charges)
        lateral_m = lateral * (turn * (m[:, :2] @ columns.T))
        along_m = along * (turn * m[:, 2:] * heights)
        structure_factor = structure_factor + lateral.T @ along_m + lateral_m.T @ along
    # a lazy conjugate is lost where a compiled model calls this
    kernel = 2.0 * grid.weights.to(charges) * structure_factor.conj_physical()
    # the columns summed, plain and with the steps of ∂/∂x and ∂/∂y
    kernels = torch.cat([kernel, *(turn * columns[:, axis, None] * kernel for axis in (0, 1))], 1)
    plain, by_x, by_y = (lateral @ kernels).chunk(3, 1)
    up = turn * heights
    along_up = along * up
    potential = _real_of_product(plain, along)
    gradient = torch.stack(
        [_real_of_product(a, b) for a, b in ((by_x, along), (by_y, along), (plain, along_up))], 1
    )
    along_dipole = None
    if dipoles is not None:
        plain_m, by_x_m, by_y_m = (lateral_m @ kernels).chunk(3, 1)
        terms = (
            ((by_x_m, along), (by_x, along_m)),
            ((by_y_m, along), (by_y, along_m)),
            ((plain_m, along_up), (plain, along_m * up)),
        )
        along_dipole = torch.stack(
            [_real_of_product(*a) + _real_of_product(*b) for a, b in terms], 1
        )
    return Field(potential, gradient, along_dipole).by_cartesian(grid.inverse_cell)


def _real_of_product(a: Tensor, b: Tensor) -> Tensor:
    """Re Σ a·b over the last axis."""
    return (a.real * b.real - a.imag * b.imag).sum(-1)
