r"""Coulomb matrices of Gaussian charges and dipoles, so that their energy is ½ Σ p_i A_ij p_j.

With the interaction of every Gaussian with itself included, A is positive semidefinite: a sum of
squares of the density's structure factor, or of its field. For charges of width σ

.. math::

    A_{ij} &= \frac{1}{\varepsilon_0 V} \sum_{0 < k \le k_\text{cut}}
        \frac{e^{-k^2\sigma^2}}{k^2} \cos\mathbf k\cdot(\mathbf r_i - \mathbf r_j)
        \;\Big[ + \frac{z_i z_j}{\varepsilon_0 V} \text{ in a film}\Big], \\
    A_{ij} &= \frac{1}{4\pi\varepsilon_0}
        \frac{\operatorname{erf}\big(r_{ij}/\sqrt{2(\sigma_i^2 + \sigma_j^2)}\big)}{r_{ij}},
    \quad A_{ii} = \frac{1}{4\pi\varepsilon_0}\frac{1}{\sqrt\pi\,\sigma_i}
        \quad\text{without any periodicity.}

The periodic energy is that of
:class:`~falsemetal.electrostatics.multipoles.MultipoleElectrostatics` with self-interaction.

A dipole is the limit of two charges: its rows are those of a charge, differentiated by where it is.
With dipoles an atom has four rows, its charge and μ_x, μ_y, μ_z, atom by atom.
"""

import math

import torch
from torch import Tensor

from falsemetal.electrostatics.reciprocal import phases, reciprocal_grid
from falsemetal.units import COULOMB, EPSILON_0


def periodic_matrix(
    positions: Tensor,
    cell: Tensor,
    *,
    smearing_A: float,
    cutoff_per_A: float,
    film: bool,
    dipoles: bool = False,
) -> Tensor:
    """Coulomb matrix of a periodic cell, float64, twice differentiable.

    Its shape is (n, n), in eV/e², or (4n, 4n) with dipoles, in eV/e², eV/(e²·Å) and eV/(e·Å)².
    Positions, shape (n, 3), are in Å, in a film unwrapped along z; row i of the cell is the i-th
    lattice vector. All Gaussians have the width `smearing_A`, and `cutoff_per_A` is the largest k.
    A film is periodic along x and y only; its matrix is meaningful for charges that sum to zero.
    """
    root = periodic_root(
        positions,
        cell,
        smearing_A=smearing_A,
        cutoff_per_A=cutoff_per_A,
        film=film,
        dipoles=dipoles,
    ).flatten(0, 1)
    return root @ root.T


def periodic_root(
    positions: Tensor,
    cell: Tensor,
    *,
    smearing_A: float,
    cutoff_per_A: float,
    film: bool,
    dipoles: bool = False,
) -> Tensor:
    """B of A = B Bᵀ, shape (n, 1, w) or (n, 4, w) for so many waves; arguments as of A.

    A is thus positive semidefinite to the last bit, and where w is small, products with it cheap.
    """
    key = tuple(map(tuple, cell.tolist()))
    grid = reciprocal_grid(key, cutoff_per_A, smearing_A, positions.device)
    fractional = positions.double() @ grid.inverse_cell
    lateral = phases(fractional[:, :2] @ grid.columns.T, torch.float64)
    along = phases(fractional[:, 2:] * grid.heights, torch.float64)
    column, height = (grid.weights > 0.0).nonzero(as_tuple=True)
    scale = (2.0 * grid.weights[column, height]).sqrt()
    waves = (lateral[:, column] * (along[:, height] * scale))[:, None]
    if dipoles:
        lateral_k = grid.columns[column] @ grid.inverse_cell[:, :2].T
        k = 2.0 * math.pi * (lateral_k + grid.heights[height, None] * grid.inverse_cell[:, 2])
        waves = torch.cat([waves, -1j * k.T * waves], 1)
    parts = [waves.real, waves.imag]
    if film:
        z = positions[:, 2, None].double()
        upward = torch.zeros_like(z)
        of_film = torch.cat([z, upward, upward, upward + 1.0], 1) if dipoles else z
        volume = torch.linalg.det(cell.double()).abs()
        parts.append(of_film[..., None] / (EPSILON_0 * volume).sqrt())
    return torch.cat(parts, 2)


def open_matrix(positions: Tensor, widths_A: Tensor, *, dipoles: bool = False) -> Tensor:
    """Coulomb matrix without periodicity, twice differentiable; shape and units as of a cell's.

    Positions, shape (n, 3), and widths σ of the Gaussians, shape (n,), are in Å.
    """
    positions, widths_A = positions.double(), widths_A.double()
    reach = (2.0 * (widths_A[:, None].square() + widths_A.square())).sqrt()
    own = torch.eye(len(positions), dtype=torch.bool, device=positions.device)
    vectors = positions[:, None] - positions
    # on the diagonal a distance of one keeps gradients finite; it does not enter
    squared = vectors.square().sum(-1).masked_fill(own, 1.0)
    distances = squared.sqrt()
    pairs = torch.erf(distances / reach) / distances
    at_zero = 2.0 / (math.sqrt(math.pi) * reach)
    of_charges = torch.where(own, at_zero, pairs)
    if not dipoles:
        return COULOMB * of_charges
    # of f(r) = erf(r/a)/r: f′/r, and (f″ − f′/r)/r²
    gaussian = at_zero * torch.exp(-squared / reach.square())
    slope = (gaussian - pairs) / squared
    bend = -(2.0 * gaussian / reach.square() + 3.0 * slope) / squared
    along = torch.where(own, 0.0, slope)[..., None] * vectors
    tensor = bend[..., None, None] * vectors[..., :, None] * vectors[..., None, :]
    unit = torch.eye(3).to(tensor)
    tensor = tensor + slope[..., None, None] * unit
    at_rest = (-at_zero * 2.0 / (3.0 * reach.square()))[..., None, None] * unit
    tensor = torch.where(own[..., None, None], at_rest, tensor)
    # rows by the place of i, columns by that of j, which is minus as much
    upper = torch.cat([of_charges[..., None], -along], -1)[..., None, :]
    lower = torch.cat([along[..., :, None], -tensor], -1)
    blocks = torch.cat([upper, lower], -2)
    return COULOMB * blocks.transpose(1, 2).flatten(2).flatten(0, 1)


def uniform_background(smearing_A: float, cell: Tensor) -> Tensor:
    r"""Constant c = −σ²/(ε0 V) in eV/e² by which ½ c Q² makes Gaussians points in a background.

    In a charged cell periodic in all directions leaving out k = 0 adds a uniform background of the
    opposite charge. For points it is the limit k → 0 of the kernel that is left out; Gaussians miss
    −k²σ² of it. Charges do not depend on c; the energy does by ½ c Q² and its derivative by Q by
    c Q.
    """
    constant: Tensor = -(smearing_A**2) / (EPSILON_0 * torch.linalg.det(cell.double()).abs())
    return constant
