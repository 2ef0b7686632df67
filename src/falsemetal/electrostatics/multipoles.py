r"""Coulomb energy of smeared atomic charges and dipoles, in bulk and in slabs.

Atom :math:`i` carries a charge :math:`q_i` and a dipole :math:`\boldsymbol\mu_i` on a Gaussian of
width σ. The density's structure factor and the energy per cell are (paper, eqs. S2 and S3)

.. math::

    \rho(\mathbf k) &= e^{-k^2\sigma^2/2}
        \sum_i (q_i - i\,\mathbf k\cdot\boldsymbol\mu_i)\, e^{-i\mathbf k\cdot\mathbf r_i}, \\
    E &= \frac{1}{2 V \varepsilon_0} \sum_{0 < k \le k_\text{cut}} \frac{|\rho(\mathbf k)|^2}{k^2}
        \;\Big[ + \frac{P_z^2}{2 \varepsilon_0 V} \text{ for a slab}\Big],
    \qquad P_z = \sum_i (q_i z_i + \mu_{i,z}).

Leaving out k = 0 is the tin-foil boundary; the slab term (Yeh and Berkowitz,
doi:10.1063/1.479595) removes the field of the periodic images along z. As the Gaussians are
smooth there is no real-space part.

The phases factorise over the lattice, k = n₁b₁ + n₂b₂ + n₃b₃, so that ρ is a product of matrices
of sizes (columns n₁n₂ × atoms) and (atoms × n₃): no array of all k by all atoms is ever made.
"""

import math
from typing import cast

import torch
from torch import Tensor
from torch.utils.checkpoint import checkpoint

from falsemetal.electrostatics.reciprocal import (
    ElectrostaticsError,
    ReciprocalGrid,
    kspace_cutoff,
    phases,
    reciprocal_grid,
)
from falsemetal.units import EPSILON_0


def check_slab(
    charges: Tensor, cell: Tensor, *, slab: bool = True, tolerance_e: float = 1e-3
) -> None:
    """Refuse a slab for which the dipole correction has no meaning; for setup, not every step.

    ElectrostaticsError if it is charged, as P_z would depend on the origin, or if the third lattice
    vector, by rows of the cell, is not along z and normal to the other two. Formal charges (e) do
    in a split-charge model, as transfers keep their sum; up to `tolerance_e` in total is taken for
    rounding.
    """
    if not slab:
        return
    total_charge_e = float(charges.double().sum())
    if abs(total_charge_e) > tolerance_e:
        raise ElectrostaticsError(
            f"a slab with a total charge of {total_charge_e:+.4f} e has no defined energy: "
            "its dipole depends on the origin; add counter-ions or make it periodic in z"
        )
    tilt_A = max(float(cell[2, :2].abs().max()), float(cell[:2, 2].abs().max()))
    if tilt_A > 1e-4:
        raise ElectrostaticsError(
            f"a slab's third lattice vector must be along z and normal to the others, but is off "
            f"by {tilt_A:.4f} Å; rotate the cell, or take the component of row 3 along z"
        )


