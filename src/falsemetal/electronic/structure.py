"""Structures as electronic structure is computed for them."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from ase import Atoms
from scipy.spatial import cKDTree

from falsemetal.arrays import IntArray
from falsemetal.files import array_sha256
from falsemetal.systems.molecule import Molecule
from falsemetal.systems.molecules import is_centre, orthorhombic_box, wrap
from falsemetal.systems.system import REGION

DECIMALS = 6
"""Of positions in Å: those that every engine's input and output keeps."""


@dataclass(frozen=True)
class Layer:
    """Atoms of one region at like heights, whose density of states is one line of a panel.

    Its middle is in the cell's own coordinate; indices of atoms ascend.
    """

    height_A: float
    region: str
    atoms: IntArray


Layers = Sequence[Layer]


def structure_checksum(atoms: Atoms) -> str:
    """SHA-256 of species, cell and positions to 10⁻⁶ Å, to which these must be rounded."""
    parts = (atoms.numbers, *(10**DECIMALS * a for a in (atoms.cell.array, atoms.positions)))
    return array_sha256(np.round(part).astype("<i8") for part in parts)


def with_vacuum(atoms: Atoms, vacuum_A: float) -> Atoms:
    """Slab in the middle of a cell with so much vacuum on either side, or a bulk cell as it is.

    A run's cell holds more vacuum than electrons need, and plane waves fill all of it. The dipole
    correction's step lies where the cell ends.
    """
    prepared: Atoms = atoms.copy()
    if not atoms.pbc[2]:
        prepared.center(vacuum=vacuum_A, axis=2)
    prepared.positions = prepared.positions.round(DECIMALS)
    prepared.cell = prepared.cell.array.round(DECIMALS)
    return prepared


def divide_into_layers(atoms: Atoms, *, thickness_A: float, liquid: Molecule) -> Layers:
    """Divide an orthorhombic structure along z, and each slice by the array `region`.

    Atoms of the liquid go with the nearest centre of a molecule. Layers, from below and without
    empty ones, are at most so thick and divide what the atoms fill evenly; of regions that share a
    slice each has a layer.
    """
    region = atoms.arrays[REGION]
    box = orthorhombic_box(atoms.cell.array, atoms.pbc)
    heights = atoms.positions[:, 2].copy()
    within, central = region == liquid.region, is_centre(atoms.numbers, liquid)
    centres, satellites = np.flatnonzero(within & central), np.flatnonzero(within & ~central)
    if len(centres) and len(satellites):
        sites = wrap(atoms.positions, box)
        tree = cKDTree(sites[centres], boxsize=box)
        heights[satellites] = heights[centres][tree.query(sites[satellites])[1]]
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
        Layer(
            float(low + (index + 0.5) * thickness),
            str(name),
            np.flatnonzero((number == index) & (region == name)),
        )
        for index in np.unique(number)
        for name in np.unique(region[number == index])
    ]
