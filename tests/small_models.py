"""Structures and models small enough to compute with in a test."""

import copy
from functools import cache

import numpy as np
import torch
from ase import Atoms
from ase.build import molecule

from falsemetal.potentials.bpnnp.committee import BPNNP
from falsemetal.potentials.kinds import (
    FixedPointKind,
    MACEKind,
    QEqKind,
    ResponseChargeKind,
    SplitChargeKind,
)
from falsemetal.potentials.mace.model import DatasetStatistics, ShortRangedMACE, predict
from falsemetal.potentials.store import build_model

torch.set_num_threads(1)

STATISTICS = DatasetStatistics(elements=(1, 8), force_rms_eV_per_A=1.0, mean_neighbours=12.0)
ARCHITECTURE = {
    "dataset": "water",
    "r_cut_A": 4.0,
    "channels": 4,
    "max_ell": 2,
    "correlation": 2,
    "radial_mlp": [8],
}
SETTINGS = {
    "mace-1": MACEKind(kind="mace", layers=1, l_max=0, **ARCHITECTURE),
    "mace-2": MACEKind(kind="mace", layers=2, l_max=1, **ARCHITECTURE),
    "split-1": SplitChargeKind(kind="split_charge", layers=1, l_max=0, **ARCHITECTURE),
    "split-2": SplitChargeKind(kind="split_charge", layers=2, l_max=1, **ARCHITECTURE),
    "qeq-1": QEqKind(kind="qeq", layers=1, l_max=0, **ARCHITECTURE),
    "qeq-2": QEqKind(
        kind="qeq",
        layers=2,
        l_max=1,
        hardness="environment",
        short_range="reads_charges",
        **ARCHITECTURE,
    ),
    "fixed-point-2": FixedPointKind(
        kind="fixed_point",
        layers=2,
        l_max=1,
        hardness="environment",
        short_range="reads_charges",
        **ARCHITECTURE,
    ),
    "response-1": ResponseChargeKind(kind="response_charge", layers=1, l_max=0, **ARCHITECTURE),
    "response-2": ResponseChargeKind(
        kind="response_charge", layers=2, l_max=1, polarisable_atoms=True, **ARCHITECTURE
    ),
    "metal-2": ResponseChargeKind(
        kind="response_charge",
        layers=2,
        l_max=1,
        conductors=["O"],
        **ARCHITECTURE,
    ),
}


def small_model(name: str, dtype: torch.dtype = torch.float64) -> ShortRangedMACE:
    """Untrained model with frozen random weights."""
    return copy.deepcopy(_built(name, dtype))


@cache
def _built(name: str, dtype: torch.dtype) -> ShortRangedMACE:
    """Build a model once: a copy takes a tenth of the time."""
    return build_model(SETTINGS[name], STATISTICS, dtype=dtype, seed=3).requires_grad_(False)


def water_layer(n_molecules: int = 6, *, slab: bool = True, seed: int = 0) -> Atoms:
    """Randomly turned water molecules on a square lattice, as a slab or a box."""
    generator = np.random.default_rng(seed)
    atoms = Atoms(cell=[9.0, 9.0, 26.0 if slab else 9.0], pbc=[True, True, not slab])
    for site in range(n_molecules):
        water = molecule("H2O")
        water.rotate(generator.uniform(0.0, 360.0), generator.normal(size=3), center="COM")
        layer, place = divmod(site, 9)
        water.translate([3.0 * (place % 3), 3.0 * (place // 3), 10.0 * slab + 3.0 * layer])
        atoms += water
    atoms.positions += generator.normal(scale=0.05, size=atoms.positions.shape)
    return atoms


def energy_and_forces(model: ShortRangedMACE | BPNNP, atoms: Atoms) -> tuple[float, np.ndarray]:
    """Energy in eV and forces in eV/Å by a model in its plain form."""
    energies, forces = predict(model, model.graph_of(atoms))
    return float(energies[0]), forces.numpy()