class MultipoleElectrostatics(torch.nn.Module):
    """Coulomb energy of Gaussian charges and dipoles; has no trainable parameters.

    Gaussians have the width σ `smearing_A`; `multipole_l_max`, 0 for charges, 1 for charges and
    dipoles, sets the cutoff, with a factor on :func:`kspace_cutoff`. Without `self_interaction`,
    each Gaussian's energy in its own field, two distant charges have the energy of points.

    Beyond `max_elements`, of a (columns × atoms) array, the sum runs in parts that are computed
    again in the backward pass, so that memory stays bounded in large cells.
    """

    def __init__(
        self,
        smearing_A: float,
        multipole_l_max: int,
        kspace_cutoff_factor: float = 1.25,
        *,
        self_interaction: bool = False,
        max_elements: int = 2**22,
    ) -> None:
        super().__init__()
        self.smearing_A = smearing_A
        self.cutoff_per_A = kspace_cutoff(smearing_A, multipole_l_max, kspace_cutoff_factor)
        self.self_interaction = self_interaction
        self.max_elements = max_elements

    def forward(
        self,
        charges: Tensor,
        dipoles: Tensor | None,
        positions: Tensor,
        cells: Tensor,
        slab: Tensor,
        batch: Tensor,
    ) -> Tensor:
        """Energies of a batch of systems in eV, float64, twice differentiable in all but the cells.

        Charges are in e; dipoles, shape (n_atoms, 3), e·Å, as x, y, z, point from − to +, None for
        charges alone. Positions in Å, float32 or float64, are unwrapped along z in slabs.
        ``cells[g, i]`` is the i-th lattice vector; in slabs, periodic in x and y only, the third
        holds the vacuum; see :func:`check_slab`. `batch` is the graph of each atom, in increasing
        order.

        ElectrostaticsError if a gradient by the cell is asked for (there is no stress), if a cell
        has no volume, or if the atoms of a graph do not stand together.
        """
        if cells.requires_grad:
            raise ElectrostaticsError("the Coulomb term has no stress; detach the cells")
        if len(cells) > 1 and bool((batch.diff() < 0).any()):
            raise ElectrostaticsError("the atoms of a graph must stand together; sort by batch")
        sizes = torch.bincount(batch, minlength=len(cells)).tolist()
        dipole_parts = [None] * len(sizes) if dipoles is None else dipoles.split(sizes)
        systems = zip(charges.split(sizes), dipole_parts, positions.split(sizes), strict=True)
        energies = [
            self.energy(*system, cell, slab=is_slab)
            for cell, is_slab, system in zip(cells, slab.tolist(), systems, strict=True)
        ]
        return torch.stack(energies)

    def energy(
        self,
        charges: Tensor,
        dipoles: Tensor | None,
        positions: Tensor,
        cell: Tensor,
        *,
        slab: bool,
    ) -> Tensor:
        """Energy of one system in eV; arguments as in :meth:`forward`, cell of shape (3, 3)."""
        key = tuple(map(tuple, cell.tolist()))
        grid = reciprocal_grid(key, self.cutoff_per_A, self.smearing_A, positions.device)
        energy = self._periodic_energy(grid, charges, dipoles, positions)
        return energy + self.corrections(charges, dipoles, positions, cell, slab=slab)

    def corrections(
        self,
        charges: Tensor,
        dipoles: Tensor | None,
        positions: Tensor,
        cell: Tensor,
        *,
        slab: bool,
    ) -> Tensor:
        """Return what :meth:`energy` adds to the energy of the density periodic in x, y and z."""
        found = charges.new_zeros((), dtype=torch.float64)
        if slab:
            volume = torch.linalg.det(cell.double()).abs()
            found = found + slab_correction(charges, dipoles, positions, volume)
        if not self.self_interaction:
            found = found - gaussian_self_energy(charges, dipoles, self.smearing_A)
        return found

    def _periodic_energy(
        self, grid: ReciprocalGrid, charges: Tensor, dipoles: Tensor | None, positions: Tensor
    ) -> Tensor:
        size = max(1, self.max_elements // max(1, len(charges)))
        parts = list(zip(grid.columns.split(size), grid.weights.split(size), strict=True))
        arguments = grid, charges, dipoles, positions
        if len(parts) == 1:
            ((columns, weights),) = parts
            return _columns_energy(columns, weights, *arguments)
        energies = (checkpoint(_columns_energy, *p, *arguments, use_reentrant=False) for p in parts)
        return cast(Tensor, sum(energies))


def _columns_energy(
    columns: Tensor,
    weights: Tensor,
    grid: ReciprocalGrid,
    charges: Tensor,
    dipoles: Tensor | None,
    positions: Tensor,
) -> Tensor:
    """Energy in eV of the k-vectors in some columns of the grid."""
    fractional = positions.double() @ grid.inverse_cell
    lateral = phases(fractional[:, :2] @ columns.T, charges.dtype)
    along = phases(fractional[:, 2:] * grid.heights, charges.dtype)
    if dipoles is None:
        structure_factor = lateral.T @ (charges[:, None] * along)
    else:
        # k·μ = 2π Σ n m for m in units of the lattice vectors, as k·r = 2π Σ n s for positions
        m = 2.0 * math.pi * (dipoles @ grid.inverse_cell.to(dipoles))
        k_dot_mu_lateral = m[:, :2] @ columns.T.to(m)
        k_dot_mu_along = m[:, 2:] * grid.heights.to(m)
        structure_factor = (lateral * k_dot_mu_lateral).T @ along
        structure_factor = -1j * structure_factor + lateral.T @ (
            along * torch.complex(charges[:, None].expand_as(k_dot_mu_along), -k_dot_mu_along)
        )
    return (weights * torch.view_as_real(structure_factor).double().square().sum(-1)).sum()


def slab_correction(
    charges: Tensor, dipoles: Tensor | None, positions: Tensor, volume_A3: float | Tensor
) -> Tensor:
    """Energy P_z²/(2 ε0 V) in eV, float64; arguments as in :class:`MultipoleElectrostatics`."""
    dipole_z = (charges.double() * positions[:, 2].double()).sum()
    if dipoles is not None:
        dipole_z = dipole_z + dipoles[:, 2].double().sum()
    return dipole_z.square() / (2.0 * EPSILON_0 * volume_A3)


def gaussian_self_energy(charges: Tensor, dipoles: Tensor | None, smearing_A: float) -> Tensor:
    """Energy of each Gaussian in its own field, summed: Σ (q² + μ²/(6σ²)) / (8 π^{3/2} ε0 σ).

    Charges are in e, dipoles, shape (n_atoms, 3), in e·Å; the energy is in eV, float64.
    """
    squares = charges.double().square().sum()
    if dipoles is not None:
        squares = squares + dipoles.double().square().sum() / (6.0 * smearing_A**2)
    return squares / (8.0 * math.pow(math.pi, 1.5) * EPSILON_0 * smearing_A)
