r"""Coulomb energy of Gaussian multipoles with its gradients, by a sum over k or on a mesh.

Both give the energy of :class:`falsemetal.models.electrostatics.MultipoleElectrostatics`, the same
k-vectors included, and its exact derivatives. With the potential :math:`\varphi` of the density,

.. math::

    \frac{\partial E}{\partial q_i} = \varphi(\mathbf r_i), \quad
    \frac{\partial E}{\partial \boldsymbol\mu_i} = \nabla\varphi(\mathbf r_i), \quad
    \frac{\partial E}{\partial \mathbf r_i}
        = (q_i + \boldsymbol\mu_i\cdot\nabla)\,\nabla\varphi(\mathbf r_i),

so one evaluation of potential, field and field gradient at the atoms gives all. The sum over k
costs atoms × k-vectors; the mesh (Essmann et al., doi:10.1063/1.470117) spreads the multipoles by
B-splines, applies the kernel between two Fourier transforms and reads the potential off by the same
splines, in time and memory proportional to the cell. As the Gaussians are smooth there is no
real-space part.
"""

import math
from dataclasses import dataclass
from functools import lru_cache

import torch
from torch import Tensor

from falsemetal.models.electrostatics import MultipoleElectrostatics
from falsemetal.models.reciprocal import ElectrostaticsError, reciprocal_grid
from falsemetal.units import EPSILON_0

MESH_FROM_PRODUCTS = 2e7
"""Atoms × k-vectors from which the mesh is faster."""

SPLINE_ORDER = 8
OVERSAMPLING = 1.8
"""Highest frequency of the mesh over that of the sum."""


@dataclass(frozen=True)
class Response:
    """Energy in eV and its gradients by charges (n,), dipoles (n, 3) and positions (n, 3)."""

    energy: Tensor
    by_charges: Tensor
    by_dipoles: Tensor
    by_positions: Tensor


@dataclass(frozen=True)
class _Field:
    """Potential (n,), its gradient (n, 3) and the gradient of μ·∇φ (n, 3), in fractional axes."""

    potential: Tensor
    gradient: Tensor
    along_dipole: Tensor | None


def coulomb_response(
    term: MultipoleElectrostatics,
    charges: Tensor,
    dipoles: Tensor | None,
    positions: Tensor,
    cell: Tensor,
    *,
    slab: bool,
    mesh: bool | None = None,
) -> Response:
    """Energy of one structure with its gradients.

    Parameters
    ----------
    term
        Gaussian width, cutoff, and whether Gaussians have energy of their own.
    charges, dipoles
        Shapes (n,) in e and (n, 3) in e·Å, or None; their dtype decides the precision.
    positions
        Shape (n, 3), Å, float64; unwrapped along z in slabs.
    cell
        Shape (3, 3), Å; row i is the i-th lattice vector.
    slab
        Periodic in x and y only.
    mesh
        Which way to take; by default the faster one.
    """
    key = tuple(map(tuple, cell.tolist()))
    if mesh is None:
        mesh = len(charges) * _count_k(key, term.cutoff_per_A) > MESH_FROM_PRODUCTS
    compute = _mesh_field if mesh else _sum_field
    inverse, field = compute(term, key, charges, dipoles, positions)
    inverse = inverse.to(charges)
    by_charges = field.potential
    gradient = field.gradient @ inverse.T
    by_positions = charges[:, None] * gradient
    energy = 0.5 * (charges.double() @ by_charges.double())
    if dipoles is not None:
        by_positions = by_positions + field.along_dipole @ inverse.T
        energy = energy + 0.5 * (dipoles.double() * gradient.double()).sum()
    if slab:
        volume = float(torch.linalg.det(cell.double()).abs())
        dipole_z = charges.double() @ positions[:, 2].double()
        if dipoles is not None:
            dipole_z = dipole_z + dipoles[:, 2].double().sum()
        energy = energy + dipole_z.square() / (2.0 * EPSILON_0 * volume)
        slope = dipole_z / (EPSILON_0 * volume)
        up = torch.tensor([0.0, 0.0, 1.0]).to(charges)
        by_charges = by_charges + (slope * positions[:, 2]).to(charges)
        gradient = gradient + slope.to(charges) * up
        by_positions = by_positions + slope.to(charges) * charges[:, None] * up
    if not term.self_interaction:
        factor = 1.0 / (8.0 * math.pi**1.5 * EPSILON_0 * term.smearing_A)
        energy = energy - factor * charges.double().square().sum()
        by_charges = by_charges - 2.0 * factor * charges
        if dipoles is not None:
            factor = factor / (6.0 * term.smearing_A**2)
            energy = energy - factor * dipoles.double().square().sum()
            gradient = gradient - 2.0 * factor * dipoles
    by_dipoles = charges.new_empty(len(charges), 0) if dipoles is None else gradient
    return Response(energy, by_charges, by_dipoles, by_positions.to(positions))


