"""Water on a lattice with random orientations: start structures for a minimisation.

Atoms come in the order O, H, H of each molecule, ions after all molecules. Molecules are whole:
no bond crosses a periodic boundary.
"""

import itertools
import math

import numpy as np
from ase import Atoms
from ase.data import atomic_masses, atomic_numbers
from matscipy.neighbours import neighbour_list
from scipy.spatial.transform import Rotation

from falsemetal.arrays import FloatArray
from falsemetal.units import WATER_DENSITY_G_PER_CM3, WATER_MASS_U, water_number_density

MINIMUM_SPACING_A = 2.6
"""Closest lattice sites, below which no orientation keeps molecules apart."""

MINIMUM_LAYER_A = 2.8
"""Closest layers of a slab."""

MINIMUM_CONTACT_A = 1.5
"""Closest atoms of two molecules."""

WATER_A = np.array([[0.0, 0.0, 0.0], [0.8165, 0.5774, 0.0], [-0.8165, 0.5774, 0.0]])
"""O, H, H of a molecule with bonds of 1 Å and an angle of 109.47°, oxygen at the origin."""

_BASES = (
    [[0.0, 0.0, 0.0]],
    [[0.0, 0.0, 0.0], [0.5, 0.5, 0.5]],
    [[0.0, 0.0, 0.0], [0.5, 0.5, 0.0], [0.5, 0.0, 0.5], [0.0, 0.5, 0.5]],
)


class StructureError(ValueError):
    """A structure that cannot be built; the message says what to change."""


def water_slab(
    n_molecules: int, *, cross_section_A: float, cell_height_A: float, seed: int
) -> Atoms:
    """Water slab in vacuum, centred along z.

    Parameters
    ----------
    n_molecules
        Number of molecules; the topmost layer may be incomplete.
    cross_section_A
        Side of the square lateral cell in Å.
    cell_height_A
        Cell length along z in Å, vacuum included.
    seed
        Of sites and orientations.

    Returns
    -------
    Atoms
        Periodic in x and y only, in a cell of the true height.

    Raises
    ------
    StructureError
        If the molecules do not fit into the cell.
    """
    rng = np.random.default_rng(seed)
    volume_A3 = 1.0 / water_number_density(WATER_DENSITY_G_PER_CM3)
    per_side = max(1, round(cross_section_A / volume_A3 ** (1 / 3)))
    spacing_A = cross_section_A / per_side
    layer_A = max(volume_A3 / spacing_A**2, MINIMUM_LAYER_A)
    n_layers = math.ceil(n_molecules / per_side**2)
    _require_spacing(spacing_A, f"cross_section_A: {cross_section_A:g} Å")
    if n_layers * layer_A > cell_height_A:
        raise StructureError(
            f"{n_molecules} molecules on {cross_section_A:g} x {cross_section_A:g} Å fill "
            f"{n_layers * layer_A:.1f} Å, more than cell_height_A: {cell_height_A:g}; "
            "raise it, or take fewer molecules"
        )
    grid = np.indices((n_layers, per_side, per_side)).reshape(3, -1).T[:, ::-1]
    full = per_side**2 * (n_layers - 1)
    last = rng.choice(per_side**2, size=n_molecules - full, replace=False)
    sites = (grid + 0.5)[np.concatenate([np.arange(full), full + np.sort(last)])]
    sites = sites * [spacing_A, spacing_A, layer_A]
    sites[:, 2] += 0.5 * (cell_height_A - n_layers * layer_A)
    cell = np.array([cross_section_A, cross_section_A, cell_height_A])
    return _fill(sites, [], cell, (True, True, False), rng)


def water_box(n_molecules: int, *, cell_lengths_A: tuple[float, float, float], seed: int) -> Atoms:
    """Periodic box of water.

    Parameters
    ----------
    n_molecules
        Number of molecules.
    cell_lengths_A
        Edges of the cell along x, y, z.
    seed
        Of sites and orientations.

    Raises
    ------
    StructureError
        If the cell leaves too little room.
    """
    return _periodic_box(n_molecules, [], cell_lengths_A, seed)


def cubic_cell(n_molecules: float, density_g_per_cm3: float) -> tuple[float, float, float]:
    """Edges in Å of the cube that so many water molecules fill at a mass density."""
    length_A = (n_molecules / water_number_density(density_g_per_cm3)) ** (1 / 3)
    return (length_A, length_A, length_A)


