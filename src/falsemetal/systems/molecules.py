"""Which atoms make up each molecule (paper, S1.0.4), vectorised over frames."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
from ase.data import atomic_numbers
from scipy.spatial import cKDTree

from falsemetal.arrays import BoolArray, FloatArray, IntArray
from falsemetal.systems.molecule import Bond, Molecule

FREE = -1
"""Owner of an atom that belongs to no molecule."""


@dataclass(frozen=True)
class Molecules:
    """Centres and what is bound to them, for each frame.

    Attributes
    ----------
    centres
        Positions of the central atoms, shape (n_frames, n_molecules, 3), Å.
    displacements
        By element of the satellites: sum of the vectors from the centre to the nearest that a
        whole molecule has of it, shape (n_frames, n_molecules, 3), Å. A molecule with fewer sums
        those it has.
    counts
        By element: all that are bound, shape (n_frames, n_molecules). Of hydrogen at oxygen: 1 in
        OH, 3 in H3O.
    intact
        Whether a molecule has what its description says, shape (n_frames, n_molecules).
    """

    centres: FloatArray
    displacements: Mapping[str, FloatArray]
    counts: Mapping[str, IntArray]
    intact: BoolArray

    @property
    def broken_fraction(self) -> FloatArray:
        """Share of molecules that are not intact (of water O, OH, H3O; Fig. S3), (n_frames,)."""
        return np.asarray((~self.intact).mean(axis=1))


def find_molecules(
    positions: FloatArray,
    numbers: IntArray,
    cell: FloatArray,
    pbc: BoolArray,
    *,
    molecule: Molecule,
) -> Molecules:
    """Assign every satellite to the nearest atom that it may be bound to, within the cutoff.

    Distances are those of the nearest image in periodic directions, so that wrapping matters only
    along directions that are not periodic.

    Parameters
    ----------
    positions
        Shape (n_frames, n_atoms, 3), Å.
    numbers
        Atomic numbers, shape (n_atoms,); elements that the molecule lacks are ignored.
    cell
        Orthorhombic cell, vectors as rows, shape (3, 3), Å.
    pbc
        Periodicity along x, y and z.
    molecule
        Description; by default a hydrogen belongs to an oxygen within 1.2 Å, as in the paper's
        public benchmark.

    Raises
    ------
    ValueError
        If the cell is not orthorhombic or there is no centre.
    """
    box = orthorhombic_box(cell, pbc)
    positions, numbers = np.asarray(positions, dtype=float), np.asarray(numbers)
    centre = np.flatnonzero(is_centre(numbers, molecule))
    if len(centre) == 0:
        raise ValueError(f"no {' or '.join(molecule.centres)} among the atoms")
    n_frames, n_molecules = len(positions), len(centre)
    n_owners = n_frames * n_molecules
    owner, vectors = _unassigned(positions, centre)
    displacements = {e: np.zeros((n_owners, 3)) for e in molecule.satellites}
    counts = {element: np.zeros(n_owners, dtype=np.int64) for element in molecule.satellites}
    intact = np.ones(n_owners, dtype=bool)
    for bond, frame, atom, distance in _assign(positions, numbers, owner, vectors, box, molecule):
        owners = owner[frame, atom]
        kept = _nearest_siblings(owners, distance, n_owners, bond.count)
        for axis in range(3):
            weights = vectors[frame, atom, axis][kept]
            displacements[bond.element][:, axis] += np.bincount(owners[kept], weights, n_owners)
        count = np.bincount(owners, minlength=n_owners)
        counts[bond.element] += count
        intact &= count == bond.count
    shape = (n_frames, n_molecules)
    return Molecules(
        centres=positions[:, centre],
        displacements={e: total.reshape(*shape, 3) for e, total in displacements.items()},
        counts={element: count.reshape(shape) for element, count in counts.items()},
        intact=intact.reshape(shape),
    )


def whole_molecules(
    positions: FloatArray,
    numbers: IntArray,
    cell: FloatArray,
    pbc: BoolArray,
    *,
    molecule: Molecule,
) -> tuple[FloatArray, IntArray]:
    """Positions with every molecule whole about its centre, and the molecule of each atom.

    Of one structure, shapes (n_atoms, 3), Å, and (n_atoms,); atoms that belong to none stay where
    they are and have the number :data:`FREE`. Arguments and errors as of :func:`find_molecules`.
    """
    box = orthorhombic_box(cell, pbc)
    frames, numbers = np.asarray(positions, dtype=float)[None], np.asarray(numbers)
    centre = np.flatnonzero(is_centre(numbers, molecule))
    owner, vectors = _unassigned(frames, centre)
    for _ in _assign(frames, numbers, owner, vectors, box, molecule):
        pass
    whole, bound = frames[0].copy(), owner[0] != FREE
    whole[bound] = frames[0, centre][owner[0, bound]] + vectors[0, bound]
    return whole, owner[0]


def is_centre(numbers: IntArray, molecule: Molecule) -> BoolArray:
    """Tell which atoms are centres of molecules, from their atomic numbers, shape (n_atoms,)."""
    return np.isin(numbers, [atomic_numbers[symbol] for symbol in molecule.centres])


def has_element_of(numbers: IntArray, molecule: Molecule) -> BoolArray:
    """Tell which atoms are of an element of a molecule, shape (n_atoms,)."""
    return np.isin(numbers, [atomic_numbers[symbol] for symbol in molecule.elements])


def orthorhombic_box(cell: FloatArray, pbc: BoolArray) -> FloatArray:
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


def wrap(positions: FloatArray, box: FloatArray) -> FloatArray:
    """Positions within a box of :func:`orthorhombic_box`, as k-d trees need them."""
    wrapped = positions.copy()
    for axis in np.flatnonzero(box):
        wrapped[..., axis] %= box[axis]
        # a tiny negative coordinate is rounded up to the edge itself
        wrapped[..., axis][wrapped[..., axis] >= box[axis]] = 0.0
    return wrapped


def _unassigned(positions: FloatArray, centre: IntArray) -> tuple[IntArray, FloatArray]:
    """Owner of each atom and its vector from the owner's centre, before any but centres have one.

    Molecules are numbered through all frames, so that one bincount serves them all.
    """
    owner = np.full(positions.shape[:2], FREE)
    owner[:, centre] = np.arange(len(positions) * len(centre)).reshape(-1, len(centre))
    return owner, np.zeros_like(positions)


def _assign(
    positions: FloatArray,
    numbers: IntArray,
    owner: IntArray,
    vectors: FloatArray,
    box: FloatArray,
    molecule: Molecule,
) -> Iterator[tuple[Bond, IntArray, IntArray, FloatArray]]:
    """Fill owners and vectors bond by bond; yield frame, atom and bond length of what is new."""
    periodic = box > 0
    for bond in molecule.bonds:
        frame, atom, parent, distance = _bind(positions, numbers, owner, box, bond, molecule)
        found = positions[frame, atom] - positions[frame, parent]
        found[:, periodic] -= box[periodic] * np.round(found[:, periodic] / box[periodic])
        vectors[frame, atom] = found + vectors[frame, parent]
        owner[frame, atom] = owner[frame, parent]
        yield bond, frame, atom, distance


def _bind(
    positions: FloatArray,
    numbers: IntArray,
    owner: IntArray,
    box: FloatArray,
    bond: Bond,
    molecule: Molecule,
) -> tuple[IntArray, IntArray, IntArray, FloatArray]:
    """Frame, atom, the atom that it is bound to and their distance, of all that are bound."""
    to_centres = is_centre(numbers, molecule)
    parents = np.flatnonzero(numbers == atomic_numbers[bond.to] if bond.to else to_centres)
    candidates = np.flatnonzero(numbers == atomic_numbers[bond.element])
    sites, targets = wrap(positions[:, parents], box), wrap(positions[:, candidates], box)
    found = []
    for frame, owners in enumerate(owner):
        there, free = owners[parents] != FREE, owners[candidates] == FREE
        # a tree that is used once is not worth balancing
        tree = cKDTree(sites[frame, there], boxsize=box, balanced_tree=False, compact_nodes=False)
        distance, nearest = tree.query(targets[frame, free], distance_upper_bound=bond.cutoff_A)
        bound = np.isfinite(distance)
        atoms = candidates[free][bound]
        to = parents[there][nearest[bound]]
        found.append((np.full(len(atoms), frame), atoms, to, distance[bound]))
    frames, atoms, to, distances = (np.concatenate(part) for part in zip(*found, strict=True))
    return frames, atoms, to, distances


def _nearest_siblings(
    owner: IntArray, distance: FloatArray, n_owners: int, count: int
) -> BoolArray:
    """Tell which atoms are among the nearest `count` of those of their molecule."""
    crowded = np.flatnonzero(np.bincount(owner, minlength=n_owners)[owner] > count)
    order = crowded[np.lexsort((distance[crowded], owner[crowded]))]
    rank = np.arange(len(order)) - np.searchsorted(owner[order], owner[order], side="left")
    kept = np.ones(len(owner), dtype=bool)
    kept[order] = rank < count
    return kept
