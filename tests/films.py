"""Trajectories of a film whose dipole is known in every frame."""

from pathlib import Path

import numpy as np
from ase import Atoms

from falsemetal.simulation.checkpoint import Checkpoint
from falsemetal.simulation.recording import TrajectoryWriter
from falsemetal.systems.system import System

EDGE_A = 15.0
SPACING_A = 3.75
CHARGE_O_E = -0.8476
BOND_Z_A = 0.58
BOND_X_A = 0.81
FRAME_INTERVAL_STEPS = 50


def write_slab(
    path: Path,
    tilt: np.ndarray,
    interval_steps: int = FRAME_INTERVAL_STEPS,
    failure: str | None = None,
) -> Path:
    """Four layers of water whose dipoles make the angle arccos(tilt) with z in each frame."""
    lateral = SPACING_A * np.arange(4)
    oxygen = np.array([(x, y, 30.0 + z) for z in lateral for x in lateral for y in lateral])
    n_molecules = len(oxygen)
    numbers = np.repeat([8, 1, 1], n_molecules)
    cell = [EDGE_A, EDGE_A, 60.0]
    atoms = Atoms(numbers=numbers, positions=np.zeros((len(numbers), 3)), cell=cell, pbc=(1, 1, 0))
    writer = TrajectoryWriter(
        path,
        System.of(atoms, "water"),
        timestep_fs=1.0,
        frame_interval_steps=interval_steps,
        creator="test",
        parameters={},
    )
    for index, cosine in enumerate(tilt):
        sine = np.sqrt(1 - cosine**2)
        along = BOND_Z_A * np.array([0.0, sine, cosine])
        aside = np.array([BOND_X_A, 0.0, 0.0])
        positions = np.concatenate([oxygen, oxygen + along + aside, oxygen + along - aside])
        writer.append(
            index * interval_steps, positions, potential_energy_eV=0.0, temperature_K=300.0
        )
    if failure is not None:
        writer.fail(failure)
        return path
    n_steps = len(tilt) * interval_steps
    writer.save(Checkpoint(n_steps, positions, 0.0 * positions))
    writer.finish(n_steps)
    return path
