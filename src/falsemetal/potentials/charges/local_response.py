"""Multipoles that answer locally, of structures in any surroundings, dense or iterative.

For the equations see :mod:`falsemetal.potentials.charges.susceptibility`.
"""

from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor

from falsemetal.electrostatics.coulomb import coulomb_energy, coulomb_response, is_faster_by_mesh
from falsemetal.electrostatics.matrix import open_matrix, periodic_root, uniform_background
from falsemetal.electrostatics.multipoles import MultipoleElectrostatics
from falsemetal.potentials.charges.fermi import film_offset_V
from falsemetal.potentials.charges.susceptibility import (
    TOLERANCE_E,
    Susceptibility,
    solve_densely,
    solve_iteratively,
)
from falsemetal.potentials.graph import Graph
from falsemetal.units import EPSILON_0


class Multipoles(NamedTuple):
    """Charges of atoms in e, shape (n,), and dipoles in e·Å, shape (n, 3), or None."""

    charges: Tensor
    dipoles: Tensor | None

    def stacked(self, columns: int = 1) -> Tensor:
        """As one float64 tensor of shape (n, 1), or (n, 4) with dipoles or by such columns."""
        charges = self.charges.double()[:, None]
        if self.dipoles is not None:
            return torch.cat([charges, self.dipoles.double()], 1)
        return torch.nn.functional.pad(charges, (0, columns - 1))

    def less(self, moved: Tensor) -> "Multipoles":
        """Take S y away, in the precision that they have."""
        dipoles = self.dipoles
        if moved.shape[1] > 1:
            less = moved[:, 1:].to(self.charges)
            dipoles = -less if dipoles is None else dipoles - less
        return Multipoles(self.charges - moved[:, 0].to(self.charges), dipoles)


@dataclass(frozen=True)
class Structure:
    """One structure in its surroundings, with the Coulomb term of a model.

    `fast` gives energies once differentiable, by the kernels of runs if they are compiled. Fields
    are as of a :class:`~falsemetal.potentials.graph.Graph`, of one structure.
    """

    term: MultipoleElectrostatics
    positions: Tensor
    cell: Tensor
    film: bool
    isolated: bool
    total_charge_e: Tensor
    field_V_per_A: Tensor
    fast: bool = False
    compiled: bool = True

    def energy(self, multipoles: Multipoles) -> Tensor:
        """Coulomb energy and that in the field, in eV."""
        coulomb = self._coulomb_energy(multipoles)
        p = multipoles.stacked()
        found: Tensor = coulomb + (self.applied(p.shape[1]) * p).sum()
        if not (self.film or self.isolated):
            background = uniform_background(self.term.smearing_A, self.cell)
            found = found + 0.5 * background * self.total_charge_e.square()
        return found

    def applied(self, columns: int) -> Tensor:
        """Potential v = −E·r of the field at charges, and −E at dipoles, shape (n, columns)."""
        of_charges = -(self.positions @ self.field_V_per_A)[:, None]
        if columns == 1:
            return of_charges
        return torch.cat([of_charges, -self.field_V_per_A.expand(len(self.positions), 3)], 1)

    @torch.no_grad()
    def potential(self, multipoles: Multipoles) -> Tensor:
        """Potential A p, shape (n, 1), or (n, 4) with dipoles; by a sum or on the mesh."""
        charges, dipoles = multipoles.charges.double(), multipoles.dipoles
        if self.isolated:
            return self._products(multipoles.stacked(), 1 if dipoles is None else 4)[1]
        found = coulomb_response(
            charges,
            None if dipoles is None else dipoles.double(),
            self.positions,
            self.cell,
            smearing_A=self.term.smearing_A,
            cutoff_per_A=self.term.cutoff_per_A,
            mesh=is_faster_by_mesh(len(charges), self.cell, self.term.cutoff_per_A),
            compiled=self.compiled,
        )
        potential = found.by_charges[:, None]
        if found.by_dipoles is not None:
            potential = torch.cat([potential, found.by_dipoles], 1)
        if self.film:
            upward = torch.zeros_like(potential)
            upward[:, 0] = self.positions[:, 2]
            if dipoles is not None:
                upward[:, 3] = 1.0
            volume = torch.linalg.det(self.cell.double()).abs()
            p_z = (upward * multipoles.stacked()).sum()
            potential = potential + upward * (p_z / (EPSILON_0 * volume))
        return potential

    def matrix_and_potential(self, multipoles: Multipoles, columns: int) -> tuple[Tensor, Tensor]:
        """Matrix A between so many columns of every atom, and A p in them.

        Differentiable to any order.
        """
        return self._products(multipoles.stacked(columns), columns)

    def fermi_level_eV(self, level_V: Tensor, multipoles: Multipoles) -> Tensor:
        """Energy of an electron more on a conductor that is at a level of A and v."""
        level = -level_V
        if self.film:
            volume = torch.linalg.det(self.cell.double()).abs()
            return level + film_offset_V(*multipoles, self.positions, volume)
        if not self.isolated:
            background = uniform_background(self.term.smearing_A, self.cell)
            return level - background * self.total_charge_e
        return level

    def _coulomb_energy(self, multipoles: Multipoles) -> Tensor:
        if self.isolated:
            p = multipoles.stacked()
            energy: Tensor = 0.5 * (p * self._products(p, p.shape[1])[1]).sum()
            return energy
        if self.fast:
            return coulomb_energy(
                self.term,
                *multipoles,
                self.positions,
                self.cell,
                slab=self.film,
                compiled=self.compiled,
            )
        return self.term.energy(*multipoles, self.positions, self.cell, slab=self.film)

    def _products(self, p: Tensor, columns: int) -> tuple[Tensor, Tensor]:
        """Matrix A between columns of every atom, and A p in them."""
        with_dipoles = p.shape[1] > 1
        if self.isolated:
            widths = torch.full_like(self.positions[:, 0], self.term.smearing_A)
            whole = open_matrix(self.positions, widths, dipoles=with_dipoles)
            whole = whole.view(*p.shape, *p.shape)[:, :columns]
            potential = torch.einsum("icjd,jd->ic", whole, p)
            return whole[..., :columns].flatten(2).flatten(0, 1), potential
        root = periodic_root(
            self.positions,
            self.cell,
            smearing_A=self.term.smearing_A,
            cutoff_per_A=self.term.cutoff_per_A,
            film=self.film,
            dipoles=with_dipoles,
        )
        waves = torch.einsum("ncw,nc->w", root, p)
        answering = root[:, :columns]
        flat = answering.flatten(0, 1)
        return flat @ flat.T, answering @ waves


