"""Steps per second of molecular dynamics: this engine against mace-torch's and symmetrix.

    python benchmarks/md_engine.py [small] [two] [wide] [paper] [--device cuda]

Random weights on water slabs, float32, Langevin dynamics by ASE with 0.5 fs. Every engine has a
process of its own for each number of threads; they take turns. `kernels` is what a run of this
project uses, `PyTorch` what it falls back to without a C++ compiler and on a GPU; symmetrix
(`symmetrix-xl`) is left out where it is not installed or refuses the model. The first step of this
engine is timed with no kernel on disk (cold) and with all (warm), as symmetrix' with none; all
begin with the libraries imported and the model read.
"""

import argparse
import os
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
    "wide": SMALL | {"layers": 2, "channels": 32, "max_ell": 3},
    "paper": {"layers": 2, "l_max": 1, "channels": 128, "r_cut_A": 6.0},
}
MOLECULES = (64, 128, 840)
THREADS = (1, 2)
STEPS_AT_384 = {"small": 60, "two": 30, "wide": 30, "paper": 6}
MOST_ATOMS_BY_EDGES = {"paper": 1000}
"""Above, what engines that keep all edges need would not fit into 24 GB."""
LEAST_STEPS = 3
STREAMING = {"kernels", "symmetrix"}
REPEATS = 3
CACHES = ("XDG_CACHE_HOME", "SYMMETRIX_CACHE_DIR")


def build_model(settings: dict[str, Any], kind: str = "mace") -> Any:
    """Model with random weights."""
    import torch

    import falsemetal.potentials.kinds  # noqa: F401  # it registers them
    from falsemetal.potentials import store
    from falsemetal.potentials.kind import POTENTIALS
    from falsemetal.potentials.mace.model import DatasetStatistics

    form: Any = POTENTIALS[kind]
    statistics = DatasetStatistics((1, 8), force_rms_eV_per_A=0.01, mean_neighbours=40.0)
    return store.build_model(
        form(kind=kind, dataset="none", **settings),
        statistics,
        dtype=torch.float32,
    )


def ours(settings: dict[str, Any], compiled: bool, device: str) -> Callable[..., float]:
    """Timer of this project's calculator."""
    from falsemetal.potentials.calculator import ModelCalculator

    model = build_model(settings).to(device)
    return Timer(lambda: ModelCalculator(model, compiled=compiled))


def mace_torch(path: str, device: str) -> Callable[..., float]:
    """Timer of mace-torch's calculator, used as its documentation says."""
    from mace.calculators import MACECalculator

    return Timer(lambda: MACECalculator(model_paths=path, device=device, default_dtype="float32"))


def symmetrix(path: str) -> Callable[..., float]:
    """Timer of symmetrix, in float32, which is its default."""

    def make() -> Calculator:
        from symmetrix import Symmetrix

        return Symmetrix(path)

    return Timer(make)


class Timer:
    """First step in seconds and then steps per second of one calculator."""

    def __init__(self, make: Callable[[], Calculator]) -> None:
        self.make = make
        self.calculator: Calculator | None = None
        self._known: set[str] = set()

    def __call__(self, path: str, n_steps: int) -> float:
        """Run dynamics from the structure in a file; no steps ask for the time to the first."""
        atoms = read(path)
        began = time.perf_counter()
        if self.calculator is None:
            self.calculator = self.make()
        if path not in self._known:
            atoms.calc = self.calculator
            atoms.get_forces()
            self._known.add(path)
        if n_steps == 0:
            return time.perf_counter() - began
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


def contenders(name: str, path: str, device: str) -> dict[str, tuple[Callable[..., Any], ...]]:
    """Return set-up function and its arguments, by engine."""
    settings = MODELS[name]
    found: dict[str, tuple[Callable[..., Any], ...]] = {
        "PyTorch": (ours, settings, False, device),
        "MACECalculator": (mace_torch, path, device),
    }
    if device == "cpu":
        found = {"kernels": (ours, settings, True, device)} | found
        found["symmetrix"] = (symmetrix, path)
    return found


def compare(name: str, folder: Path, device: str) -> list[dict[str, Any]]:
    """Rows of one model for all sizes and numbers of threads."""
    import torch

    path = str(folder / f"{name}.model")
    torch.save(build_model(MODELS[name]).mace, path)
    structures = {}
    for n_molecules in MOLECULES:
        width_A = 12.42 if n_molecules < 400 else 25.0
        atoms = water_slab(n_molecules, cross_section_A=width_A, cell_height_A=100.0, seed=1)
        structures[len(atoms)] = str(folder / f"{n_molecules}.extxyz")
        write(structures[len(atoms)], atoms)
    rows = []
    for n_threads in THREADS if device == "cpu" else (1,):
        of_engines = contenders(name, path, device)
        smallest = next(iter(structures.values()))
        first: dict[str, float] = {}
        for cache in CACHES:
            os.environ[cache] = str(folder / f"{name}-kernels")
        workers: dict[str, Worker] = {}
        for engine, setup in of_engines.items():
            worker = Worker(*setup, threads=n_threads)
            try:
                first[engine] = worker(smallest, 0)
                workers[engine] = worker
            except Exception as error:  # it is told, and the others go on
                print(name, engine, "cannot:", str(error).splitlines()[-1][:120], flush=True)
        if "kernels" in workers:
            again = Worker(*of_engines["kernels"], threads=n_threads)
            first["kernels, warm"] = again(smallest, 0)
            again.close()
        for n_atoms, structure in structures.items():
            n_steps = max(LEAST_STEPS, STEPS_AT_384[name] * 384 // n_atoms)
            able = {
                engine: worker
                for engine, worker in workers.items()
                if engine in STREAMING or n_atoms <= MOST_ATOMS_BY_EDGES.get(name, n_atoms)
            }
            speeds = medians_in_turn(able, REPEATS, structure, n_steps)
            row: dict[str, Any] = {"model": name, "n_atoms": n_atoms, "threads": n_threads}
            row |= {f"{e} (steps/s)": round(speeds.get(e, np.nan), 2) for e in of_engines}
            if n_threads == THREADS[0]:  # later ones find what these have compiled
                row |= {f"first step, {e} (s)": round(spent, 1) for e, spent in first.items()}
            rows.append(row)
            print(row, flush=True)
        for worker in workers.values():
            worker.close()
    return rows


if __name__ == "__main__":
    parser = argparse.ArgumentParser(usage=__doc__)
    parser.add_argument("models", nargs="*", default=[*MODELS])
    parser.add_argument("--device", default="cpu")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        for name in given.models:
            question = "md_engine" if given.device == "cpu" else f"md_engine_{given.device}"
            keep(compare(name, Path(folder), given.device), question, part="model")
