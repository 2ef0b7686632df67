"""Steps per second of this project's calculator against mace-torch's, same weights, same run.

    OMP_NUM_THREADS=1 python benchmarks/md_engine.py

One-layer model of `config/demo.yaml` with random weights on water slabs, Langevin dynamics by ASE,
float32, one core. The engines take turns; medians of the repeats are printed and written to
`benchmarks/results/md_engine.csv`. `long` is the split-charge model, which mace-torch has not.
"""

import platform
import time
import warnings
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from ase import Atoms
from ase.calculators.calculator import Calculator
from ase.md.langevin import Langevin

from falsemetal.config import Config, load_config
from falsemetal.dynamics.calculator import ModelCalculator
from falsemetal.models.mace import DatasetStatistics
from falsemetal.models.store import build_model, default_dtype
from falsemetal.structures.water import water_slab
from falsemetal.units import ASE_FS

ROOT = Path(__file__).parents[1]
STATISTICS = DatasetStatistics(elements=(1, 8), force_rms_eV_per_A=0.01, mean_neighbours=40.0)
REPEATS, STEPS = 5, 40


def calculators(config: Config) -> dict[str, Calculator]:
    """Engines by name; the random weights are scaled down so that the water holds together."""
    from mace.calculators import MACECalculator

    models = {
        name: build_model(config.potentials[name], STATISTICS, dtype=torch.float32)
        for name in config.trained_potentials
    }
    short, long = (models[name] for name in ("sr-mace", "lr-mace"))
    with default_dtype(torch.float32):
        theirs = MACECalculator(models=[short.mace], device="cpu", default_dtype="float32")
    return {
        "falsemetal": ModelCalculator(short),
        "MACECalculator": theirs,
        "falsemetal, long": ModelCalculator(long),
    }


def steps_per_second(atoms: Atoms, calculator: Calculator, n_steps: int) -> float:
    """Speed of Langevin dynamics over some steps, from a copy of the structure."""
    atoms = atoms.copy()
    atoms.calc = calculator
    with warnings.catch_warnings(action="ignore"):
        integrator = Langevin(
            atoms,
            0.5 * ASE_FS,
            temperature_K=100.0,
            friction=0.01 / ASE_FS,
            fixcm=False,
            rng=np.random.default_rng(1),
        )
        integrator.run(3)
        began = time.perf_counter()
        integrator.run(n_steps)
    return n_steps / (time.perf_counter() - began)


def main() -> None:
    """Time all engines in turn, print and keep the table."""
    torch.set_num_threads(1)
    config = load_config(ROOT / "config/demo.yaml")
    engines = calculators(config)
    rows = []
    for n_molecules in (64, 128, 192):
        atoms = water_slab(n_molecules, cross_section_A=12.42, cell_height_A=60.0, seed=1)
        speeds: dict[str, list[float]] = {name: [] for name in engines}
        for _ in range(REPEATS):
            for name, calculator in engines.items():
                speeds[name].append(steps_per_second(atoms, calculator, STEPS))
        medians = {name: float(np.median(values)) for name, values in speeds.items()}
        rows.append(
            {"n_atoms": len(atoms)}
            | {f"{name} (steps/s)": round(value, 1) for name, value in medians.items()}
            | {"gain": round(medians["falsemetal"] / medians["MACECalculator"], 2)}
        )
    table = pd.DataFrame(rows)
    print(table.to_string(index=False))
    machine = f"{platform.machine()}, torch {torch.__version__}, one core"
    path = ROOT / "benchmarks/results/md_engine.csv"
    path.parent.mkdir(exist_ok=True)
    table.assign(machine=machine).to_csv(path, index=False)


if __name__ == "__main__":
    main()
