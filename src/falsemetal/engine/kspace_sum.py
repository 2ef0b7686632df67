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
    steps = [turn * columns[:, axis] for axis in (0, 1)]
    transformed = lateral @ kernel
    by_axis = [(lateral * step) @ kernel for step in steps]
    along_up = along * (turn * heights)

    def read(*parts: tuple[Tensor, Tensor]) -> Tensor:
        return sum(_real_of_product(a, b) for a, b in parts)

    potential = read((transformed, along))
    gradient = torch.stack(
        [*(read((part, along)) for part in by_axis), read((transformed, along_up))], 1
    )
    along_dipole = None
    if dipoles is not None:
        transformed_m = lateral_m @ kernel
        by_axis_m = [(lateral_m * step) @ kernel for step in steps]
        along_dipole = torch.stack(
            [
                *(
                    read((part_m, along), (part, along_m))
                    for part_m, part in zip(by_axis_m, by_axis, strict=True)
                ),
                read((transformed_m, along_up), (transformed, along_m * (turn * heights))),
            ],
            1,
        )
    return Field(potential, gradient, along_dipole).by_cartesian(grid.inverse_cell)


def _real_of_product(a: Tensor, b: Tensor) -> Tensor:
    """Re Σ a·b over the last axis."""
    return (a.real * b.real - a.imag * b.imag).sum(-1)
