"""Equilibrated charges of graphs: boundaries, fields and sizes, dense or iterative."""

from dataclasses import dataclass

import torch
from torch import Tensor

from falsemetal.electrostatics.coulomb import coulomb_energy
from falsemetal.electrostatics.matrix import open_matrix, periodic_matrix, uniform_background
from falsemetal.electrostatics.multipoles import MultipoleElectrostatics, check_slab
from falsemetal.electrostatics.reciprocal import ElectrostaticsError
from falsemetal.potentials.charges.equilibration import equilibrate, pad
from falsemetal.potentials.charges.fermi import film_offset_V
from falsemetal.potentials.charges.iterative import PeriodicSystem, equilibrated_charges
from falsemetal.potentials.graph import Graph, Surroundings
from falsemetal.systems.boundary import PERIODICITY, Boundary

DENSE_UP_TO_ATOMS = 600
"""A matrix is faster up to some number between 384 and 1260."""

ROUNDING_E = 1e-6
"""Total charge of a film that is taken for zero."""

TOLERANCE_V = 1e-5
"""At which charges are within 10⁻⁶ e, and the energy, stationary in them, far closer."""


@dataclass(frozen=True)
class Response:
    """Charges (n,) in e, energies (g,) and Fermi levels (g,) in eV, float64.

    The energy is χ·q + ½ J q² + ½ q·A·q + v·q at its minimum. Fermi levels count from the vacuum in
    clusters, from the mean of the two vacua in films, and from the mean potential in bulk.
    """

    charges: Tensor
    energies: Tensor
    fermi_levels_eV: Tensor


def check_surroundings(surroundings: Surroundings, cell: Tensor) -> None:
    """Raise an ElectrostaticsError where no charges are defined.

    Those are a charged or oblique film, and a field along a periodic direction; row i of the cell
    is the i-th lattice vector.
    """
    boundary, field = surroundings.boundary, surroundings.field_V_per_A
    total = torch.tensor([surroundings.total_charge_e])
    check_slab(total, cell, slab=boundary is Boundary.FILM, tolerance_e=ROUNDING_E)
    periodic = PERIODICITY.get(boundary, (False,) * 3)
    along = [axis for axis, value, p in zip("xyz", field, periodic, strict=True) if p and value]
    if along:
        raise ElectrostaticsError(
            f"external_field is {field.tolist()} V/Å, but along {', '.join(along)} the system is "
            "periodic, where a field has no potential; apply it along z of a film, or to a cluster"
        )