def brine_box(
    n_molecules: int, *, molality_mol_per_kg: float, density_g_per_cm3: float, seed: int
) -> Atoms:
    """Cubic periodic box of aqueous NaCl.

    Parameters
    ----------
    n_molecules
        Number of water molecules.
    molality_mol_per_kg
        Moles of NaCl per kilogram of water; rounded to whole pairs of ions, at least one.
    density_g_per_cm3
        Mass density of the solution, which sets the cell.
    seed
        Of sites and orientations.

    Returns
    -------
    Atoms
        Water molecules, then all Na, then all Cl.

    Raises
    ------
    StructureError
        If the density leaves too little room.
    """
    n_pairs = max(1, round(molality_mol_per_kg * n_molecules * WATER_MASS_U * 1e-3))
    salt_mass_u = float(sum(atomic_masses[atomic_numbers[ion]] for ion in ("Na", "Cl")))
    equivalent_molecules = n_molecules + n_pairs * salt_mass_u / WATER_MASS_U
    cell_lengths_A = cubic_cell(equivalent_molecules, density_g_per_cm3)
    return _periodic_box(n_molecules, ["Na"] * n_pairs + ["Cl"] * n_pairs, cell_lengths_A, seed)


def _periodic_box(
    n_molecules: int, ions: list[str], cell_lengths_A: tuple[float, float, float], seed: int
) -> Atoms:
    rng = np.random.default_rng(seed)
    lengths = np.array(cell_lengths_A)
    n_sites = n_molecules + len(ions)
    sites = lengths * rng.permutation(_lattice_sites(n_sites, lengths))[:n_sites]
    return _fill(sites, ions, lengths, (True, True, True), rng)


def _lattice_sites(n_sites: int, lengths_A: FloatArray) -> FloatArray:
    """Fractional sites of the lattice (sc, bcc or fcc) that keeps them farthest apart."""
    candidates = []
    for basis in map(np.array, _BASES):
        cells_per_A = (n_sites / len(basis) / np.prod(lengths_A)) ** (1 / 3)
        ideal = np.round(lengths_A * cells_per_A, 9)
        choices = [{max(1, math.floor(count)), math.ceil(count)} for count in ideal]
        for repeats in itertools.product(*map(sorted, choices)):
            if len(basis) * math.prod(repeats) >= n_sites:
                spacing_A = _nearest_sites(basis, lengths_A / repeats)
                candidates.append((spacing_A, repeats, basis))
    _, repeats, basis = max(candidates, key=lambda candidate: candidate[0])
    corners = np.indices(repeats).reshape(3, -1).T
    return np.asarray((corners[:, None, :] + basis + 0.25).reshape(-1, 3) / repeats)


def _nearest_sites(basis: FloatArray, edges_A: FloatArray) -> float:
    """Distance of neighbouring sites in Å for a unit cell of these edges."""
    images = np.indices((3, 3, 3)).reshape(3, -1).T - 1
    distances = np.linalg.norm((basis[:, None] + images) * edges_A, axis=-1)
    return float(distances[distances > 0].min())


def _fill(
    sites: FloatArray,
    ions: list[str],
    cell: FloatArray,
    pbc: tuple[bool, bool, bool],
    rng: np.random.Generator,
) -> Atoms:
    """Molecules on the first sites, ions on the last, turned until no two of them touch."""
    n_molecules = len(sites) - len(ions)
    atoms = Atoms(
        ["O", "H", "H"] * n_molecules + ions,
        positions=np.repeat(sites, [3] * n_molecules + [1] * len(ions), axis=0),
        cell=cell,
        pbc=pbc,
    )
    centres = Atoms(f"X{len(sites)}", positions=sites, cell=cell, pbc=pbc)
    distances = neighbour_list("d", centres, MINIMUM_SPACING_A)
    _require_spacing(float(min(distances, default=np.inf)), "density")
    molecule_of = np.repeat(np.arange(len(sites)), [3] * n_molecules + [1] * len(ions))
    turn = np.arange(n_molecules)
    for _ in range(500):
        rotations = Rotation.random(len(turn), random_state=rng).as_matrix()
        rows = (3 * turn[:, None] + np.arange(3)).ravel()
        offsets = np.einsum("mij,aj->mai", rotations, WATER_A).reshape(-1, 3)
        atoms.positions[rows] = np.repeat(sites[turn], 3, axis=0) + offsets
        i, j = neighbour_list("ij", atoms, MINIMUM_CONTACT_A)
        clashing = np.unique(molecule_of[i[molecule_of[i] < molecule_of[j]]])
        turn = clashing[clashing < n_molecules]
        if len(turn) == 0:
            return atoms
    raise StructureError(
        f"{len(turn)} of {n_molecules} molecules touch their neighbours whichever way they are "
        "turned; lower the density"
    )


def _require_spacing(spacing_A: float, culprit: str) -> None:
    if spacing_A < MINIMUM_SPACING_A:
        raise StructureError(
            f"{culprit} puts molecules {spacing_A:.2f} Å apart, closer than "
            f"{MINIMUM_SPACING_A:g} Å; give them more room"
        )
