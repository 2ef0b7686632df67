"""Response to a field as planar averages of potentials and densities (paper, eqs. S7 and S8)."""

from dataclasses import dataclass

import numpy as np

from falsemetal.arrays import FloatArray


@dataclass(frozen=True)
class Grid:
    """Values, shape (n_x, n_y, n_z), on the regular grid of an orthorhombic cell.

    Edges of the cell and origin, of the first point, have shape (3,).
    """

    values: FloatArray
    lengths_A: FloatArray
    origin_A: FloatArray

    @property
    def heights_A(self) -> FloatArray:
        """Z of the planes, shape (n_z,)."""
        n_planes = self.values.shape[2]
        return np.asarray(self.origin_A[2] + self.lengths_A[2] / n_planes * np.arange(n_planes))


def planar_average(grid: Grid) -> FloatArray:
    """Average over x and y at each height, shape (n_z,), in the grid's unit."""
    return np.asarray(grid.values.mean(axis=(0, 1)))


def response(with_field: Grid, without_field: Grid) -> FloatArray:
    r"""Difference of planar averages that a field makes.

    .. math::
        \Delta\phi(z) = \langle \phi_E \rangle_{xy} - \langle \phi_0 \rangle_{xy}, \qquad
        \Delta\rho(z) = \langle \rho_E \rangle_{xy} - \langle \rho_0 \rangle_{xy}

    For the potential both must hold the external one, φ = φ_ext + φ_Hartree. Returned in the grids'
    unit, shape (n_z,); grids that differ raise ValueError.
    """
    same = (
        with_field.values.shape == without_field.values.shape
        and np.allclose(with_field.lengths_A, without_field.lengths_A)
        and np.allclose(with_field.origin_A, without_field.origin_A)
    )
    if not same:
        raise ValueError(
            f"grids of {with_field.values.shape} and {without_field.values.shape} points, or their "
            "cells, differ; compute both with the same cell and cutoff"
        )
    return planar_average(with_field) - planar_average(without_field)


def slope_within(
    heights_A: FloatArray, profile: FloatArray, *, between_A: tuple[float, float]
) -> float:
    """Slope of a profile by least squares between two heights, in the profile's unit per Å.

    Of Δφ in a slab it is the field that its electrons leave: the applied one over their dielectric
    constant in an insulator, none in a metal.
    """
    chosen = (heights_A >= between_A[0]) & (heights_A <= between_A[1])
    if np.count_nonzero(chosen) < 2:
        raise ValueError(f"fewer than two planes between {between_A[0]:g} and {between_A[1]:g} Å")
    return float(np.polyfit(heights_A[chosen], profile[chosen], 1)[0])
