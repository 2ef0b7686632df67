r"""Coulomb energy of Gaussian multipoles with its gradients, by a sum over k or on a mesh.

Both give the energy of :class:`~falsemetal.electrostatics.multipoles.MultipoleElectrostatics`,
the same k-vectors included, and its exact derivatives. With the potential :math:`\varphi` of the
density,

.. math::

    \frac{\partial E}{\partial q_i} = \varphi(\mathbf r_i), \quad
    \frac{\partial E}{\partial \boldsymbol\mu_i} = \nabla\varphi(\mathbf r_i), \quad
    \frac{\partial E}{\partial \mathbf r_i}
        = (q_i + \boldsymbol\mu_i\cdot\nabla)\,\nabla\varphi(\mathbf r_i),

so one evaluation of potential, field and field gradient at the atoms gives all.
"""

import math
from functools import lru_cache, partial
from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from falsemetal.electrostatics.kspace_sum import field_by_sum
from falsemetal.electrostatics.mesh import field_by_mesh
from falsemetal.electrostatics.multipoles import MultipoleElectrostatics
from falsemetal.electrostatics.reciprocal import cell_volume

MESH_FROM_PRODUCTS = {torch.float32: 1e6, torch.float64: 2e7}
"""Atoms × k-vectors from which the mesh is taken.

By its kernel it is the faster way from 10⁶ on; only in single precision its error, some 10⁻⁷ eV/Å,
does not count.
"""


class Response(NamedTuple):
    """Energy in eV and its gradients by charges (n,), dipoles (n, 3), if any, and positions."""

    energy: Tensor
    by_charges: Tensor
    by_dipoles: Tensor | None
    by_positions: Tensor


def coulomb_response(
    charges: Tensor,
    dipoles: Tensor | None,
    positions: Tensor,
    cell: Tensor,
    *,
    smearing_A: float,
    cutoff_per_A: float,
    mesh: bool | None = None,
    compiled: bool = True,
) -> Response:
    """Energy of a density that is periodic in all directions, with its gradients.

    Charges, shape (n,), are in e, dipoles, shape (n, 3), in e·Å; their dtype decides the precision.
    Positions, shape (n, 3), Å, are float64; row i of the cell is the i-th lattice vector. Gaussians
    have the width `smearing_A`, and `cutoff_per_A` is the largest k. By default the size decides
    whether a mesh is taken; the mesh runs in PyTorch alone if it is not to be compiled.
    """
    key = tuple(map(tuple, cell.tolist()))
    if mesh is None:
        mesh = _products(len(charges), key, cutoff_per_A) > MESH_FROM_PRODUCTS[charges.dtype]
    compute = partial(field_by_mesh, compiled=compiled) if mesh else field_by_sum
    field = compute(
        charges, dipoles, positions, key, smearing_A=smearing_A, cutoff_per_A=cutoff_per_A
    )
    energy = 0.5 * (charges.double() @ field.potential.double())
    by_dipoles = None
    by_positions = charges[:, None] * field.gradient
    if dipoles is not None and field.along_dipole is not None:
        by_dipoles = field.gradient
        by_positions = by_positions + field.along_dipole
        energy = energy + 0.5 * (dipoles.double() * by_dipoles.double()).sum()
    return Response(energy, field.potential, by_dipoles, by_positions.to(positions))


def is_faster_by_mesh(n_atoms: int, cell: Tensor, cutoff_per_A: float) -> bool:
    """Tell whether a mesh is faster in any precision, for what its error does not count in."""
    key = tuple(map(tuple, cell.tolist()))
    return _products(n_atoms, key, cutoff_per_A) > MESH_FROM_PRODUCTS[torch.float32]


def _products(n_atoms: int, cell: tuple[tuple[float, ...], ...], cutoff_per_A: float) -> float:
    return n_atoms * _count_k(cell, cutoff_per_A)


@lru_cache(maxsize=16)
def _count_k(cell: tuple[tuple[float, ...], ...], cutoff_per_A: float) -> float:
    """k-vectors within the cutoff, about; kept, because a determinant takes half the sum's time."""
    return cell_volume(cell) * cutoff_per_A**3 / (6.0 * math.pi**2)


class _Coulomb(torch.autograd.Function):
    """Energy of `coulomb_response`, whose gradients come with it."""

    @staticmethod
    def forward(
        ctx: Any, charges: Tensor, dipoles: Tensor | None, positions: Tensor, *system: Any
    ) -> Tensor:
        cell, smearing_A, cutoff_per_A, mesh, compiled = system
        settings = {"smearing_A": smearing_A, "cutoff_per_A": cutoff_per_A}
        settings |= {"mesh": mesh, "compiled": compiled}
        found = coulomb_response(charges, dipoles, positions, cell, **settings)
        ctx.save_for_backward(*found[1:])
        return found.energy

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:
        saved = ctx.saved_tensors
        return *(None if x is None else (gradient * x).to(x) for x in saved), *[None] * 5


def coulomb_energy(
    term: MultipoleElectrostatics,
    charges: Tensor,
    dipoles: Tensor | None,
    positions: Tensor,
    cell: Tensor,
    *,
    slab: bool,
    mesh: bool | None = None,
    compiled: bool = True,
) -> Tensor:
    """Energy of one system in eV, once differentiable.

    Arguments as in :func:`coulomb_response`; a slab is periodic in x and y only, and its positions
    are unwrapped along z.
    """
    system = positions, cell, term.smearing_A, term.cutoff_per_A, mesh, compiled
    periodic: Tensor = _Coulomb.apply(charges, dipoles, *system)  # type: ignore[no-untyped-call]
    return periodic + term.corrections(charges, dipoles, positions, cell, slab=slab)
