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
from functools import lru_cache
from typing import Any, NamedTuple

import torch
from torch import Tensor

from falsemetal.electrostatics.kspace_sum import field_by_sum
from falsemetal.electrostatics.mesh import field_by_mesh
from falsemetal.electrostatics.multipoles import MultipoleElectrostatics
from falsemetal.electrostatics.reciprocal import cell_volume

MESH_FROM_PRODUCTS = 2e7
"""Atoms × k-vectors from which the mesh is faster."""


class Response(NamedTuple):
    """Energy in eV and its gradients by charges (n,), dipoles (n, 3 or 0) and positions (n, 3)."""

    energy: Tensor
    by_charges: Tensor
    by_dipoles: Tensor
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
) -> Response:
    """Energy of a density that is periodic in all directions, with its gradients.

    Charges, shape (n,), are in e, dipoles, shape (n, 3), in e·Å; their dtype decides the precision.
    Positions, shape (n, 3), Å, are float64; row i of the cell is the i-th lattice vector. Gaussians
    have the width `smearing_A`, and `cutoff_per_A` is the largest k. By default the faster way is
    taken, by mesh or not.
    """
    key = tuple(map(tuple, cell.tolist()))
    if mesh is None:
        mesh = len(charges) * _count_k(key, cutoff_per_A) > MESH_FROM_PRODUCTS
    compute = field_by_mesh if mesh else field_by_sum
    field = compute(
        charges, dipoles, positions, key, smearing_A=smearing_A, cutoff_per_A=cutoff_per_A
    )
    energy = 0.5 * (charges.double() @ field.potential.double())
    by_dipoles = charges.new_empty(len(charges), 0)
    by_positions = charges[:, None] * field.gradient
    if dipoles is not None and field.along_dipole is not None:
        by_dipoles = field.gradient
        by_positions = by_positions + field.along_dipole
        energy = energy + 0.5 * (dipoles.double() * by_dipoles.double()).sum()
    return Response(energy, field.potential, by_dipoles, by_positions.to(positions))


@lru_cache(maxsize=16)
def _count_k(cell: tuple[tuple[float, ...], ...], cutoff_per_A: float) -> float:
    """k-vectors within the cutoff, about; kept, because a determinant takes half the sum's time."""
    return cell_volume(cell) * cutoff_per_A**3 / (6.0 * math.pi**2)


@torch.library.custom_op("falsemetal::coulomb", mutates_args=())
def _coulomb(
    charges: Tensor,
    dipoles: Tensor,
    positions: Tensor,
    cell: Tensor,
    smearing_A: float,
    cutoff_per_A: float,
    mesh: bool | None,
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """`coulomb_response` as one operation that a compiler need not look into."""
    found = coulomb_response(
        charges,
        dipoles if dipoles.shape[1] else None,
        positions,
        cell,
        smearing_A=smearing_A,
        cutoff_per_A=cutoff_per_A,
        mesh=mesh,
    )
    by_charges, by_dipoles, by_positions = (gradient.clone() for gradient in found[1:])
    return found.energy, by_charges, by_dipoles, by_positions


@_coulomb.register_fake
def _(charges: Tensor, dipoles: Tensor, positions: Tensor, *_: Any) -> tuple[Tensor, ...]:
    return (
        charges.new_empty((), dtype=torch.float64),
        torch.empty_like(charges),
        torch.empty_like(dipoles),
        torch.empty_like(positions),
    )


def _keep_gradients(ctx: Any, inputs: Any, output: tuple[Tensor, ...]) -> None:
    ctx.save_for_backward(*output[1:])


def _apply_gradients(ctx: Any, gradient: Tensor, *_: Tensor) -> tuple[Tensor | None, ...]:
    return *((gradient * saved).to(saved) for saved in ctx.saved_tensors), *[None] * 4


_coulomb.register_autograd(_apply_gradients, setup_context=_keep_gradients)


def coulomb_energy(
    term: MultipoleElectrostatics,
    charges: Tensor,
    dipoles: Tensor | None,
    positions: Tensor,
    cell: Tensor,
    *,
    slab: bool | Tensor,
    mesh: bool | None = None,
) -> Tensor:
    """Energy of one system in eV, once differentiable.

    Arguments as in :func:`coulomb_response`; a slab is periodic in x and y only, and its positions
    are unwrapped along z.
    """
    periodic: Tensor = _coulomb(
        charges,
        charges.new_empty(len(charges), 0) if dipoles is None else dipoles,
        positions,
        cell,
        term.smearing_A,
        term.cutoff_per_A,
        mesh,
    )[0]
    return periodic + term.corrections(charges, dipoles, positions, cell, slab=slab)