@dataclass(frozen=True)
class LocalAnswer:
    """What multipoles of a structure are in the end, and what they cost.

    Potentials y, shape (n, 1) or (n, 4), in V and V/Å, float64, are those that they answer to. The
    energy in eV is ½ y·S y, that of Coulomb and that in the field. The Fermi level in eV counts as
    of :class:`falsemetal.potentials.charges.response.Response`; NaN without a conductor.
    """

    multipoles: Multipoles
    potentials: Tensor
    energy: Tensor
    fermi_level_eV: Tensor


def answer(
    structure: Structure,
    local: Multipoles,
    susceptibility: Susceptibility,
    *,
    follow: bool,
    held_e: Tensor | None = None,
    electronegativity_V: Tensor | float = 0.0,
    tolerance_e: float = TOLERANCE_E,
) -> LocalAnswer:
    """Let local multipoles answer.

    What of the local charges a conductor holds beyond them, Q in e, shared as its mobilities m are,
    costs χ Q + Q²/(2 Σ m): by its electronegativity χ in V, and as its hardness does for what moves
    within it.

    If potentials are to be followed, all is differentiable to any order, and found by matrices;
    else the energy is once, by what it depends on at the minimum, and multipoles are not through
    the potentials. EquilibrationError where they do not settle.
    """
    columns = 1 if susceptibility.polarisabilities is None else 4
    applied = structure.applied(columns)
    if follow:
        matrix, felt = structure.matrix_and_potential(local, columns)
        potentials = solve_densely(susceptibility, matrix, felt + applied)
    else:
        potentials = _iterate(structure, local, susceptibility, applied, tolerance_e)
    multipoles = local.less(susceptibility.apply(potentials))
    energy = susceptibility.energy(potentials) + structure.energy(multipoles)
    level = susceptibility.level(potentials)
    if susceptibility.mobilities is not None and held_e is not None:
        rise = held_e / susceptibility.mobilities.sum()
        energy = energy + held_e * (electronegativity_V + 0.5 * rise)
        level = level + electronegativity_V + rise
    return LocalAnswer(multipoles, potentials, energy, structure.fermi_level_eV(level, multipoles))


@torch.no_grad()
def _iterate(
    structure: Structure,
    local: Multipoles,
    susceptibility: Susceptibility,
    applied: Tensor,
    tolerance_e: float,
) -> Tensor:
    columns = applied.shape[1]
    if structure.isolated:
        matrix, felt = structure.matrix_and_potential(local, columns)

        def by_matrix(moved: Tensor) -> Tensor:
            return (matrix @ moved.flatten()).view(moved.shape)

        return solve_iteratively(
            susceptibility, by_matrix, felt + applied, tolerance_e=tolerance_e
        ).values

    def coulomb(moved: Tensor) -> Tensor:
        dipoles = moved[:, 1:] if columns > 1 else None
        return structure.potential(Multipoles(moved[:, 0], dipoles))

    p = local.stacked(columns)
    given = Multipoles(p[:, 0], p[:, 1:] if p.shape[1] > 1 else None)
    felt = structure.potential(given)[:, :columns] + applied
    return solve_iteratively(susceptibility, coulomb, felt, tolerance_e=tolerance_e).values


def structures_of(
    graph: Graph, term: MultipoleElectrostatics, *, fast: bool = False, compiled: bool = True
) -> list[Structure]:
    """Structures of a batch."""
    sizes = torch.bincount(graph.batch, minlength=graph.n_graphs).tolist()
    slab, isolated = graph.slab.tolist(), graph.isolated.tolist()
    return [
        Structure(
            term,
            positions,
            graph.cells[index],
            slab[index],
            isolated[index],
            graph.total_charge_e[index],
            graph.field_V_per_A[index],
            fast,
            compiled,
        )
        for index, positions in enumerate(graph.positions.split(sizes))
    ]
