"""Dipole of a slab from fixed charges on its molecules (paper, eq. 1 and S1.0.4)."""

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]


def molecular_dipoles(bond_sum: FloatArray, *, charge_O_e: float) -> FloatArray:
    r"""Dipole of each molecule, eq. 1.

    .. math::
        \mu_i = q_H \sum_{j \in i} (r_{H_j} - r_{O_i}), \qquad q_H = -q_O / 2

    With q_O < 0 it points from O to H, from negative to positive charge. Measured from its own
    oxygen, an intact molecule's dipole does not depend on the origin.

    Parameters
    ----------
    bond_sum
        Sum of the O→H vectors of each molecule in Å, any shape.
    charge_O_e
        Fixed charge q_O of oxygen in e, negative.

    Returns
    -------
    ndarray
        In e·Å, the shape of `bond_sum`.
    """
    if charge_O_e >= 0:
        raise ValueError(f"charge_O_e is the charge of oxygen, which is negative: {charge_O_e:g}")
    return -0.5 * charge_O_e * bond_sum


def dipole_per_area(dipoles_z: FloatArray, area_A2: float) -> FloatArray:
    """Total dipole per area P_z in e/Å of each frame.

    Parameters
    ----------
    dipoles_z
        z components of the molecular dipoles, shape (n_frames, n_molecules), e·Å.
    area_A2
        Cross-section of the cell in Å².

    Returns
    -------
    ndarray of shape (n_frames,)
    """
    return dipoles_z.sum(axis=1) / area_A2


def cumulative_dipole(
    dipoles_z: FloatArray, z: FloatArray, grid_A: FloatArray, area_A2: float
) -> FloatArray:
    r"""Cumulative dipole per area, P_z(z) = (1/A) Σ_{i: z_i < z} μ_{z,i}.

    Parameters
    ----------
    dipoles_z
        z components of the molecular dipoles, shape (n_frames, n_molecules), e·Å.
    z
        Heights of their oxygens in Å, same shape, from the same origin as the grid.
    grid_A
        Increasing heights at which the profile is wanted, shape (n_points,), Å.
    area_A2
        Cross-section of the cell in Å².

    Returns
    -------
    ndarray of shape (n_frames, n_points)
        In e/Å; equals :func:`dipole_per_area` at points above all molecules.
    """
    n_frames, n_points = len(z), len(grid_A)
    slot = np.searchsorted(grid_A, z, side="right")
    slot += np.arange(n_frames)[:, None] * (n_points + 1)
    layers = np.bincount(slot.ravel(), dipoles_z.ravel(), minlength=n_frames * (n_points + 1))
    return layers.reshape(n_frames, n_points + 1)[:, :-1].cumsum(axis=1) / area_A2


def heights_above_centre(oxygen_positions: FloatArray) -> FloatArray:
    """Heights of oxygens above their centre of mass in Å, shape (n_frames, n_oxygen).

    Parameters
    ----------
    oxygen_positions
        Unwrapped along z, shape (n_frames, n_oxygen, 3), Å.
    """
    z = oxygen_positions[..., 2]
    return z - z.mean(axis=1, keepdims=True)


def lateral_area(cell: FloatArray) -> float:
    """Area in Å² spanned by the first two vectors of a cell of shape (3, 3)."""
    return float(np.linalg.norm(np.cross(cell[0], cell[1])))
