r"""Coulomb matrices of Gaussian charges, so that their energy is ½ Σ q_i A_ij q_j.

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
"""

import math

import torch
from torch import Tensor

from falsemetal.electrostatics.reciprocal import phases, reciprocal_grid
from falsemetal.units import COULOMB, EPSILON_0


def periodic_matrix(
    positions: Tensor, cell: Tensor, *, smearing_A: float, cutoff_per_A: float, film: bool
) -> Tensor:
    """Coulomb matrix of a periodic cell in eV/e², shape (n, n), float64, twice differentiable.

    Positions, shape (n, 3), are in Å, in a film unwrapped along z; row i of the cell is the i-th
    lattice vector. All Gaussians have the width `smearing_A`, and `cutoff_per_A` is the largest k.
    A film is periodic along x and y only; its matrix is meaningful for charges that sum to zero.
    """
    key = tuple(map(tuple, cell.tolist()))
    grid = reciprocal_grid(key, cutoff_per_A, smearing_A, positions.device)
    fractional = positions.double() @ grid.inverse_cell
    lateral = phases(fractional[:, :2] @ grid.columns.T, torch.float64)
    along = phases(fractional[:, 2:] * grid.heights, torch.float64)
    column, height = (grid.weights > 0.0).nonzero(as_tuple=True)
    scale = (2.0 * grid.weights[column, height]).sqrt()
    waves = lateral[:, column] * (along[:, height] * scale)
    # A = B Bᵀ by real and imaginary parts, positive semidefinite to the last bit
    parts = torch.cat([waves.real, waves.imag], 1)
    matrix = parts @ parts.T
    if film:
        z = positions[:, 2].double()
        matrix = matrix + torch.outer(z, z) / (EPSILON_0 * torch.linalg.det(cell.double()).abs())
    return matrix


def open_matrix(positions: Tensor, widths_A: Tensor) -> Tensor:
    """Coulomb matrix without periodicity in eV/e², shape (n, n), float64, twice differentiable.

    Positions, shape (n, 3), and widths σ of the Gaussians, shape (n,), are in Å.
    """
    positions, widths_A = positions.double(), widths_A.double()
    reach = (2.0 * (widths_A[:, None].square() + widths_A.square())).sqrt()
    own = torch.eye(len(positions), dtype=torch.bool, device=positions.device)
    # on the diagonal a distance of one keeps gradients finite; it does not enter
    squared = (positions[:, None] - positions).square().sum(-1).masked_fill(own, 1.0)
    distances = squared.sqrt()
    pairs = torch.erf(distances / reach) / distances
    matrix: Tensor = COULOMB * torch.where(own, 1.0 / (math.sqrt(math.pi) * widths_A), pairs)
    return matrix


def uniform_background(smearing_A: float, cell: Tensor) -> Tensor:
    r"""Constant c = −σ²/(ε0 V) in eV/e² by which ½ c Q² makes Gaussians points in a background.

    In a charged cell periodic in all directions leaving out k = 0 adds a uniform background of the
    opposite charge. For points it is the limit k → 0 of the kernel that is left out; Gaussians miss
    −k²σ² of it. Charges do not depend on c; the energy does by ½ c Q² and its derivative by Q by
    c Q.
    """
    constant: Tensor = -(smearing_A**2) / (EPSILON_0 * torch.linalg.det(cell.double()).abs())
    return constant
