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
    distance, nearest = _nearest_oxygen(oxygen, hydrogen, box, oh_cutoff_A)

    # oxygens are numbered through all frames, so that one bincount serves them all
    n_frames, per_frame = oxygen.shape[:2]
    n_oxygen = n_frames * per_frame
    bound = (nearest < per_frame).ravel()
    owner = (nearest + per_frame * np.arange(n_frames)[:, None]).ravel()[bound]
    vectors = hydrogen.reshape(-1, 3)[bound] - oxygen.reshape(-1, 3)[owner]
    periodic = box > 0
    vectors[:, periodic] -= box[periodic] * np.round(vectors[:, periodic] / box[periodic])
    kept = _nearest_siblings(owner, distance.ravel()[bound], n_oxygen)
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
    """Distance and index within the frame, shape (n_frames, n_hydrogen); n_oxygen where none is."""
    oxygen, hydrogen = _wrap(oxygen, box), _wrap(hydrogen, box)
    distance = np.empty(hydrogen.shape[:2])
    owner = np.empty(hydrogen.shape[:2], dtype=np.int64)
    for frame, (sites, targets) in enumerate(zip(oxygen, hydrogen, strict=True)):
        # a tree that is used once is not worth balancing
        tree = cKDTree(sites, boxsize=box, balanced_tree=False, compact_nodes=False)
        distance[frame], owner[frame] = tree.query(targets, distance_upper_bound=cutoff)
    return distance, owner


def _wrap(positions: FloatArray, box: FloatArray) -> FloatArray:
    wrapped = positions.copy()
    for axis in np.flatnonzero(box):
        wrapped[..., axis] %= box[axis]
        # a tiny negative coordinate is rounded up to the edge itself
        wrapped[..., axis][wrapped[..., axis] >= box[axis]] = 0.0
    return wrapped


def _nearest_siblings(owner: IntArray, distance: FloatArray, n_oxygen: int) -> NDArray[np.bool_]:
    """Tell which hydrogens are among the two nearest of those of their oxygen."""
    crowded = np.flatnonzero(np.bincount(owner, minlength=n_oxygen)[owner] > HYDROGENS_PER_WATER)
    order = crowded[np.lexsort((distance[crowded], owner[crowded]))]
    rank = np.arange(len(order)) - np.searchsorted(owner[order], owner[order], side="left")
    kept = np.ones(len(owner), dtype=bool)
    kept[order] = rank < HYDROGENS_PER_WATER
    return kept