class Equilibration:
    """Solver for Gaussian charges of one width σ.

    Beyond 600 atoms, where no weights are trained, it iterates until no atom's potential is off by
    more than a tolerance in V.
    """

    def __init__(
        self,
        smearing_A: float,
        kspace_cutoff_factor: float = 1.25,
        *,
        tolerance_V: float = TOLERANCE_V,
    ) -> None:
        # it sets the cutoff, and gives the energy on the mesh
        self.term = MultipoleElectrostatics(
            smearing_A, 0, kspace_cutoff_factor, self_interaction=True
        )
        self.smearing_A, self.cutoff_per_A = smearing_A, self.term.cutoff_per_A
        self._tolerance_V = tolerance_V

    def respond(
        self,
        graph: Graph,
        electronegativity: Tensor,
        hardness: Tensor,
        *,
        training: bool,
        follow_charges: bool,
    ) -> Response:
        """Charges of least energy, from electronegativity χ (V) and hardness J (eV/e²), both (n,).

        Energies are differentiable once, and in training to any order. Charges are differentiable
        in training, or if they are to be followed: by what depends on them beside this energy.
        """
        applied = -(graph.field_V_per_A[graph.batch] * graph.positions).sum(1)
        potentials = electronegativity.double() + applied
        hardness = hardness.double()
        large = len(potentials) > DENSE_UP_TO_ATOMS and graph.n_graphs == 1
        if large and not training and not bool(graph.isolated[0]):
            charges, multipliers, energies = self._iterate(
                graph, potentials, hardness, follow_charges=follow_charges
            )
        else:
            charges, multipliers, energies = self._solve_densely(
                graph, potentials, hardness, follow_charges=training or follow_charges
            )
        return self.completed(graph, charges, multipliers, energies)

    def _solve_densely(
        self, graph: Graph, potentials: Tensor, hardness: Tensor, *, follow_charges: bool
    ) -> tuple[Tensor, Tensor, Tensor]:
        sizes = torch.bincount(graph.batch, minlength=graph.n_graphs)
        parts = sizes.tolist()
        with torch.set_grad_enabled(follow_charges and torch.is_grad_enabled()):
            matrices = [
                self._coulomb_matrix(graph, index, positions) + own.diag()
                for index, (positions, own) in enumerate(
                    zip(graph.positions.split(parts), hardness.split(parts), strict=True)
                )
            ]
            place = torch.arange(max(parts), device=sizes.device)
            is_atom = place < sizes[:, None]
            padded = potentials.new_zeros(is_atom.shape).masked_scatter(is_atom, potentials)
            found = equilibrate(
                pad(matrices), padded, is_atom.double()[..., None], graph.total_charge_e[:, None]
            )
        charges, energies = found.charges[is_atom], found.energy
        if not follow_charges:
            energies = self._energies_at(graph, charges, potentials, hardness)
        return charges, found.multipliers[:, 0], energies

    def _energies_at(
        self, graph: Graph, charges: Tensor, potentials: Tensor, hardness: Tensor
    ) -> Tensor:
        """Energies, shape (g,), at charges that stand still: at the minimum none depends on them.

        Far cheaper to differentiate than matrices.
        """
        local = potentials * charges + 0.5 * hardness * charges.square()
        total = local.new_zeros(graph.n_graphs).index_add(0, graph.batch, local)
        sizes = torch.bincount(graph.batch, minlength=graph.n_graphs).tolist()
        systems = zip(charges.split(sizes), graph.positions.split(sizes), strict=True)
        coulomb = [
            self._coulomb_energy(graph, index, own, positions)
            for index, (own, positions) in enumerate(systems)
        ]
        return total + torch.stack(coulomb)

    def _coulomb_energy(
        self, graph: Graph, index: int, charges: Tensor, positions: Tensor
    ) -> Tensor:
        if bool(graph.isolated[index]):
            energy: Tensor = 0.5 * charges @ self._coulomb_matrix(graph, index, positions) @ charges
            return energy
        large = len(charges) > DENSE_UP_TO_ATOMS
        return coulomb_energy(
            self.term,
            charges,
            None,
            positions,
            graph.cells[index],
            slab=bool(graph.slab[index]),
            mesh=True if large else None,
        )

    def _coulomb_matrix(self, graph: Graph, index: int, positions: Tensor) -> Tensor:
        if bool(graph.isolated[index]):
            return open_matrix(positions, torch.full_like(positions[:, 0], self.smearing_A))
        return periodic_matrix(
            positions,
            graph.cells[index],
            smearing_A=self.smearing_A,
            cutoff_per_A=self.cutoff_per_A,
            film=bool(graph.slab[index]),
        )

    def _iterate(
        self, graph: Graph, potentials: Tensor, hardness: Tensor, *, follow_charges: bool
    ) -> tuple[Tensor, Tensor, Tensor]:
        system = PeriodicSystem(
            graph.cells[0], self.smearing_A, self.cutoff_per_A, bool(graph.slab[0])
        )
        solver = system.solver(
            graph.positions.detach(),
            hardness.detach(),
            graph.batch,
            tolerance_V=self._tolerance_V,
        )
        start = (graph.total_charge_e / len(potentials)).expand_as(potentials)
        if follow_charges:
            charges, multipliers = equilibrated_charges(
                system, solver, graph.positions, potentials, hardness, start
            )
        else:
            found = solver.solve(potentials.detach(), start)
            charges, multipliers = found.charges, found.multipliers
        held = charges.detach()
        return charges, multipliers, self._energies_at(graph, held, potentials, hardness)

    def completed(
        self, graph: Graph, charges: Tensor, multipliers: Tensor, energies: Tensor
    ) -> Response:
        """Add the uniform background of charged cells, and count from the vacuum.

        Multipliers λ, shape (g,), in eV are those of the Coulomb sum.
        """
        sizes = torch.bincount(graph.batch, minlength=graph.n_graphs).tolist()
        levels, further = [], []
        systems = zip(charges.split(sizes), graph.positions.split(sizes), strict=True)
        for index, (own, positions) in enumerate(systems):
            level, extra = multipliers[index], torch.zeros_like(energies[index])
            cell, total = graph.cells[index], graph.total_charge_e[index]
            if bool(graph.slab[index]):
                volume = torch.linalg.det(cell.double()).abs()
                level = level + film_offset_V(own, None, positions, volume)
            elif not bool(graph.isolated[index]):
                background = uniform_background(self.smearing_A, cell)
                level = level - background * total
                extra = 0.5 * background * total.square()
            levels.append(level)
            further.append(extra)
        return Response(charges, energies + torch.stack(further), torch.stack(levels))


def dipoles_of(graph: Graph, charges: Tensor, dipoles: Tensor | None = None) -> Tensor:
    """Dipoles in e·Å, shape (g, 3), from − to +, NaN along directions that are periodic.

    Along those they depend on where molecules are cut. Charges, shape (n,), are in e, dipoles of
    atoms, shape (n, 3), in e·Å.
    """
    moments = charges[:, None] * graph.positions
    if dipoles is not None:
        moments = moments + dipoles
    total = moments.new_zeros(graph.n_graphs, 3).index_add(0, graph.batch, moments)
    return total.masked_fill(periodic_directions(graph), torch.nan)


def periodic_directions(graph: Graph) -> Tensor:
    """Whether x, y and z are periodic, shape (g, 3)."""
    return torch.stack([~graph.isolated, ~graph.isolated, ~(graph.isolated | graph.slab)], 1)
