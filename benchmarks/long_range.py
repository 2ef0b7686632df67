"""What long-ranged electrostatics cost: split charges against plain MACE of the same size.

    python benchmarks/long_range.py [small] [paper]

One evaluation of energy and forces in bulk water, float32, random weights; every model
and size has a process of its own, so that its peak memory is known. `paper` is LR-MACE-a of
Table S5 (128 channels, two layers, l_max 1, 6 Å) at the largest size of all.
"""

import sys
import time
from collections.abc import Callable

import numpy as np
from common import Worker, keep, medians_in_turn, peak_memory_GB
from md_engine import MODELS, build_model

from falsemetal.systems.water import cubic_cell, water_box

MOLECULES = (128, 384, 840, 2700, 5400)
REPEATS = 7
DISPLACEMENT_A = 1e-4
LEAST_IN_A_ROW, SECONDS_IN_A_ROW = 1, 0.5


def evaluator(name: str, kind: str, n_molecules: int) -> Callable[[str], float]:
    """Timer of one model for one box; the first call warms it up."""
    from falsemetal.potentials.calculator import ModelCalculator

    settings = MODELS[name] | ({"smearing_A": 1.0} if kind == "split_charge" else {})
    atoms = water_box(n_molecules, cell_lengths_A=cubic_cell(n_molecules, 0.997), seed=1)
    atoms.calc = ModelCalculator(build_model(settings, kind))
    generator = np.random.default_rng(2)
    atoms.get_forces()

    def measure(what: str) -> float:
        if what == "memory":
            return peak_memory_GB()
        # as in dynamics, one after the other: a single one would find cold caches
        times: list[float] = []
        while len(times) < LEAST_IN_A_ROW or sum(times) < SECONDS_IN_A_ROW:
            atoms.positions += generator.normal(scale=DISPLACEMENT_A, size=atoms.positions.shape)
            began = time.perf_counter()
            atoms.get_forces()
            times.append(time.perf_counter() - began)
        return float(np.median(times))

    return measure


def compare(name: str, n_molecules: int, repeats: int) -> dict[str, float | str]:
    """Row of the table for one size."""
    kinds = ("mace", "split_charge")
    # two of the largest do not fit into memory side by side
    turns = [kinds] if name == "small" else [(kind,) for kind in kinds]
    seconds: dict[str, float] = {}
    memory: dict[str, float] = {}
    for turn in turns:
        workers = {kind: Worker(evaluator, name, kind, n_molecules) for kind in turn}
        seconds |= medians_in_turn(workers, repeats, "time")
        memory |= medians_in_turn(workers, 1, "memory")
        for worker in workers.values():
            worker.close()
    row: dict[str, float | str] = {"model": name, "n_atoms": 3 * n_molecules}
    for kind, label in (("mace", "SR"), ("split_charge", "LR")):
        row[f"{label} (ms)"] = round(1e3 * seconds[kind], 2)
        row[f"{label} (GB)"] = round(memory[kind], 2)
    row["time LR/SR"] = round(seconds["split_charge"] / seconds["mace"], 2)
    row["memory LR/SR"] = round(memory["split_charge"] / memory["mace"], 2)
    print(row, flush=True)
    return row


if __name__ == "__main__":
    for name in sys.argv[1:] or ("small", "paper"):
        sizes = MOLECULES if name == "small" else (MOLECULES[0], MOLECULES[-1])
        rows = [compare(name, n, REPEATS if n < MOLECULES[-1] else 1) for n in sizes]
        keep(rows, "long_range", part="model")
