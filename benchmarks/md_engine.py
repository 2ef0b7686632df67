"""Steps per second of molecular dynamics: this engine against mace-torch's, the same weights.

    python benchmarks/md_engine.py [small] [two] [paper]

Random weights on water slabs, float32, Langevin dynamics by ASE with 0.5 fs. Every engine has a
process of its own; they take turns. `compiled` is what a run of this project uses, `eager` what it
falls back to without a C++ compiler.
"""

import sys
import tempfile
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from ase import Atoms
from ase.calculators.calculator import Calculator
from ase.io import read, write
from ase.md.langevin import Langevin
from common import Worker, keep, medians_in_turn

from falsemetal.systems.water import water_slab
from falsemetal.units import ASE_FS

SMALL = {
    "layers": 1,
    "l_max": 0,
    "channels": 24,
    "max_ell": 2,
    "correlation": 3,
    "r_cut_A": 4.5,
    "radial_mlp": [64, 64],
}
MODELS: dict[str, dict[str, Any]] = {
    "small": SMALL,
    "two": SMALL | {"layers": 2, "l_max": 1},
    "paper": {"layers": 2, "l_max": 1, "channels": 128, "r_cut_A": 6.0},
}
MOLECULES = {"small": (64, 128, 192, 384, 840), "two": (64, 128, 192, 384, 840), "paper": (128,)}
STEPS_AT_384 = {"small": 60, "two": 20, "paper": 3}
LEAST_STEPS = 3
REPEATS = 3


def build_model(settings: dict[str, Any], kind: str = "mace") -> Any:
    """Model with random weights."""
    import torch

    from falsemetal.potentials import store
    from falsemetal.potentials.kinds import MACEKind, SplitChargeKind
    from falsemetal.potentials.mace.model import DatasetStatistics

    form = MACEKind if kind == "mace" else SplitChargeKind
    statistics = DatasetStatistics((1, 8), force_rms_eV_per_A=0.01, mean_neighbours=40.0)
    return store.build_model(
        form(kind=kind, dataset="none", **settings),
        statistics,
        dtype=torch.float32,
    )


def ours(settings: dict[str, Any], compiled: bool) -> Callable[..., float]:
    """Timer of this project's calculator."""
    from falsemetal.potentials.calculator import ModelCalculator

    return Timer(ModelCalculator(build_model(settings), compiled=compiled))


def theirs(model_path: str, compile_mode: str | None) -> Callable[..., float]:
    """Timer of mace-torch's calculator, used as its documentation says."""
    from mace.calculators import MACECalculator

    return Timer(
        MACECalculator(
            model_paths=model_path, device="cpu", default_dtype="float32", compile_mode=compile_mode
        )
    )


class Timer:
    """Steps per second of one calculator; the first call for a structure warms it up."""

    def __init__(self, calculator: Calculator) -> None:
        self.calculator = calculator
        self._known: set[str] = set()

    def __call__(self, path: str, n_steps: int) -> float:
        """Run dynamics from the structure in a file."""
        atoms = read(path)
        if path not in self._known:
            self._steps_per_second(atoms.copy(), 6)
            self._known.add(path)
        return self._steps_per_second(atoms, n_steps)

    def _steps_per_second(self, atoms: Atoms, n_steps: int) -> float:
        atoms.calc = self.calculator
        with warnings.catch_warnings(action="ignore"):
            integrator = Langevin(
                atoms,
                0.5 * ASE_FS,
                temperature_K=300.0,
                friction=0.01 / ASE_FS,
                fixcm=False,
                rng=np.random.default_rng(1),
            )
        integrator.run(2)
        began = time.perf_counter()
        integrator.run(n_steps)
        return n_steps / (time.perf_counter() - began)


def compare(name: str, folder: Path) -> list[dict[str, Any]]:
    """Rows of one model for all sizes."""
    import torch

    settings = MODELS[name]
    path = str(folder / f"{name}.model")
    torch.save(build_model(settings).mace, path)
    rows = []
    for n_molecules in MOLECULES[name]:
        atoms = water_slab(
            n_molecules,
            cross_section_A=12.42 if n_molecules < 400 else 25.0,
            cell_height_A=100.0,
            seed=1,
        )
        n_steps = max(LEAST_STEPS, STEPS_AT_384[name] * 384 // len(atoms))
        structure = str(folder / f"{n_molecules}.extxyz")
        write(structure, atoms)
        workers = {
            "compiled": Worker(ours, settings, True),
            "eager": Worker(ours, settings, False),
            "MACECalculator": Worker(theirs, path, None),
            "MACECalculator compiled": Worker(theirs, path, "default"),
        }
        speeds = medians_in_turn(workers, REPEATS, structure, n_steps)
        for worker in workers.values():
            worker.close()
        rows.append(
            {"model": name, "n_atoms": len(atoms)}
            | {f"{engine} (steps/s)": round(speed, 2) for engine, speed in speeds.items()}
            | {
                f"gain over {other}": round(speeds["compiled"] / speeds[other], 2)
                for other in ("MACECalculator", "MACECalculator compiled")
            }
        )
        print(rows[-1], flush=True)
    return rows


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as folder:
        for name in sys.argv[1:] or MODELS:
            keep(compare(name, Path(folder)), "md_engine", part="model")
