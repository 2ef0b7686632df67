"""Coulomb energy and forces of charges and dipoles: mesh, sum over k, and `graph_longrange`.

    python benchmarks/electrostatics.py

Neutral boxes and slabs at the density of water's atoms, σ = 1.5 Å as in the paper, float64. The
error is the largest deviation of a force from the sum over k. `graph_longrange` builds an array of
all k by all atoms: sizes for which it would need more than `ROOM_GB` are left out.
"""

import math
import time
from collections.abc import Callable
from typing import Any

import numpy as np
from common import Worker, keep, medians_in_turn, peak_memory_GB

SIGMA_A, L_MAX = 1.5, 1
ATOMS = (192, 384, 1152, 4608, 16200)
ATOMS_PER_A3 = 0.1
SLAB_WIDTH_A = 12.42
VACUUM_A = 25.0
ROOM_GB = 16.0
REPEATS = 5


def system(shape: str, n_atoms: int) -> tuple[Any, ...]:
    """Charges, dipoles, positions and cell; a slab is 12.42 Å wide up to 1152 atoms."""
    import torch

    generator = torch.Generator().manual_seed(3)
    volume = n_atoms / ATOMS_PER_A3
    if shape == "slab":
        width = SLAB_WIDTH_A if n_atoms <= 1152 else 3 * SLAB_WIDTH_A
        edges = [width, width, volume / width**2]
    else:
        edges = [volume ** (1 / 3)] * 3
    edges = torch.tensor(edges, dtype=torch.float64)
    positions = torch.rand(n_atoms, 3, generator=generator, dtype=torch.float64) * edges
    charges = torch.rand(n_atoms, generator=generator, dtype=torch.float64) - 0.5
    dipoles = 0.3 * (torch.rand(n_atoms, 3, generator=generator, dtype=torch.float64) - 0.5)
    if shape == "slab":
        edges[2] += VACUUM_A
    return charges - charges.mean(), dipoles, positions, torch.diag(edges)


def k_vectors(cell: Any) -> float:
    """Count the k-vectors within the cutoff, both signs."""
    from falsemetal.electrostatics.reciprocal import kspace_cutoff

    return float(cell.det()) * kspace_cutoff(SIGMA_A, L_MAX) ** 3 / (6.0 * math.pi**2)


def ours(shape: str, n_atoms: int, mesh: bool) -> Callable[[str], Any]:
    """Timer of the sum over k or the mesh."""
    import torch

    from falsemetal.electrostatics.coulomb import coulomb_energy
    from falsemetal.electrostatics.multipoles import MultipoleElectrostatics

    charges, dipoles, positions, cell = system(shape, n_atoms)
    term = MultipoleElectrostatics(SIGMA_A, L_MAX, self_interaction=True)

    def forces() -> Any:
        moved = positions.clone().requires_grad_(True)
        found = coulomb_energy(term, charges, dipoles, moved, cell, slab=shape == "slab", mesh=mesh)
        return -torch.autograd.grad(found, moved)[0]

    return timer(forces)


def graph_longrange(shape: str, n_atoms: int) -> Callable[[str], Any]:
    """Timer of the reference implementation."""
    import mace.modules  # noqa: F401
    import torch
    from graph_longrange.energy import GTOElectrostaticEnergy
    from graph_longrange.kspace import compute_k_vectors_flat

    from falsemetal.electrostatics.reciprocal import kspace_cutoff

    torch.set_default_dtype(torch.float64)
    charges, dipoles, positions, cell = system(shape, n_atoms)
    cutoff = kspace_cutoff(SIGMA_A, L_MAX)
    energy = GTOElectrostaticEnergy(
        L_MAX, SIGMA_A, cutoff, True, "slab" if shape == "slab" else "pbc"
    )
    features = torch.cat([charges[:, None], dipoles[:, [1, 2, 0]]], 1)
    reciprocal = 2.0 * math.pi * torch.linalg.inv(cell).T[None]
    batch = torch.zeros(n_atoms, dtype=torch.int64)
    periodic = torch.tensor([[True, True, shape != "slab"]])

    def forces() -> Any:
        moved = positions.clone().requires_grad_(True)
        k = compute_k_vectors_flat(cutoff, cell[None], reciprocal)
        found = energy(*k, features, moved, batch, cell.det()[None], periodic)
        return -torch.autograd.grad(found.sum(), moved)[0]

    return timer(forces)


def timer(forces: Callable[[], Any]) -> Callable[[str], Any]:
    """Answer with a time, the peak memory, or the forces."""
    forces()

    def measure(what: str) -> Any:
        if what == "memory":
            return peak_memory_GB()
        if what == "forces":
            return forces().numpy()
        began = time.perf_counter()
        forces()
        return time.perf_counter() - began

    return measure


def compare(shape: str, n_atoms: int) -> dict[str, Any]:
    """Row of the table."""
    workers = {
        "sum": Worker(ours, shape, n_atoms, False),
        "mesh": Worker(ours, shape, n_atoms, True),
    }
    k = k_vectors(system(shape, n_atoms)[3])
    # complex128, by all multipoles of an atom, and again for the gradient
    if 16 * 2 * k * n_atoms * (L_MAX + 1) ** 2 * 2 < 1e9 * ROOM_GB:
        workers["graph_longrange"] = Worker(graph_longrange, shape, n_atoms)
    seconds = medians_in_turn(workers, REPEATS, "time")
    forces = {name: worker("forces") for name, worker in workers.items()}
    row: dict[str, Any] = {"cell": shape, "n_atoms": n_atoms, "n_k": round(k)}
    for name, worker in workers.items():
        row[f"{name} (ms)"] = round(1e3 * seconds[name], 2)
        row[f"{name} (GB)"] = round(worker("memory"), 2)
        row[f"{name} error (eV/Å)"] = f"{np.abs(forces[name] - forces['sum']).max():.1e}"
        worker.close()
    print(row, flush=True)
    return row


if __name__ == "__main__":
    keep([compare(shape, n) for shape in ("bulk", "slab") for n in ATOMS], "electrostatics")
