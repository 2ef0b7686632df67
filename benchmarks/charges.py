"""What charges that answer cost beside split charges of the same model.

    python benchmarks/charges.py [small] [two]

Energy and forces, float32, σ = 1.5 Å, of boxes of water and of films of water on Cu(111), where
copper is a conductor of `response_charge`; random weights, but edges as strong as give water a
permittivity of some 1.8. Then an epoch of training on boxes of 64 molecules in batches of 5.
"""

import sys
import time
from collections.abc import Callable
from typing import Any

import numpy as np
from ase import Atoms
from ase.build import fcc111
from common import Worker, keep, medians_in_turn
from long_range import DISPLACEMENT_A, SECONDS_IN_A_ROW
from md_engine import MODELS

from falsemetal.systems.water import cubic_cell, water_box, water_slab

KINDS = ("split_charge", "qeq", "response_charge")
WATER = (128, 840)
METALS = {(5, 6, 4): 88, (10, 12, 4): 680}
"""Molecules on faces of copper of so many atoms: 384 and 2520 atoms in all."""
SMEARING_A = 1.5
FORMAL_CHARGES_E = {"H": 1.0, "O": -2.0, "Cu": 0.0}
TURNS, EPOCH_TURNS = 7, 3
N_FRAMES, N_MOLECULES, BATCH = 20, 64, 5


def box(n_molecules: int) -> Atoms:
    """Bulk water."""
    return water_box(n_molecules, cell_lengths_A=cubic_cell(n_molecules, 0.997), seed=1)


def film(repeats: tuple[int, int, int]) -> Atoms:
    """Water on copper, in a square cell for simplicity."""
    metal = fcc111("Cu", repeats, a=3.61, orthogonal=True)
    side = float(np.sqrt(np.prod(metal.cell.lengths()[:2])))
    metal.set_cell([side, side, 10.0], scale_atoms=True)
    metal.positions[:, 2] = np.repeat(2.08 * np.arange(repeats[2]), repeats[0] * repeats[1])
    atoms = water_slab(METALS[repeats], cross_section_A=side, cell_height_A=200.0, seed=1)
    atoms.positions[:, 2] += metal.positions[:, 2].max() + 3.0 - atoms.positions[:, 2].min()
    cell = [side, side, atoms.positions[:, 2].max() + 20.0]
    return Atoms(
        atoms.numbers.tolist() + metal.numbers.tolist(),
        np.concatenate([atoms.positions, metal.positions]),
        cell=cell,
        pbc=(True, True, False),
    )


def make_model(name: str, kind: str, *, metal: bool) -> Any:
    """Model with random weights, whose charges answer as those of water do."""
    import torch

    from falsemetal.potentials import store
    from falsemetal.potentials.kinds import QEqKind, ResponseChargeKind, SplitChargeKind
    from falsemetal.potentials.mace.model import DatasetStatistics

    elements = (1, 8, 29) if metal else (1, 8)
    statistics = DatasetStatistics(elements, force_rms_eV_per_A=0.01, mean_neighbours=40.0)
    forms: dict[str, tuple[Any, dict[str, Any]]] = {
        "split_charge": (SplitChargeKind, {"formal_charges_e": FORMAL_CHARGES_E}),
        "qeq": (QEqKind, {}),
        "response_charge": (
            ResponseChargeKind,
            {"formal_charges_e": FORMAL_CHARGES_E, "conductors": ["Cu"] if metal else []},
        ),
    }
    form, further = forms[kind]
    settings = MODELS[name] | further | {"smearing_A": SMEARING_A}
    model = store.build_model(
        form(kind=kind, dataset="none", **settings), statistics, dtype=torch.float32
    )
    if kind == "response_charge":
        with torch.no_grad():
            model.readouts_of_response.readout.bias.fill_(0.0)
    return model


def evaluator(name: str, kind: str, atoms: Atoms) -> Callable[[], float]:
    """Timer of one model for one structure; the first call warms it up."""
    from falsemetal.potentials.calculator import ModelCalculator

    atoms.calc = ModelCalculator(make_model(name, kind, metal="Cu" in atoms.symbols))
    generator = np.random.default_rng(2)
    atoms.get_forces()

    def measure() -> float:
        times: list[float] = []
        while not times or sum(times) < SECONDS_IN_A_ROW:
            atoms.positions += generator.normal(scale=DISPLACEMENT_A, size=atoms.positions.shape)
            began = time.perf_counter()
            atoms.get_forces()
            times.append(time.perf_counter() - began)
        return float(np.median(times))

    return measure


def trainer(name: str, kind: str) -> Callable[[], float]:
    """Timer of an epoch."""
    import torch

    from falsemetal.potentials.graph import collate
    from falsemetal.potentials.mace.model import predict

    model = make_model(name, kind, metal=False).train()
    model.prepare_training()
    atoms, generator = box(N_MOLECULES), np.random.default_rng(3)
    graphs = []
    for _ in range(N_FRAMES):
        moved = atoms.copy()
        moved.positions += generator.normal(scale=0.02, size=atoms.positions.shape)
        graphs.append(model.graph_of(moved))
    batches = [collate(graphs[first : first + BATCH]) for first in range(0, N_FRAMES, BATCH)]
    optimiser = torch.optim.Adam(model.parameters(), lr=1e-4)

    def measure() -> float:
        began = time.perf_counter()
        for batch in batches:
            optimiser.zero_grad()
            energies, forces = predict(model, batch, create_graph=True)
            (energies.square().mean() * 1e-6 + forces.square().mean()).backward()
            optimiser.step()
        return time.perf_counter() - began

    measure()
    return measure


def compare(name: str, system: str, workers: dict[str, Worker], turns: int) -> dict[str, Any]:
    """Row of the table."""
    seconds = medians_in_turn(workers, turns)
    for worker in workers.values():
        worker.close()
    row: dict[str, Any] = {"model": name, "system": system}
    row |= {f"{kind} (ms)": round(1e3 * found, 1) for kind, found in seconds.items()}
    print(row, flush=True)
    return row


if __name__ == "__main__":
    structures = {f"{3 * n} atoms of water": box(n) for n in WATER}
    for repeats in METALS:
        atoms = film(repeats)
        structures[f"{len(atoms)} atoms of water on copper"] = atoms
    rows = []
    for name in sys.argv[1:] or ("small", "two"):
        for system, atoms in structures.items():
            workers = {kind: Worker(evaluator, name, kind, atoms) for kind in KINDS}
            rows.append(compare(name, system, workers, TURNS))
        workers = {kind: Worker(trainer, name, kind) for kind in KINDS}
        rows.append(compare(name, "an epoch of 20 boxes", workers, EPOCH_TURNS))
    keep(rows, "charges")
