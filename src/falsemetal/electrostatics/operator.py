"""Pair interactions on a mesh as linear operators on values of atoms that stand still."""

from collections.abc import Callable

import torch
from torch import Tensor

from falsemetal.electrostatics.mesh import Mesh, mesh_of_kernel, potential_by_mesh

Cell = tuple[tuple[float, ...], ...]


class MeshOperator:
    """1/V Σ_j Σ_k G(k²) cos k·(r_i − r_j) x_j, symmetric; float64."""

    def __init__(self, mesh: Mesh, positions: Tensor) -> None:
        """Positions, shape (n, 3), in Å."""
        self._mesh = mesh
        self._places = mesh.places(positions.detach())

    def __call__(self, values: Tensor) -> Tensor:
        """Apply to values of the atoms, shape (n,)."""
        return potential_by_mesh(self._mesh, self._places, values)


def operator_of_kernel(
    positions: Tensor, cell: Tensor, kernel: Callable[[Tensor], Tensor], cutoff_per_A: float
) -> MeshOperator:
    """Operator of a function G(k²) that ends at the cutoff; arguments as of the mesh."""
    key: Cell = tuple(map(tuple, cell.tolist()))
    mesh = mesh_of_kernel(key, cutoff_per_A, kernel, torch.float64, positions.device)
    return MeshOperator(mesh, positions)
