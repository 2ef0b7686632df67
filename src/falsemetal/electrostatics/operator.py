"""Pair interactions on a mesh as linear operators on the charges of atoms that stand still.

The splines of the atoms are made once; an application spreads charges, convolutes and reads off.
"""

from collections.abc import Callable

import torch
from torch import Tensor

from falsemetal.electrostatics.mesh import Mesh, coulomb_mesh, mesh_of_kernel, stencil
from falsemetal.units import EPSILON_0

Cell = tuple[tuple[float, ...], ...]


class MeshOperator:
    """1/V Σ_j Σ_k G(k²) cos k·(r_i − r_j) x_j, symmetric; float64."""

    def __init__(self, mesh: Mesh, positions: Tensor) -> None:
        """Positions, shape (n, 3), in Å."""
        self._mesh = mesh
        splines, points = stencil(mesh, mesh.places(positions.detach()), torch.float64)
        (x, _, _), (y, _, _), (z, _, _) = splines
        weights = x[:, :, None, None] * y[:, None, :, None] * z[:, None, None, :]
        self._weights, self._points = weights.flatten(1), points.flatten()

    def __call__(self, values: Tensor) -> Tensor:
        """Apply to values of the atoms, shape (n,)."""
        density = values.new_zeros(self._mesh.kernel.shape[0] * self._row())
        density.index_add_(0, self._points, (values[:, None] * self._weights).flatten())
        potential = self._mesh.potential(density.view(self._mesh.shape)).flatten()
        read = potential.index_select(0, self._points).view(self._weights.shape)
        return (read * self._weights).sum(1)

    def _row(self) -> int:
        return self._mesh.shape[1] * self._mesh.shape[2]


class CoulombOperator:
    """Potential in V, shape (n,), of Gaussian charges at their own centres, nothing excluded.

    The product of :func:`~falsemetal.electrostatics.matrix.periodic_matrix` with the charges,
    whose arguments it takes.
    """

    def __init__(
        self,
        positions: Tensor,
        cell: Tensor,
        *,
        smearing_A: float,
        cutoff_per_A: float,
        film: bool,
    ) -> None:
        key: Cell = tuple(map(tuple, cell.tolist()))
        mesh = coulomb_mesh(key, cutoff_per_A, smearing_A, torch.float64, positions.device)
        self._periodic = MeshOperator(mesh, positions)
        self._z: Tensor | None = None
        if film:
            volume = torch.linalg.det(cell.double()).abs()
            self._z = positions.detach()[:, 2].double() / (EPSILON_0 * volume).sqrt()

    def __call__(self, charges: Tensor) -> Tensor:
        """Apply to charges in e."""
        potential = self._periodic(charges)
        return potential if self._z is None else potential + (self._z @ charges) * self._z


def operator_of_kernel(
    positions: Tensor, cell: Tensor, kernel: Callable[[Tensor], Tensor], cutoff_per_A: float
) -> MeshOperator:
    """Operator of a function G(k²) that ends at the cutoff; arguments as of the mesh."""
    key: Cell = tuple(map(tuple, cell.tolist()))
    mesh = mesh_of_kernel(key, cutoff_per_A, kernel, torch.float64, positions.device)
    return MeshOperator(mesh, positions)
