"""Trajectories of water on a solid, and between its faces, whose dipoles are known."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
from ase import Atoms

from falsemetal.simulation.checkpoint import Checkpoint
from falsemetal.simulation.recording import TrajectoryWriter
from falsemetal.systems.system import System

EDGE_A, SPACING_A = 15.0, 3.75
PER_LAYER = 16
CHARGE_O_E = -0.8476
BOND_Z_A, BOND_X_A = 0.58, 0.81
PLANES_A = np.array([0.0, 2.1, 4.2])
HEIGHTS_A = np.array([3.1, 6.1, 9.1, 12.1])
"""Of the layers' oxygens above the highest plane of the solid, on no edge of a bin."""
GAP_A = 15.2
"""Between a face and the image of the other one."""
BRIDGE_A = 1.3
"""Of an oxide's oxygens above its highest cations."""
INTERVAL_FS = 50.0

Edit = Callable[[int, np.ndarray], None]
"""Changes the water's positions in a frame, shape (layers, molecules, 3 atoms, 3), Å."""

AREA_A2 = EDGE_A**2
MOLECULE_E_A = -CHARGE_O_E * BOND_Z_A
"""Dipole along z of an upright molecule."""


def _plane(height_A: float) -> np.ndarray:
    lateral = SPACING_A * np.arange(4)
    return np.array([(x, y, height_A) for x in lateral for y in lateral])


def _solid(region: str) -> Atoms:
    if region == "metal":
        return Atoms("Cu48", np.concatenate([_plane(z) for z in PLANES_A]))
    planes = [_plane(z) for z in (*PLANES_A, PLANES_A[-1] + BRIDGE_A)]
    return Atoms("Ti48O16", np.concatenate(planes))


def water(tilts: np.ndarray) -> np.ndarray:
    """Whole molecules above a face at z = 0, shape (layers, molecules, 3, 3), Å.

    Those of a layer make the angle arccos(tilt) with z, for one tilt each.
    """
    sites = np.array([_plane(height) for height in HEIGHTS_A])
    along = BOND_Z_A * np.column_stack([0 * tilts, np.sqrt(1.0 - tilts**2), tilts])
    aside = np.array([BOND_X_A, 0.0, 0.0])
    bonds = np.stack([0 * along, along + aside, along - aside], axis=1)
    return sites[:, :, None] + bonds[:, None]


def write_layers(
    path: Path,
    tilts: np.ndarray,
    *,
    periodic: bool = False,
    region: str = "metal",
    shifts_A: np.ndarray | None = None,
    wrapped: bool = False,
    edit: Edit | None = None,
) -> Path:
    """Write frames of four layers with the tilts of each, shape (n_frames, 4).

    `shifts_A` move all of a frame along z; `wrapped` folds the water into a periodic cell.
    """
    solid = _solid(region)
    n_water = PER_LAYER * len(HEIGHTS_A)
    base = 0.0 if periodic else 10.0
    height = PLANES_A[-1] + (GAP_A if periodic else 40.0)
    atoms = solid + Atoms("OHH" * n_water)
    atoms.cell, atoms.pbc = [EDGE_A, EDGE_A, height], (True, True, periodic)
    regions = np.array([region] * len(solid) + ["water"] * 3 * n_water)
    system = System(atoms, regions, np.arange(len(atoms)) < len(solid))
    interval = round(INTERVAL_FS)
    writer = TrajectoryWriter(
        path, system, timestep_fs=1.0, frame_interval_steps=interval, creator="t", parameters={}
    )
    for index, of_layers in enumerate(tilts):
        molecules = water(of_layers)
        molecules[..., 2] += PLANES_A[-1]
        if edit is not None:
            edit(index, molecules)
        liquid = molecules.reshape(-1, 3)
        positions = np.concatenate([solid.positions, liquid])
        positions[:, 2] += base + (0.0 if shifts_A is None else shifts_A[index])
        if wrapped:
            positions[len(solid) :] %= [EDGE_A, EDGE_A, height]
        writer.append(index * interval, positions, potential_energy_eV=0.0, temperature_K=330.0)
    n_steps = len(tilts) * interval
    writer.save(Checkpoint(n_steps, positions, 0.0 * positions))
    writer.finish(n_steps)
    return path