def _count_k(cell: tuple[tuple[float, ...], ...], cutoff_per_A: float) -> float:
    volume = abs(float(torch.linalg.det(torch.tensor(cell, dtype=torch.float64))))
    return volume * cutoff_per_A**3 / (6.0 * math.pi**2)


def _sum_field(
    term: MultipoleElectrostatics,
    cell: tuple[tuple[float, ...], ...],
    charges: Tensor,
    dipoles: Tensor | None,
    positions: Tensor,
) -> tuple[Tensor, _Field]:
    """Field by the sum over k, whose phases factorise into columns and heights."""
    grid = reciprocal_grid(cell, term.cutoff_per_A, term.smearing_A, positions.device)
    fractional = positions.double() @ grid.inverse_cell
    columns, heights = grid.columns.to(charges), grid.heights.to(charges)
    lateral = _phases(fractional[:, :2] @ grid.columns.T, charges)
    along = _phases(fractional[:, 2:] * grid.heights, charges)
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
    return grid.inverse_cell, _Field(potential, gradient, along_dipole)


def _phases(turns: Tensor, like: Tensor) -> Tensor:
    """exp(−2πi·turns); whole turns are dropped in float64 so that float32 keeps the rest exact."""
    angle = (-2.0 * math.pi * (turns - turns.round())).to(like)
    return torch.complex(angle.cos(), angle.sin())


def _real_of_product(a: Tensor, b: Tensor) -> Tensor:
    """Re Σ a·b over the last axis."""
    return (a.real * b.real - a.imag * b.imag).sum(-1)


@dataclass(frozen=True)
class Mesh:
    """A cell's mesh.

    Attributes
    ----------
    inverse_cell
        Shape (3, 3), 1/Å, float64.
    shape
        Points along each lattice vector.
    kernel
        Potential of the mesh's charges in Fourier space, V/e; shape of `rfftn`'s result.
    """

    inverse_cell: Tensor
    shape: tuple[int, int, int]
    kernel: Tensor


@lru_cache(maxsize=16)
@torch.inference_mode(False)
def coulomb_mesh(
    cell: tuple[tuple[float, ...], ...],
    cutoff_per_A: float,
    smearing_A: float,
    dtype: torch.dtype,
    device: torch.device,
) -> Mesh:
    """Mesh of a cell with its kernel.

    It holds Coulomb's, the Gaussians' and, twice, the inverse of the splines' own transform.
    """
    vectors = torch.tensor(cell, dtype=torch.float64, device=device)
    volume = float(torch.linalg.det(vectors).abs())
    if volume < 1e-6:
        raise ElectrostaticsError(f"the cell {cell} has no volume; give three lattice vectors")
    inverse = torch.linalg.inv(vectors)
    # k·a_i = 2π n_i bounds n_i within the sphere, in skewed cells too
    n_max = [cutoff_per_A * float(v.norm()) / (2.0 * math.pi) for v in vectors]
    shape = tuple(_fast_size(max(2.0 * OVERSAMPLING * n, SPLINE_ORDER + 1)) for n in n_max)
    orders = [torch.fft.fftfreq(k, 1.0 / k, dtype=torch.float64, device=device) for k in shape]
    orders[2] = torch.fft.rfftfreq(shape[2], 1.0 / shape[2], dtype=torch.float64, device=device)
    n_1, n_2, n_3 = torch.meshgrid(*orders, indexing="ij")
    k = [
        2.0 * math.pi * (n_1 * inverse[axis, 0] + n_2 * inverse[axis, 1] + n_3 * inverse[axis, 2])
        for axis in range(3)
    ]
    k_squared = k[0] ** 2 + k[1] ** 2 + k[2] ** 2
    inside = (k_squared <= cutoff_per_A**2) & (k_squared > 0.0)
    kernel = torch.exp(-k_squared * smearing_A**2) / k_squared.where(inside, torch.inf)
    for axis, (n, size) in enumerate(zip(orders, shape, strict=True)):
        transform = _spline_transform(n / size)
        place = [1, 1, 1]
        place[axis] = -1
        kernel = kernel / transform.square().view(place)
    # irfftn divides by the number of points
    kernel = kernel * math.prod(shape) / (volume * EPSILON_0)
    return Mesh(inverse, shape, kernel.to(dtype))


