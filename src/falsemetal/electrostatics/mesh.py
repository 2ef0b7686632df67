"""Field of Gaussian multipoles at the atoms on a mesh, in time and memory linear in the cell.

The multipoles are spread by B-splines (Essmann et al., doi:10.1063/1.470117), the kernel is applied
between two Fourier transforms, and the potential is read off by the same splines and their
derivatives. As the Gaussians are smooth there is no real-space part.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache, lru_cache

import torch
from torch import Tensor

from falsemetal.electrostatics.field import Field
from falsemetal.electrostatics.reciprocal import cell_volume, gaussian_kernel
from falsemetal.kernels import Kernel, beside, build
from falsemetal.units import EPSILON_0

SPLINE_ORDER = 8
SOURCE = beside(__file__, "mesh.cpp")
OVERSAMPLING = 1.8
"""Highest frequency of the mesh over that of the sum."""


Derivative = tuple[int, int, int]
PARTS: list[Derivative] = [
    (a, b, c) for a in range(3) for b in range(3 - a) for c in range(3 - a - b)
]
"""Derivatives of the potential that are needed, by x, y, z: up to two in all."""
AXES: list[Derivative] = [(1, 0, 0), (0, 1, 0), (0, 0, 1)]


@dataclass(frozen=True)
class Mesh:
    """A cell's mesh of so many points along each lattice vector.

    The inverse cell is in 1/Å, float64; the kernel is the potential of the mesh's charges in
    Fourier space, V/e, in the shape of `rfftn`'s result.
    """

    inverse_cell: Tensor
    shape: tuple[int, int, int]
    kernel: Tensor

    def potential(self, density: Tensor) -> Tensor:
        """Potential at the mesh points of charges at them, shape `shape`."""
        potential: Tensor = torch.fft.irfftn(torch.fft.rfftn(density) * self.kernel, self.shape)
        return potential

    def places(self, positions: Tensor) -> Tensor:
        """Positions, shape (n, 3), Å, in spacings of the mesh, float64."""
        sizes = torch.tensor(self.shape, device=positions.device)
        return (positions.double() @ self.inverse_cell) * sizes


@lru_cache(maxsize=16)
@torch.inference_mode(False)
def coulomb_mesh(
    cell: tuple[tuple[float, ...], ...],
    cutoff_per_A: float,
    smearing_A: float,
    dtype: torch.dtype,
    device: torch.device,
) -> Mesh:
    """Mesh of a cell whose kernel is Coulomb's and the Gaussians'."""

    def kernel(k_squared: Tensor) -> Tensor:
        return gaussian_kernel(k_squared, cutoff_per_A, smearing_A) / EPSILON_0

    return mesh_of_kernel(cell, cutoff_per_A, kernel, dtype, device)


@torch.inference_mode(False)
def mesh_of_kernel(
    cell: tuple[tuple[float, ...], ...],
    cutoff_per_A: float,
    kernel: Callable[[Tensor], Tensor],
    dtype: torch.dtype,
    device: torch.device,
) -> Mesh:
    """Mesh of a cell for 1/V Σ_k G(k²) e^{ik·r}, by a function G that ends at the cutoff.

    Its kernel holds G and, twice, the inverse of the splines' own transform.
    """
    vectors = torch.tensor(cell, dtype=torch.float64, device=device)
    volume = cell_volume(cell)
    inverse = torch.linalg.inv(vectors)
    # k·a_i = 2π n_i bounds n_i within the sphere, in skewed cells too
    n_max = [cutoff_per_A * float(v.norm()) / (2.0 * math.pi) for v in vectors]
    a, b, c = (_fast_size(max(2.0 * OVERSAMPLING * n, SPLINE_ORDER + 1)) for n in n_max)
    shape = (a, b, c)
    orders = [torch.fft.fftfreq(k, 1.0 / k, dtype=torch.float64, device=device) for k in shape]
    orders[2] = torch.fft.rfftfreq(shape[2], 1.0 / shape[2], dtype=torch.float64, device=device)
    n_1, n_2, n_3 = torch.meshgrid(*orders, indexing="ij")
    k = [
        2.0 * math.pi * (n_1 * inverse[axis, 0] + n_2 * inverse[axis, 1] + n_3 * inverse[axis, 2])
        for axis in range(3)
    ]
    weights = kernel(k[0] ** 2 + k[1] ** 2 + k[2] ** 2)
    for axis, (n, size) in enumerate(zip(orders, shape, strict=True)):
        transform = _spline_transform(n / size)
        place = [1, 1, 1]
        place[axis] = -1
        weights = weights / transform.square().view(place)
    # irfftn divides by the number of points
    weights = weights * math.prod(shape) / volume
    return Mesh(inverse, shape, weights.to(dtype))


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


Splines = tuple[Tensor, Tensor, Tensor]


def _spline_values(t: Tensor, order: int = SPLINE_ORDER) -> Splines:
    """Cardinal B-spline at the mesh points around an atom, and two derivatives by its position.

    `t`, shape (n,), is the distance to the mesh point below in spacings; points are −order/2 + 1 …
    order/2.
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


def _stencil(mesh: Mesh, places: Tensor, dtype: torch.dtype) -> tuple[list[Splines], Tensor]:
    """Splines of atoms along each axis, and the mesh points that they are of.

    Places, shape (n, 3), are in spacings; each spline, with two derivatives, has the shape
    (n, order), the numbers of the points the shape (n, order, order, order).
    """
    below = places.floor()
    t = (places - below).to(dtype)
    splines = [_spline_values(t[:, axis]) for axis in range(3)]
    sizes = torch.tensor(mesh.shape, device=places.device)
    offsets = torch.arange(SPLINE_ORDER, device=places.device) - SPLINE_ORDER // 2 + 1
    index = (below.long()[:, :, None] + offsets) % sizes[:, None]
    strides = torch.tensor([mesh.shape[1] * mesh.shape[2], mesh.shape[2], 1], device=index.device)
    index = index * strides[:, None]
    points = index[:, 0, :, None, None] + index[:, 1, None, :, None] + index[:, 2, None, None, :]
    return splines, points


