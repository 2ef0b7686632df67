"""Charges beside a metal that answer linearly, by matrices."""

import numpy as np
import torch
from ase import Atoms
from ase.build import fcc111, molecule
from torch import Tensor

from falsemetal.electrostatics.matrix import periodic_matrix
from falsemetal.electrostatics.reciprocal import kspace_cutoff

SIGMA, HARDNESS, BOND = 1.0, 4.0, 3.0
FIELD_V_PER_A = 0.02


def metal_and_water(n_molecules: int = 8) -> Atoms:
    """Cu(111) with a few molecules above it; the metal comes first."""
    atoms = fcc111("Cu", (3, 4, 4), a=3.61, orthogonal=True, vacuum=12.0)
    top, lengths = atoms.positions[:, 2].max(), atoms.cell.lengths()
    generator = np.random.default_rng(1)
    for index in range(n_molecules):
        water = molecule("H2O")
        water.rotate(generator.uniform(0.0, 360.0), generator.normal(size=3), center="COM")
        layer, place = divmod(index, 6)
        across = [lengths[0] * (place % 2 + 0.5) / 2.0, lengths[1] * (place // 2 + 0.5) / 3.0]
        water.translate([*across, top + 3.0 + 3.0 * layer])
        atoms += water
    atoms.pbc = (True, True, False)
    return atoms


class Interface:
    """q = q_loc − S(A q + v − μ) of a metal that shares charge and of bonds that do."""

    def __init__(self) -> None:
        atoms = metal_and_water()
        n, metal = len(atoms), int((atoms.symbols == "Cu").sum())
        self.matrix = periodic_matrix(
            torch.tensor(atoms.positions),
            torch.tensor(atoms.cell.array),
            smearing_A=SIGMA,
            cutoff_per_A=kspace_cutoff(SIGMA, 0),
            film=True,
        )
        self.metal = torch.zeros(n, dtype=torch.float64)
        self.metal[:metal] = 1.0
        self.bonds = torch.zeros(n, n, dtype=torch.float64)
        self.local = torch.zeros(n, dtype=torch.float64)
        for oxygen in range(metal, n, 3):
            for hydrogen in (oxygen + 1, oxygen + 2):
                bond = torch.zeros(n, dtype=torch.float64)
                bond[oxygen], bond[hydrogen] = -1.0, 1.0
                self.bonds += torch.outer(bond, bond) / BOND
                self.local += 0.4 * bond
        self.applied = -FIELD_V_PER_A * torch.tensor(atoms.positions[:, 2])
        held = torch.outer(self.metal, self.metal) / metal
        self.response = self.bonds + (self.metal.diag() - held) / HARDNESS

    def neutral(self, charges: Tensor, local: Tensor, applied: Tensor) -> Tensor:
        return local - self.response @ (self.matrix @ charges + applied)

    def held(self, charges: Tensor, level: Tensor, local: Tensor, applied: Tensor) -> Tensor:
        felt = self.matrix @ charges + applied
        return local - self.bonds @ felt - self.metal / HARDNESS * (felt - level)

    @property
    def exact(self) -> Tensor:
        whole = torch.eye(len(self.local)) + self.response @ self.matrix
        return torch.linalg.solve(whole, self.local - self.response @ self.applied)
