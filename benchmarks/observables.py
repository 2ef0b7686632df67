"""Frames per second of all observables of a slab of 576 atoms, read from its trajectory.

python benchmarks/observables.py
"""

import tempfile
import time
from pathlib import Path
from statistics import median

import numpy as np
from common import ORIGIN, keep

from falsemetal.campaigns import WaterSlab
from falsemetal.observables.registry import OBSERVABLES, observe_spec
from falsemetal.observables.runs import observe
from falsemetal.observables.settings import Analysis
from falsemetal.potentials.kind import ChargeModel
from falsemetal.simulation.checkpoint import Checkpoint
from falsemetal.simulation.recording import TrajectoryWriter
from falsemetal.simulation.settings import Dynamics
from falsemetal.systems.boundary import Boundary
from falsemetal.systems.molecule import Molecule
from falsemetal.systems.system import System
from falsemetal.systems.water import water_slab

N_FRAMES, N_MOLECULES, REPEATS = 20_000, 192, 5
INTERVAL_STEPS = 50


def write_trajectory(path: Path) -> None:
    """Frames of a slab whose atoms tremble."""
    atoms = water_slab(N_MOLECULES, cross_section_A=12.42, cell_height_A=60.0, seed=1)
    timing = {"timestep_fs": 1.0, "frame_interval_steps": INTERVAL_STEPS}
    start = System.of(atoms, "water")
    writer = TrajectoryWriter(path, start, creator="benchmark", parameters={}, **timing)
    generator = np.random.default_rng(1)
    for frame in range(N_FRAMES):
        moved = atoms.positions + generator.normal(scale=0.02, size=atoms.positions.shape)
        step = INTERVAL_STEPS * frame
        writer.append(step, moved, potential_energy_eV=0.0, temperature_K=300.0)
    writer.save(Checkpoint(step, atoms.positions, 0.0 * atoms.positions))
    writer.finish(step)


def frames_per_second(path: Path) -> float:
    """Speed of the analysis."""
    names = [name for name, entry in OBSERVABLES.items() if Boundary.FILM in entry.boundaries]
    charges = ChargeModel(own_e=-0.8476, electronic_e=-0.5562, origin="SPC/E")
    slabs = WaterSlab(kind="water_slab", cell_height_A=60.0, sizes_A=[37.3])
    settings = {"analysis": Analysis(), "dynamics": Dynamics(discard_ps=0.0), "origin": ORIGIN}
    spec = observe_spec(names, slabs, Molecule(), charges=charges, **settings)
    began = time.perf_counter()
    observe(spec, [path])
    return N_FRAMES / (time.perf_counter() - began)


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "slab.h5"
        write_trajectory(path)
        speed = median(frames_per_second(path) for _ in range(REPEATS))
    row = {"n_atoms": 3 * N_MOLECULES, "n_frames": N_FRAMES, "frames/s": round(speed)}
    keep([row], "observables")