def _spline_transform(frequency: Tensor) -> Tensor:
    """Sum over the mesh points of spline times phase; frequency in turns per spacing."""
    on_points = _spline_values(frequency.new_zeros(1))[0][0]
    offsets = torch.arange(SPLINE_ORDER, device=frequency.device) - SPLINE_ORDER // 2 + 1
    return torch.cos(2.0 * math.pi * frequency[:, None] * offsets) @ on_points


def field_by_mesh(
    charges: Tensor,
    dipoles: Tensor | None,
    positions: Tensor,
    cell: tuple[tuple[float, ...], ...],
    *,
    smearing_A: float,
    cutoff_per_A: float,
    compiled: bool = True,
) -> Field:
    """Field at the atoms; arguments as in `electrostatics.coulomb.coulomb_response`."""
    mesh = coulomb_mesh(cell, cutoff_per_A, smearing_A, charges.dtype, positions.device)
    places = mesh.places(positions)
    scale = torch.tensor(mesh.shape, device=positions.device).to(charges)
    m = None if dipoles is None else (dipoles @ mesh.inverse_cell.to(charges)) * scale
    read = _read(mesh, places, charges, m, compiled=compiled)
    by = {part: read[:, index] for index, part in enumerate(PARTS)}
    gradient = scale * torch.stack([by[axis] for axis in AXES], 1)
    along_dipole = None
    if m is not None:
        hessian = torch.stack([torch.stack([by[_sum(a, b)] for b in AXES], 1) for a in AXES], 1)
        along_dipole = scale * torch.einsum("nij,nj->ni", hessian, m)
    return Field(by[0, 0, 0], gradient, along_dipole).by_cartesian(mesh.inverse_cell)


def potential_by_mesh(mesh: Mesh, places: Tensor, values: Tensor) -> Tensor:
    """Potential at atoms, shape (n,), of values at them; places are in spacings of the mesh."""
    return _read(mesh, places, values, None, compiled=True)[:, PARTS.index((0, 0, 0))]


def _read(
    mesh: Mesh, places: Tensor, charges: Tensor, m: Tensor | None, *, compiled: bool
) -> Tensor:
    """Return derivatives of the potential at the atoms, shape (n, parts)."""
    kernel = _kernel(charges.dtype) if compiled and charges.device.type == "cpu" else None
    if kernel is None:
        return _derivatives(mesh, places, charges, m)
    return _by_kernel(kernel, mesh, places, charges, m)


def _sum(a: Derivative, b: Derivative) -> Derivative:
    return a[0] + b[0], a[1] + b[1], a[2] + b[2]


@cache
def _kernel(dtype: torch.dtype) -> Kernel | None:
    return build(SOURCE, dtype, {}, width=SPLINE_ORDER)


def _by_kernel(
    kernel: Kernel, mesh: Mesh, places: Tensor, charges: Tensor, m: Tensor | None
) -> Tensor:
    """Return derivatives at the atoms, shape (n, parts)."""
    n, order = len(charges), SPLINE_ORDER
    padded = charges.new_empty(*mesh.shape[:2], mesh.shape[2] + order)
    moments = charges.new_zeros(n, 3) if m is None else m
    given = (x.detach().contiguous() for x in (charges, moments))
    density = kernel.add_up(padded, "spread", n, *mesh.shape, places, *given)
    whole, again = density.split([mesh.shape[2], order], -1)
    whole[..., :order] += again
    potential = mesh.potential(whole)
    found = charges.new_empty(n, len(PARTS))
    rows = torch.cat([potential, potential[..., :order]], -1)
    kernel("gather", n, *mesh.shape, places, rows, found)
    return found


def _derivatives(mesh: Mesh, places: Tensor, charges: Tensor, m: Tensor | None) -> Tensor:
    """Return the same by PyTorch alone."""
    splines, points = _stencil(mesh, places, charges.dtype)
    (w_x, d_x, _), (w_y, d_y, _), (w_z, d_z, _) = splines
    plane = charges[:, None, None] * w_x[:, :, None] * w_y[:, None]
    spread = plane[..., None] * w_z[:, None, None]
    if m is not None:
        lateral = m[:, 0, None, None] * d_x[:, :, None] * w_y[:, None]
        lateral = lateral + m[:, 1, None, None] * w_x[:, :, None] * d_y[:, None]
        spread = spread + lateral[..., None] * w_z[:, None, None]
        upward = m[:, 2, None, None] * w_x[:, :, None] * w_y[:, None]
        spread = spread + upward[..., None] * d_z[:, None, None]
    density = spread.new_zeros(math.prod(mesh.shape))
    density.index_add_(0, points.flatten(), spread.flatten())
    on_mesh = mesh.potential(density.view(mesh.shape)).flatten()
    # faster than indexing with `points` themselves
    potential = on_mesh.index_select(0, points.flatten()).view(points.shape)
    # contract z, then y, then x, each with the spline and its derivatives
    along = [torch.stack(of_axis, 1) for of_axis in splines]
    read = torch.einsum("nxyz,ncz->nxyc", potential, along[2])
    read = torch.einsum("nxyc,nby->nxbc", read, along[1])
    read = torch.einsum("nxbc,nax->nabc", read, along[0])
    return torch.stack([read[:, a, b, c] for a, b, c in PARTS], 1)