def _fast_size(least: float) -> int:
    """Return the next even size whose only factors are 2, 3 and 5."""
    size = 2 * math.ceil(0.5 * least)
    while True:
        rest = size
        for factor in (2, 3, 5):
            while rest % factor == 0:
                rest //= factor
        if rest == 1:
            return size
        size += 2


def _spline_values(t: Tensor, order: int = SPLINE_ORDER) -> tuple[Tensor, Tensor, Tensor]:
    """Cardinal B-spline at the mesh points around an atom, and two derivatives by its position.

    Parameters
    ----------
    t
        Distance to the mesh point below, in spacings, shape (n,).

    Returns
    -------
    tuple of Tensor
        Values, first and second derivatives at the points −order/2 + 1 … order/2, shape (n, order).
    """
    rows = [torch.stack([1.0 - t, t], 1)]
    for degree in range(3, order + 1):
        rows.append(_raise_order(rows[-1], t, degree))
    lowest, lower, values = rows[-3:]
    pad = torch.nn.functional.pad
    first = pad(lower, (1, 0)) - pad(lower, (0, 1))
    second = pad(lowest, (2, 0)) - 2.0 * pad(lowest, (1, 1)) + pad(lowest, (0, 2))
    return values, first, second


def _raise_order(lower: Tensor, t: Tensor, order: int) -> Tensor:
    """Recursion of cardinal B-splines: M_n(x) = (x M_{n−1}(x) + (n − x) M_{n−1}(x − 1))/(n − 1)."""
    pad = torch.nn.functional.pad
    # point j of the new row sees the spline at x = t + order − 1 − j
    x = t[:, None] + torch.arange(order - 1, -1, -1, device=t.device).to(t)
    return (x * pad(lower, (1, 0)) + (order - x) * pad(lower, (0, 1))) / (order - 1)


def _spline_transform(frequency: Tensor) -> Tensor:
    """Sum over the mesh points of spline times phase; frequency in turns per spacing."""
    on_points = _spline_values(frequency.new_zeros(1))[0][0]
    offsets = torch.arange(SPLINE_ORDER, device=frequency.device) - SPLINE_ORDER // 2 + 1
    return torch.cos(2.0 * math.pi * frequency[:, None] * offsets) @ on_points


