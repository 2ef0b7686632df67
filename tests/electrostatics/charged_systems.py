"""Charges, dipoles and cells that tests of the electrostatics share."""

from dataclasses import dataclass, replace

import torch
from torch import Tensor

from falsemetal.electrostatics.multipoles import MultipoleElectrostatics

SIGMA = 1.5


@dataclass(frozen=True)
class System:
    """One neutral cell of charges and dipoles."""

    charges: Tensor
    dipoles: Tensor | None
    positions: Tensor
    cell: Tensor
    slab: bool

    def energy(self, model: MultipoleElectrostatics) -> Tensor:
        """Energy in eV."""
        return evaluate(model, [self])[0]


def evaluate(model: MultipoleElectrostatics, systems: list[System]) -> Tensor:
    sizes = [len(s.charges) for s in systems]
    dipoles = [s.dipoles for s in systems]
    return model(
        torch.cat([s.charges for s in systems]),
        None if dipoles[0] is None else torch.cat(dipoles),
        torch.cat([s.positions for s in systems]),
        torch.stack([s.cell for s in systems]),
        torch.tensor([s.slab for s in systems]),
        torch.repeat_interleave(torch.arange(len(sizes)), torch.tensor(sizes)),
    )


def random_system(
    *, slab: bool, l_max: int = 1, n_atoms: int = 12, seed: int = 0, vacuum_A: float = 20.0
) -> System:
    """Draw charges for a neutral film or a skewed box."""
    generator = torch.Generator().manual_seed(seed)
    random = torch.rand(n_atoms, 7, generator=generator, dtype=torch.float64) - 0.5
    charges = random[:, 0] - random[:, 0].mean()
    dipoles = 0.5 * random[:, 1:4] if l_max else None
    cell = torch.tensor([[9.0, 0.0, 0.0], [1.0, 8.0, 0.0], [-0.8, 1.5, 10.0]])
    if slab:
        cell[2] = torch.tensor([0.0, 0.0, 10.0])
    positions = random[:, 4:] @ cell.double()
    if slab:
        cell[2, 2] += vacuum_A
    return System(charges, dipoles, positions, cell.double(), slab)


def forces(model: MultipoleElectrostatics, system: System) -> Tensor:
    positions = system.positions.detach().requires_grad_()
    energy = replace(system, positions=positions).energy(model)
    return -torch.autograd.grad(energy, positions)[0]
