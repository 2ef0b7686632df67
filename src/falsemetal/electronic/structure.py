"""Structures as electronic structure is computed for them."""

from dataclasses import dataclass

import numpy as np
from ase import Atoms
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from falsemetal.electronic.selection import DECIMALS
from falsemetal.systems.molecules import HYDROGEN, OXYGEN, orthorhombic_box


@dataclass(frozen=True)
class Layer:
    """Atoms at like heights, whose projected density of states is one line of a panel.

    Attributes
    ----------
    height_A
        Middle of the layer, in the cell's own coordinate.
    atoms
        Their indices, ascending.
    """

    height_A: float
    atoms: NDArray[np.int64]


def with_vacuum(atoms: Atoms, vacuum_A: float) -> Atoms:
    """Slab in the middle of a cell with so much vacuum on either side, or a bulk cell as it is.

    A run's cell holds more vacuum than electrons need, and plane waves fill all of it. The dipole
    correction's step lies where the cell ends.
    """
    prepared = atoms.copy()
    if not atoms.pbc[2]:
        prepared.center(vacuum=vacuum_A, axis=2)
    prepared.positions = prepared.positions.round(DECIMALS)
    prepared.cell = prepared.cell.array.round(DECIMALS)
    return prepared


def divide_into_layers(atoms: Atoms, *, thickness_A: float) -> list[Layer]:
    """Divide a structure along z; a hydrogen goes with its nearest oxygen.

    Parameters
    ----------
    atoms
        Orthorhombic.
    thickness_A
        Of a layer, at most; they divide what the atoms fill evenly.

    Returns
    -------
    list of Layer
        From below, empty ones left out.
    """
    box = orthorhombic_box(atoms.cell.array, atoms.pbc)
    heights = atoms.positions[:, 2].copy()
    oxygen = np.flatnonzero(atoms.numbers == OXYGEN)
    hydrogen = np.flatnonzero(atoms.numbers == HYDROGEN)
    if len(oxygen) and len(hydrogen):
        sites = np.where(box > 0, atoms.positions % np.where(box > 0, box, 1.0), atoms.positions)
        # rounding may leave a coordinate at the edge itself
        sites = np.where((box > 0) & (sites >= box), 0.0, sites)
        tree = cKDTree(sites[oxygen], boxsize=box)
        heights[hydrogen] = heights[oxygen][tree.query(sites[hydrogen])[1]]
    if box[2] > 0:
        heights %= box[2]
        low, high = 0.0, box[2]
    else:
        low, high = heights.min(), heights.max()
    n_layers = max(1, int(np.ceil((high - low) / thickness_A)))
    thickness = (high - low) / n_layers
    number = np.zeros(len(atoms), dtype=int)
    if thickness > 0.0:
        number = np.clip(((heights - low) / thickness).astype(int), 0, n_layers - 1)
    return [
        Layer(float(low + (index + 0.5) * thickness), np.flatnonzero(number == index))
        for index in np.unique(number)
    ]
