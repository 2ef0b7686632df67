"""Which hydrogens belong to which oxygen (paper, S1.0.4), vectorised over frames."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]

HYDROGEN = 1
OXYGEN = 8
HYDROGENS_PER_WATER = 2


@dataclass(frozen=True)
class Molecules:
    """Oxygens and what is bound to them, for each frame.

    Attributes
    ----------
    oxygen_positions
        Shape (n_frames, n_oxygen, 3), Å.
    bond_sum
        Sum of the vectors from O to its two nearest hydrogens, Å, shape (n_frames, n_oxygen, 3).
        An oxygen with fewer hydrogens sums those it has.
    n_hydrogens
        All hydrogens bound to each oxygen, shape (n_frames, n_oxygen): 1 in OH, 3 in H3O.
    """

    oxygen_positions: FloatArray
    bond_sum: FloatArray
    n_hydrogens: IntArray


def find_molecules(
    positions: FloatArray,
    numbers: IntArray,
    cell: FloatArray,
    pbc: NDArray[np.bool_],
    *,
    oh_cutoff_A: float,
) -> Molecules:
    """Assign every hydrogen to its nearest oxygen, if one lies within the cutoff.

    Distances are those of the nearest image in periodic directions, so that wrapping matters only
    along directions that are not periodic.

    Parameters
    ----------
    positions
        Shape (n_frames, n_atoms, 3), Å.
    numbers
        Atomic numbers, shape (n_atoms,); species other than H and O are ignored.
    cell
        Orthorhombic cell, vectors as rows, shape (3, 3), Å.
    pbc
        Periodicity along x, y and z.
    oh_cutoff_A
        Largest O-H distance within a molecule; 1.2 Å in the paper's public benchmark.

    Raises
    ------
    ValueError
        If the cell is not orthorhombic or there is no oxygen.
    """
    box = orthorhombic_box(cell, pbc)
    positions = np.asarray(positions, dtype=float)
    numbers = np.asarray(numbers)
    oxygen, hydrogen = positions[:, numbers == OXYGEN], positions[:, numbers == HYDROGEN]
    if oxygen.shape[1] == 0:
        raise ValueError("no oxygen among the atoms; a water slab has at least one molecule")
    distance, owner = _nearest_oxygen(oxygen, hydrogen, box, oh_cutoff_A)

    # oxygens are numbered through all frames, so that one bincount serves them all
    n_oxygen = oxygen.shape[0] * oxygen.shape[1]
    bound = owner < n_oxygen
    owner = owner[bound]
    vectors = hydrogen.reshape(-1, 3)[bound] - oxygen.reshape(-1, 3)[owner]
    periodic = box > 0
    vectors[:, periodic] -= box[periodic] * np.round(vectors[:, periodic] / box[periodic])
    kept = _rank_among_siblings(owner, distance[bound]) < HYDROGENS_PER_WATER
    bond_sum = [
        np.bincount(owner[kept], vectors[kept, axis], minlength=n_oxygen) for axis in range(3)
    ]
    return Molecules(
        oxygen_positions=oxygen,
        bond_sum=np.stack(bond_sum, axis=-1).reshape(oxygen.shape),
        n_hydrogens=np.bincount(owner, minlength=n_oxygen).reshape(oxygen.shape[:2]),
    )


def dissociated_fraction(n_hydrogens: IntArray) -> FloatArray:
    """Share of oxygens in O, OH, H3O or beyond (paper, Fig. S3).

    Parameters
    ----------
    n_hydrogens
        Hydrogens bound to each oxygen, shape (n_frames, n_oxygen).

    Returns
    -------
    ndarray of shape (n_frames,)
    """
    return (n_hydrogens != HYDROGENS_PER_WATER).mean(axis=1)


def orthorhombic_box(cell: FloatArray, pbc: NDArray[np.bool_]) -> FloatArray:
    """Edge lengths in Å, shape (3,), zero along directions that are not periodic.

    Raises
    ------
    ValueError
        If the cell has an angle other than 90° or a periodic edge of no length.
    """
    cell, pbc = np.asarray(cell, dtype=float), np.asarray(pbc, dtype=bool)
    edges = np.diag(cell)
    if np.abs(cell - np.diag(edges)).max() > 1e-8 * max(1.0, np.abs(edges).max()):
        raise ValueError(
            f"the analysis needs an orthorhombic cell along x, y, z, got {cell.tolist()}"
        )
    if np.any(edges[pbc] <= 0):
        raise ValueError(f"periodic directions need a positive cell edge, got {edges.tolist()} Å")
    return np.where(pbc, edges, 0.0)


def _nearest_oxygen(
    oxygen: FloatArray, hydrogen: FloatArray, box: FloatArray, cutoff: float
) -> tuple[FloatArray, IntArray]:
    # frames stand apart along a fourth coordinate, so that one tree searches all of them
    tree = cKDTree(_with_frame_coordinate(oxygen, box, 2 * cutoff), boxsize=np.append(box, 0.0))
    targets = _with_frame_coordinate(hydrogen, box, 2 * cutoff)
    return tree.query(targets, distance_upper_bound=cutoff)


def _with_frame_coordinate(positions: FloatArray, box: FloatArray, spacing: float) -> FloatArray:
    n_frames, n_atoms, _ = positions.shape
    flat = np.empty((n_frames * n_atoms, 4))
    flat[:, :3] = positions.reshape(-1, 3)
    flat[:, 3] = np.repeat(np.arange(n_frames) * spacing, n_atoms)
    for axis in np.flatnonzero(box):
        flat[:, axis] %= box[axis]
        # a tiny negative coordinate is rounded up to the edge itself
        flat[flat[:, axis] >= box[axis], axis] = 0.0
    return flat


def _rank_among_siblings(owner: IntArray, distance: FloatArray) -> IntArray:
    order = np.lexsort((distance, owner))
    first = np.searchsorted(owner[order], owner[order], side="left")
    rank = np.empty(len(owner), dtype=np.int64)
    rank[order] = np.arange(len(owner)) - first
    return rank
