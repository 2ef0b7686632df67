"""Structures as electronic structure is computed for them."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from ase import Atoms
from scipy.spatial import cKDTree

from falsemetal.arrays import BoolArray, FloatArray, IntArray
from falsemetal.files import array_sha256
from falsemetal.systems.molecule import Molecule
from falsemetal.systems.molecules import is_centre, orthorhombic_box, wrap
from falsemetal.systems.surfaces import SOLID_REGIONS, outermost_planes
from falsemetal.systems.system import REGION

DECIMALS = 6
"""Of positions in Å: those that every engine's input and output keeps."""

ROUNDING_A = 1e-6
"""By which a nucleus at the start of a period may seem to lie below it."""


@dataclass(frozen=True)
class Layer:
    """Atoms of one region at like heights, whose density of states is one line of a panel.

    Its middle is in the cell's own coordinate; indices of atoms ascend.
    """

    height_A: float
    region: str
    atoms: IntArray


Layers = Sequence[Layer]


@dataclass(frozen=True)
class Faces:
    """Faces of a solid below a liquid, or on both sides of it in a periodic cell.

    `upper_A` is the height of the solid's upper face in the cell, and the liquid lies above it;
    `gap_A` the height between it and the lower face of the solid's next image, None of a film.
    """

    upper_A: float
    gap_A: float | None = None
    period_A: float | None = None

    def above(self, z_A: FloatArray) -> FloatArray:
        """Heights above the upper face, in a periodic cell from 0 up."""
        above = np.asarray(z_A, float) - self.upper_A
        return above if self.period_A is None else np.asarray(above % self.period_A)

    def about_the_gap(self, z_A: FloatArray) -> FloatArray:
        """Heights above the upper face; of a solid in a periodic cell half lies on either side."""
        above = self.above(z_A)
        if self.gap_A is None or self.period_A is None:
            return above
        beyond = above > 0.5 * (self.gap_A + self.period_A)
        return np.asarray(np.where(beyond, above - self.period_A, above))

    def are_clear(self, z_A: FloatArray, clearance_A: float) -> BoolArray:
        """Tell what lies farther than the clearance from each face.

        Between two faces, where the bands bend up to the middle, also within the middle third.
        """
        above = self.above(z_A)
        if self.gap_A is None:
            return np.asarray(above > clearance_A)
        least = max(clearance_A, self.gap_A / 3.0)
        return np.asarray((above > least) & (above < self.gap_A - least))


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


def find_faces(atoms: Atoms) -> Faces | None:
    """Find the faces of the solid in a structure, told by the array `region`; None without one.

    In a periodic cell a solid may lie across the boundary: the liquid is where the solid's heaviest
    nuclei are farthest apart.
    """
    solid = np.isin(atoms.arrays[REGION], SOLID_REGIONS)
    if not solid.any():
        return None
    z, period = atoms.positions[:, 2], float(atoms.cell.lengths()[2])
    if atoms.pbc[2]:
        heaviest = np.sort(z[solid & (atoms.numbers == atoms.numbers[solid].max())] % period)
        gaps = np.diff(heaviest, append=heaviest[0] + period)
        # from the first nuclei above the liquid on, so that the solid is whole
        first = heaviest[(int(gaps.argmax()) + 1) % len(heaviest)]
        z = (z - first + ROUNDING_A) % period + first - ROUNDING_A
    lower, upper = (float(z[plane].mean()) for plane in outermost_planes(z, atoms.numbers, solid))
    return Faces(upper, period - (upper - lower), period) if atoms.pbc[2] else Faces(upper)


def searched_layers(
    atoms: Atoms, layers: Layers, *, liquid: Molecule, clearance_A: float
) -> BoolArray:
    """Tell which layers tell the liquid's band edges, shape (n_layers,) (paper, S1.0.5).

    Those of its region; beside a solid, whose states reach into the molecules next to it, those all
    of whose molecules' centres are clear of its faces as of :meth:`Faces.are_clear`.
    """
    faces = find_faces(atoms)
    of_liquid = np.array([layer.region == liquid.region for layer in layers], bool)
    if faces is None:
        return of_liquid
    clear = faces.are_clear(atoms.positions[:, 2], clearance_A)
    clear |= ~is_centre(atoms.numbers, liquid)
    return of_liquid & [bool(clear[layer.atoms].all()) for layer in layers]
