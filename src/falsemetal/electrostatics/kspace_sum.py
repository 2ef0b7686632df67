"""Field of Gaussian multipoles at the atoms by a sum over k, in time atoms × k-vectors."""

import math
from functools import lru_cache
from typing import NamedTuple

import torch
from torch import Tensor

from falsemetal.electrostatics.field import Field
from falsemetal.electrostatics.reciprocal import phases, reciprocal_grid

TURN = -2j * math.pi
"""∂/∂s of a phase multiplies it by this times its integers."""


class Waves(NamedTuple):
    """The grid of a cell in the form and precision in which it is used.

    The inverse cell (1/Å) and wavevectors are float64; the latter are columns, then heights, in
    turns per Å, shape (3, n_columns + n_heights). `columns`, shape (n_columns, 2), and `heights`
    are integers times :data:`TURN`, complex. Weights, shape (n_columns, n_heights), are the
    derivative of the energy by |ρ|², doubled.
    """

    inverse_cell: Tensor
    wavevectors: Tensor
    columns: Tensor
    heights: Tensor
    weights: Tensor


@lru_cache(maxsize=16)
@torch.inference_mode(False)
def waves(
    cell: tuple[tuple[float, ...], ...],
    cutoff_per_A: float,
    smearing_A: float,
    dtype: torch.dtype,
    device: torch.device,
) -> Waves:
    """Waves of a cell; a cell met before costs nothing."""
    grid = reciprocal_grid(cell, cutoff_per_A, smearing_A, device)
    of_columns = grid.inverse_cell[:, :2] @ grid.columns.T
    of_heights = grid.inverse_cell[:, 2:] * grid.heights
    return Waves(
        grid.inverse_cell,
        torch.cat([of_columns, of_heights], 1),
        TURN * grid.columns.to(dtype),
        TURN * grid.heights.to(dtype),
        2.0 * grid.weights.to(dtype),
    )


def field_by_sum(
    charges: Tensor,
    dipoles: Tensor | None,
    positions: Tensor,
    cell: tuple[tuple[float, ...], ...],
    *,
    smearing_A: float,
    cutoff_per_A: float,
) -> Field:
    """Field at the atoms; arguments as in `electrostatics.coulomb.coulomb_response`."""
    grid = waves(cell, cutoff_per_A, smearing_A, charges.dtype, positions.device)
    both = phases(positions.double() @ grid.wavevectors, charges.dtype)
    lateral, along = both.split([len(grid.columns), len(grid.heights)], 1)
    sources = charges[:, None] * along
    structure_factor = lateral.T @ sources
    if dipoles is not None:
        m = dipoles @ grid.inverse_cell.to(charges)
        lateral_m = lateral * (m[:, :2].to(lateral) @ grid.columns.T)
        along_m = along * (m[:, 2:] * grid.heights)
        structure_factor = structure_factor + lateral.T @ along_m + lateral_m.T @ along
    kernel = grid.weights * structure_factor.conj()
    # the columns summed, plain and with the steps of ∂/∂x and ∂/∂y
    kernels = torch.cat([kernel, *(step[:, None] * kernel for step in grid.columns.T)], 1)
    plain, by_x, by_y = (lateral @ kernels).chunk(3, 1)
    along_up = along * grid.heights
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
            ((plain_m, along_up), (plain, along_m * grid.heights)),
        )
        along_dipole = torch.stack(
            [_real_of_product(*a) + _real_of_product(*b) for a, b in terms], 1
        )
    return Field(potential, gradient, along_dipole).by_cartesian(grid.inverse_cell)


def _real_of_product(a: Tensor, b: Tensor) -> Tensor:
    """Re Σ a·b over the last axis."""
    return (a.real * b.real - a.imag * b.imag).sum(-1)
