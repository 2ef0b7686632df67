"""The paper's committee per step of molecular dynamics: this engine against CP2K.

    python benchmarks/bpnnp.py FOLDER

FOLDER holds the eight members of `bulkH2O-jcp2020-cnnp`. NVE from the same equilibrated boxes of
water; the engines take turns. CP2K runs with an MPI rank a core and says itself what a step took;
this engine, in float32, has as many threads.
"""

import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median

import numpy as np
from ase.io import read, write
from ase.md.verlet import VelocityVerlet
from common import Worker, equilibrate_cube, keep, medians_in_turn

from falsemetal.potentials.bpnnp.cp2k import Cp2kCommittee, nnp_input
from falsemetal.programs.cp2k import require_cp2k
from falsemetal.programs.cp2k_frames import STEPS_FILE
from falsemetal.units import ASE_FS

MOLECULES = (64, 105, 315)
CORES = (1, 2)
REPEATS = 3
TIMESTEP_FS = 0.5
ATOM_STEPS = 12_000
LEAST_STEPS, WARM_UP_STEPS = 8, 4


def ours(directory: str, path: str, n_cores: int) -> Callable[[str, int], float]:
    """Timer of this engine."""
    import torch

    from falsemetal.potentials.bpnnp.committee import load_bpnnp
    from falsemetal.potentials.calculator import ModelCalculator

    torch.set_num_threads(n_cores)
    atoms = read(path)
    atoms.calc = ModelCalculator(load_bpnnp(directory, dtype=torch.float32))
    began = time.perf_counter()
    atoms.get_forces()
    first_s = time.perf_counter() - began
    integrator = VelocityVerlet(atoms, TIMESTEP_FS * ASE_FS)
    integrator.run(WARM_UP_STEPS)

    def measure(what: str, n_steps: int) -> float:
        if what == "first":
            return first_s
        began = time.perf_counter()
        integrator.run(n_steps)
        return (time.perf_counter() - began) / n_steps

    return measure


def of_cp2k(directory: str, path: str, n_cores: int) -> Callable[[str, int], float]:
    """Timer of CP2K."""
    atoms, committee, cp2k = read(path), Cp2kCommittee.read(directory), require_cp2k()

    def measure(_: str, n_steps: int) -> float:
        md = {
            "ENSEMBLE": "NVE",
            "STEPS": WARM_UP_STEPS + n_steps,
            "TIMESTEP": f"[fs] {TIMESTEP_FS}",
            "PRINT": {"ENERGY": {"EACH": {"MD": 1}}},
        }
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            cp2k.run(nnp_input(atoms, committee, {"MD": md}, folder), folder, n_ranks=n_cores)
            used_s = np.loadtxt(folder / STEPS_FILE, usecols=-1)
        return median(used_s[-n_steps:])

    return measure


def compare(directory: str, path: str, n_atoms: int, n_cores: int) -> dict[str, float]:
    """Row of the table for one box."""
    workers = {
        "ours": Worker(ours, directory, path, n_cores),
        "CP2K": Worker(of_cp2k, directory, path, n_cores),
    }
    n_steps = max(LEAST_STEPS, ATOM_STEPS // n_atoms)
    first = workers["ours"]("first", 0)
    seconds = medians_in_turn(workers, REPEATS, "step", n_steps)
    for worker in workers.values():
        worker.close()
    row = {"n_atoms": n_atoms, "cores": n_cores}
    row |= {f"{name} (ms/step)": round(1e3 * spent, 1) for name, spent in seconds.items()}
    row["gain"] = round(seconds["CP2K"] / seconds["ours"], 1)
    row["first step of ours (s)"] = round(first, 1)
    print(row, flush=True)
    return row


if __name__ == "__main__":
    [directory] = sys.argv[1:]
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        for n_molecules in MOLECULES:
            path = str(Path(folder) / f"{n_molecules}.extxyz")
            atoms = equilibrate_cube(n_molecules, equilibration_ps=5.0).atoms
            write(path, atoms)
            rows += [compare(directory, path, len(atoms), n_cores) for n_cores in CORES]
    keep(rows, "bpnnp")
