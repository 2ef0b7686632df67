"""Polarization of split charges: origin, wrapping and quanta (paper, eq. S5)."""

from dataclasses import dataclass

import pytest
import torch
from torch import Tensor

from falsemetal.potentials.mace.polarization import fold_polarization, polarization


@dataclass(frozen=True)
class SplitCharges:
    """Two water molecules with transfers along every edge between their atoms."""

    formal: Tensor
    positions: Tensor
    dipoles: Tensor
    cell: Tensor
    senders: Tensor
    receivers: Tensor
    shifts: Tensor
    transfers: Tensor

    def polarization(self, positions: Tensor, shifts: Tensor) -> Tensor:
        """Polarization in e·Å of the same transfers at other positions."""
        vectors = positions[self.receivers] - positions[self.senders] + shifts
        batch, edge_batch = (torch.zeros(len(t), dtype=torch.long) for t in (positions, vectors))
        return polarization(
            self.formal, self.dipoles, self.transfers, vectors, positions, batch, edge_batch, 1
        )[0]

    def wrapped(self, lattice: Tensor) -> Tensor:
        """Polarization after moving each atom by integers times the lattice vectors."""
        moves = lattice @ self.cell
        shifts = self.shifts + moves[self.senders] - moves[self.receivers]
        return self.polarization(self.positions + moves, shifts)


@pytest.fixture
def split_charges() -> SplitCharges:
    water = torch.tensor([[0.0, 0.0, 0.0], [0.96, 0.0, 0.0], [-0.24, 0.93, 0.0]]).double()
    positions = torch.cat([water, water + torch.tensor([2.5, 1.0, 2.0])])
    generator = torch.Generator().manual_seed(8)
    senders, receivers = torch.nonzero(1 - torch.eye(6)).T
    return SplitCharges(
        formal=torch.tensor([-2.0, 1.0, 1.0] * 2).double(),
        positions=positions,
        dipoles=torch.randn(6, 3, generator=generator, dtype=torch.float64),
        cell=torch.tensor([[9.0, 0.0, 0.0], [1.0, 8.0, 0.0], [-0.8, 1.5, 10.0]]).double(),
        senders=senders,
        receivers=receivers,
        shifts=torch.zeros(len(senders), 3, dtype=torch.float64),
        transfers=torch.randn(len(senders), generator=generator, dtype=torch.float64),
    )


def test_polarization_is_the_dipole_of_the_charges(split_charges: SplitCharges) -> None:
    system = split_charges
    charges = system.formal.index_add(0, system.receivers, system.transfers)
    charges = charges.index_add(0, system.senders, -system.transfers)
    expected = (charges[:, None] * system.positions + system.dipoles).sum(0)
    found = system.polarization(system.positions, system.shifts)
    torch.testing.assert_close(found, expected, rtol=0.0, atol=1e-12)


def test_polarization_does_not_see_origin_nor_cell_of_whole_molecules(
    split_charges: SplitCharges,
) -> None:
    system = split_charges
    expected = system.polarization(system.positions, system.shifts)
    moved = system.polarization(system.positions + torch.tensor([3.0, -9.0, 4.0]), system.shifts)
    torch.testing.assert_close(moved, expected, rtol=0.0, atol=1e-12)
    lattice = torch.tensor([[0.0, 0.0, 0.0]] * 3 + [[1.0, -2.0, 1.0]] * 3).double()
    torch.testing.assert_close(system.wrapped(lattice), expected, rtol=0.0, atol=1e-12)


def test_wrapping_an_atom_adds_a_quantum(split_charges: SplitCharges) -> None:
    system = split_charges
    expected = system.polarization(system.positions, system.shifts)
    lattice = torch.zeros(6, 3, dtype=torch.float64)
    lattice[0] = torch.tensor([1.0, 0.0, -1.0])
    found = system.wrapped(lattice)
    torch.testing.assert_close(
        found - expected, system.formal[0] * lattice[0] @ system.cell, rtol=0.0, atol=1e-12
    )
    folded = [fold_polarization(p, system.cell, (True, True, True)) for p in (found, expected)]
    torch.testing.assert_close(*folded, rtol=0.0, atol=1e-12)
