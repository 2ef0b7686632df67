"""Dipole of a slab from fixed charges on its molecules (paper, eq. 1 and S1.0.4)."""

from collections.abc import Mapping

import numpy as np

from falsemetal.arrays import FloatArray
from falsemetal.systems.molecules import Molecules


def molecular_dipoles(molecules: Molecules, charges: Mapping[str, float]) -> FloatArray:
    r"""Dipole of each molecule, eq. 1.

    .. math::
        \mu_i = \sum_{j \in i} q_j (r_j - r_i)

    over the satellites j of a centre i; of water :math:`q_H = -q_O / 2`, and it points from O to H,
    from negative to positive charge. Measured from its own centre, the dipole of a neutral molecule
    does not depend on the origin. Returned in e·Å, shape (n_frames, n_molecules, 3), by fixed
    charges of the elements in e.
    """
    # of plain layout, whatever that of the centres is
    dipoles = np.zeros(molecules.centres.shape)
    for element, total in molecules.displacements.items():
        dipoles += charges[element] * total
    return dipoles


def dipole_per_area(dipoles_z: FloatArray, area_A2: float) -> FloatArray:
    """Total dipole per area P_z of each frame, shape (n_frames,), e/Å.

    `dipoles_z` are z components of the molecular dipoles, shape (n_frames, n_molecules), e·Å.
    """
    return np.asarray(dipoles_z.sum(axis=1) / area_A2)


def cumulative_dipole(
    dipoles_z: FloatArray, z: FloatArray, grid_A: FloatArray, area_A2: float
) -> FloatArray:
    r"""Cumulative dipole per area, P_z(z) = (1/A) Σ_{i: z_i < z} μ_{z,i}, in e/Å.

    `dipoles_z` are as of :func:`dipole_per_area`, which it equals at points above all molecules;
    `z`, of the same shape, are the heights of their centres from the same origin as the grid, which
    increases. Returned shape (n_frames, n_points).
    """
    n_frames, n_points = len(z), len(grid_A)
    slot = np.searchsorted(grid_A, z, side="right")
    slot += np.arange(n_frames)[:, None] * (n_points + 1)
    layers = np.bincount(slot.ravel(), dipoles_z.ravel(), minlength=n_frames * (n_points + 1))
    return layers.reshape(n_frames, n_points + 1)[:, :-1].cumsum(axis=1) / area_A2


def heights_above_centre(positions: FloatArray) -> FloatArray:
    """Heights of like atoms above their centre of mass in Å, shape (n_frames, n_atoms).

    Positions, shape (n_frames, n_atoms, 3), Å, are unwrapped along z.
    """
    z = positions[..., 2]
    return np.asarray(z - z.mean(axis=1, keepdims=True))


def lateral_area(cell: FloatArray) -> float:
    """Area in Å² spanned by the first two vectors of a cell of shape (3, 3)."""
    return float(np.linalg.norm(np.cross(cell[0], cell[1])))