def _mesh_field(
    term: MultipoleElectrostatics,
    cell: tuple[tuple[float, ...], ...],
    charges: Tensor,
    dipoles: Tensor | None,
    positions: Tensor,
) -> tuple[Tensor, _Field]:
    """Field by spreading, two Fourier transforms and reading off."""
    mesh = coulomb_mesh(cell, term.cutoff_per_A, term.smearing_A, charges.dtype, positions.device)
    sizes = torch.tensor(mesh.shape, device=positions.device)
    place = (positions.double() @ mesh.inverse_cell) * sizes
    below = place.floor()
    t = (place - below).to(charges)
    splines = [_spline_values(t[:, axis]) for axis in range(3)]
    offsets = torch.arange(SPLINE_ORDER, device=positions.device) - SPLINE_ORDER // 2 + 1
    index = (below.long()[:, :, None] + offsets) % sizes[:, None]
    strides = torch.tensor([mesh.shape[1] * mesh.shape[2], mesh.shape[2], 1], device=index.device)
    index = index * strides[:, None]
    points = index[:, 0, :, None, None] + index[:, 1, None, :, None] + index[:, 2, None, None, :]

    (w_x, d_x, _), (w_y, d_y, _), (w_z, d_z, _) = splines
    plane, column = charges[:, None, None] * w_x[:, :, None] * w_y[:, None], w_z
    spread = plane[..., None] * column[:, None, None]
    scale = sizes.to(charges)
    if dipoles is not None:
        m = (dipoles @ mesh.inverse_cell.to(charges)) * scale
        lateral = m[:, 0, None, None] * d_x[:, :, None] * w_y[:, None]
        lateral = lateral + m[:, 1, None, None] * w_x[:, :, None] * d_y[:, None]
        spread = spread + lateral[..., None] * w_z[:, None, None]
        upward = m[:, 2, None, None] * w_x[:, :, None] * w_y[:, None]
        spread = spread + upward[..., None] * d_z[:, None, None]
    density = spread.new_zeros(math.prod(mesh.shape))
    density.index_add_(0, points.flatten(), spread.flatten())
    transformed = torch.fft.rfftn(density.view(mesh.shape)) * mesh.kernel
    potential = torch.fft.irfftn(transformed, mesh.shape).flatten()[points]

    # contract z, then y, then x, each with the spline and its derivatives
    along = [torch.stack(of_axis, 1) for of_axis in splines]
    read = torch.einsum("nxyz,ncz->nxyc", potential, along[2])
    read = torch.einsum("nxyc,nby->nxbc", read, along[1])
    read = torch.einsum("nxbc,nax->nabc", read, along[0])
    gradient = scale * torch.stack([read[:, 1, 0, 0], read[:, 0, 1, 0], read[:, 0, 0, 1]], 1)
    along_dipole = None
    if dipoles is not None:
        hessian = torch.stack(
            [
                torch.stack([read[:, 2, 0, 0], read[:, 1, 1, 0], read[:, 1, 0, 1]], 1),
                torch.stack([read[:, 1, 1, 0], read[:, 0, 2, 0], read[:, 0, 1, 1]], 1),
                torch.stack([read[:, 1, 0, 1], read[:, 0, 1, 1], read[:, 0, 0, 2]], 1),
            ],
            1,
        )
        along_dipole = scale * torch.einsum("nij,nj->ni", hessian, m)
    return mesh.inverse_cell, _Field(read[:, 0, 0, 0], gradient, along_dipole)


@torch.library.custom_op("falsemetal::coulomb", mutates_args=())
def _coulomb(
    charges: Tensor,
    dipoles: Tensor,
    positions: Tensor,
    cell: Tensor,
    slab: bool,
    smearing_A: float,
    multipole_l_max: int,
    kspace_cutoff_factor: float,
    self_interaction: bool,
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """`coulomb_response` as one operation that a compiler need not look into."""
    term = MultipoleElectrostatics(
        smearing_A, multipole_l_max, kspace_cutoff_factor, self_interaction=self_interaction
    )
    present = dipoles if dipoles.shape[1] else None
    found = coulomb_response(term, charges, present, positions, cell, slab=slab)
    gradients = found.by_charges, found.by_dipoles, found.by_positions
    return found.energy, *(gradient.contiguous() for gradient in gradients)


@_coulomb.register_fake
def _(charges, dipoles, positions, *_):
    return (
        charges.new_empty((), dtype=torch.float64),
        torch.empty_like(charges),
        torch.empty_like(dipoles),
        torch.empty_like(positions),
    )


def _keep_gradients(ctx, inputs, output) -> None:
    ctx.save_for_backward(*output[1:])


def _apply_gradients(ctx, gradient: Tensor, *_):
    return *((gradient * saved).to(saved) for saved in ctx.saved_tensors), *[None] * 6


_coulomb.register_autograd(_apply_gradients, setup_context=_keep_gradients)


def coulomb_energy(
    term: MultipoleElectrostatics,
    charges: Tensor,
    dipoles: Tensor | None,
    positions: Tensor,
    cell: Tensor,
    *,
    slab: bool,
) -> Tensor:
    """Energy in eV, once differentiable; arguments as in :func:`coulomb_response`."""
    return _coulomb(
        charges,
        charges.new_empty(len(charges), 0) if dipoles is None else dipoles,
        positions,
        cell,
        slab,
        term.smearing_A,
        term.multipole_l_max,
        term.kspace_cutoff_factor,
        term.self_interaction,
    )[0]
