"""Frames per second of all observables of a slab of 576 atoms, read from its trajectory.

python benchmarks/observables.py
"""

import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
from common import Worker, keep, medians_in_turn

from falsemetal.systems.water import water_slab

N_FRAMES, N_MOLECULES, REPEATS = 20_000, 192, 5


def write_trajectory(path: Path) -> None:
    """Frames of a slab whose atoms tremble."""
    from falsemetal.simulation.checkpoint import Checkpoint
    from falsemetal.simulation.recording import TrajectoryWriter

    atoms = water_slab(N_MOLECULES, cross_section_A=12.42, cell_height_A=60.0, seed=1)
    writer = TrajectoryWriter(
        path, atoms, timestep_fs=1.0, frame_interval_steps=50, creator="benchmark", parameters={}
    )
    generator = np.random.default_rng(1)
    for frame in range(N_FRAMES):
        tremor = generator.normal(scale=0.02, size=atoms.positions.shape)
        writer.append(
            50 * frame, atoms.positions + tremor, potential_energy_eV=0.0, temperature_K=300.0
        )
    writer.save(Checkpoint(50 * N_FRAMES, atoms.positions, 0.0 * atoms.positions))
    writer.finish(50 * N_FRAMES)


def observer(path: str) -> Callable[[], float]:
    """Timer of the analysis."""
    from falsemetal.config import Analysis
    from falsemetal.observables.slab import observe_slab

    def measure() -> float:
        began = time.perf_counter()
        observe_slab([Path(path)], charge_O_e=-0.8476, analysis=Analysis(), discard_ps=0.0)
        return N_FRAMES / (time.perf_counter() - began)

    return measure


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "slab.h5"
        write_trajectory(path)
        worker = Worker(observer, str(path))
        speed = medians_in_turn({"observables": worker}, REPEATS)["observables"]
        worker.close()
    row = {"n_atoms": 3 * N_MOLECULES, "n_frames": N_FRAMES, "frames/s": round(speed)}
    keep([row], "observables")
