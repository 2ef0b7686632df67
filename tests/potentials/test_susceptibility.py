"""Multipoles that answer locally, against closed forms, and beside a metal."""

import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from ase import Atoms
from ase.build import fcc111
from ase.neighborlist import neighbor_list
from torch import Tensor

from falsemetal.electrostatics.matrix import open_matrix, periodic_matrix
from falsemetal.electrostatics.multipoles import MultipoleElectrostatics
from falsemetal.potentials.charges.equilibration import EquilibrationError, equilibrate
from falsemetal.potentials.charges.fixed_point import FixedPointError, Search, fixed_point
from falsemetal.potentials.charges.local_response import Multipoles, Structure, answer
from falsemetal.potentials.charges.susceptibility import (
    Susceptibility,
    solve_densely,
    solve_iteratively,
)
from falsemetal.systems.water import water_slab
from falsemetal.units import COULOMB, EPSILON_0

FIELD_V_PER_A = 0.02


def bonds(pairs: Tensor, strength_e2_per_eV: float, **rest: Tensor | None) -> Susceptibility:
    """Edges both ways between pairs of atoms, shape (m, 2)."""
    both = torch.cat([pairs, pairs.flip(1)])
    strengths = torch.full((len(both),), strength_e2_per_eV, dtype=torch.float64)
    return Susceptibility(both[:, 0], both[:, 1], strengths, **rest)


def no_bonds(**rest: Tensor | None) -> Susceptibility:
    return bonds(torch.zeros(0, 2, dtype=torch.int64), 0.0, **rest)


def structure_of(atoms: Atoms, *, smearing_A: float, field_V_per_A: float = 0.0) -> Structure:
    return Structure(
        MultipoleElectrostatics(smearing_A, 1, self_interaction=True),
        torch.tensor(atoms.positions),
        torch.tensor(atoms.cell.array),
        film=bool(atoms.pbc[0] and not atoms.pbc[2]),
        isolated=not atoms.pbc.any(),
        total_charge_e=torch.zeros((), dtype=torch.float64),
        field_V_per_A=torch.tensor([0.0, 0.0, field_V_per_A], dtype=torch.float64),
    )


def neutral(atoms: Atoms) -> Multipoles:
    return Multipoles(torch.zeros(len(atoms), dtype=torch.float64), None)


@pytest.mark.parametrize("alpha_A3", [0.5, 2.0, 4.0])
def test_polarisable_points_on_a_cubic_lattice(alpha_A3) -> None:
    """Clausius and Mossotti: (ε − 1)/(ε + 2) = α/(3 ε0 v), less the field of a Gaussian's own."""
    edge, smearing = 3.5, 0.6
    atoms = Atoms("Ar27", pbc=True, cell=3 * edge * np.eye(3))
    atoms.positions = edge * np.array(list(np.ndindex(3, 3, 3)))
    alpha = 4.0 * math.pi * EPSILON_0 * alpha_A3
    susceptibility = no_bonds(polarisabilities=torch.full((27,), alpha, dtype=torch.float64))
    structure = structure_of(atoms, smearing_A=smearing, field_V_per_A=FIELD_V_PER_A)
    found = answer(structure, neutral(atoms), susceptibility, follow=False, tolerance_e=1e-10)
    dipole = float(found.multipoles.dipoles[:, 2].mean())
    permittivity = 1.0 + dipole / (edge**3 * EPSILON_0 * FIELD_V_PER_A)
    own_field = COULOMB / (6.0 * math.sqrt(math.pi) * smearing**3)
    effective = alpha / (1.0 + alpha * own_field)
    density = effective / (3.0 * EPSILON_0 * edge**3)
    expected = (1.0 + 2.0 * density) / (1.0 - density)
    assert permittivity == pytest.approx(expected, rel=0.01)


@pytest.mark.parametrize("strength_e2_per_eV", [0.02, 0.1])
def test_field_inside_a_lattice_of_bonds(strength_e2_per_eV) -> None:
    """ε = 1 + s/(ε0 a) of bonds s on a cubic lattice a, whatever the thickness of the film."""
    edge = 3.0
    for layers in (9, 17):
        atoms = Atoms(pbc=(True, True, False), cell=[2 * edge, 2 * edge, layers * edge + 20.0])
        sites = np.array(list(np.ndindex(2, 2, layers)))
        atoms += Atoms(f"Ar{len(sites)}", edge * sites)
        i, j = neighbor_list("ij", atoms, 1.01 * edge)
        pairs = torch.tensor(np.stack([i, j], 1)[i < j])
        structure = structure_of(atoms, smearing_A=1.0, field_V_per_A=FIELD_V_PER_A)
        found = answer(
            structure,
            neutral(atoms),
            bonds(pairs, strength_e2_per_eV),
            follow=False,
            tolerance_e=1e-10,
        )
        of_layers = found.potentials[:, 0].view(4, layers).mean(0)
        middle = layers // 2
        inside = -float(of_layers[middle + 1] - of_layers[middle - 1]) / (2.0 * edge)
        expected = FIELD_V_PER_A / (1.0 + strength_e2_per_eV / (EPSILON_0 * edge))
        assert inside == pytest.approx(expected, rel=0.01)


def test_one_conductor_is_charge_equilibration() -> None:
    """S of a conductor alone, with q_loc = −χ/J: the charges of kind qeq."""
    atoms = water_slab(8, cross_section_A=9.0, cell_height_A=30.0, seed=0)
    structure = structure_of(atoms, smearing_A=1.0, field_V_per_A=FIELD_V_PER_A)
    generator = torch.Generator().manual_seed(0)
    n = len(atoms)
    hardness = 4.0 + 8.0 * torch.rand(n, generator=generator, dtype=torch.float64)
    local = 0.5 * torch.randn(n, generator=generator, dtype=torch.float64)
    local = local - local.sum() / (hardness * (1.0 / hardness).sum())
    matrix = periodic_matrix(
        structure.positions,
        structure.cell,
        smearing_A=1.0,
        cutoff_per_A=structure.term.cutoff_per_A,
        film=True,
    )
    applied = structure.applied(1)[:, 0]
    expected = equilibrate(
        (matrix + hardness.diag())[None],
        (-hardness * local + applied)[None],
        torch.ones(1, n, 1, dtype=torch.float64),
        torch.zeros(1, 1, dtype=torch.float64),
    )
    susceptibility = no_bonds(mobilities=1.0 / hardness)
    for follow in (True, False):
        found = answer(
            structure, Multipoles(local, None), susceptibility, follow=follow, tolerance_e=1e-11
        )
        charges = found.multipoles.charges
        torch.testing.assert_close(charges, expected.charges[0], rtol=0.0, atol=1e-8)
        # their energies differ by that of the local charges, ½ J q_loc²
        own = 0.5 * (hardness * local.square()).sum()
        assert float(found.energy - own) == pytest.approx(float(expected.energy), abs=1e-9)


def test_a_charged_conductor_is_charge_equilibration() -> None:
    """What it holds costs χ and J, too: energies and levels of kind qeq at any total charge."""
    atoms = fcc111("Cu", (2, 2, 3), a=3.61)
    atoms.pbc = False
    hardness = torch.linspace(3.0, 6.0, len(atoms), dtype=torch.float64)
    mobilities, electronegativity_V = 1.0 / hardness, 4.5
    positions = torch.tensor(atoms.positions)
    matrix = open_matrix(positions, torch.full_like(hardness, 0.8)) + hardness.diag()
    for total_e in (1.0, -2.0):
        held = torch.tensor(total_e, dtype=torch.float64)
        structure = replace(structure_of(atoms, smearing_A=0.8), total_charge_e=held)
        expected = equilibrate(
            matrix[None],
            torch.full((1, len(atoms)), electronegativity_V, dtype=torch.float64),
            torch.ones(1, len(atoms), 1, dtype=torch.float64),
            held[None, None],
        )
        found = answer(
            structure,
            Multipoles(held * mobilities / mobilities.sum(), None),
            no_bonds(mobilities=mobilities),
            follow=True,
            held_e=held,
            electronegativity_V=electronegativity_V,
        )
        torch.testing.assert_close(found.multipoles.charges, expected.charges[0])
        assert float(found.energy) == pytest.approx(float(expected.energy), abs=1e-9)
        level = float(expected.multipliers)
        assert float(found.fermi_level_eV) == pytest.approx(level, abs=1e-9)


def metal_and_water(n_molecules: int) -> Atoms:
    """Water on Cu(111) of 120 atoms, some 3 Å apart."""
    metal = fcc111("Cu", (5, 6, 4), a=3.61, orthogonal=True)
    x, y = metal.cell.lengths()[:2]
    side = float(np.sqrt(x * y))
    water = water_slab(n_molecules, cross_section_A=side, cell_height_A=80.0, seed=1)
    fractions = water.cell.scaled_positions(water.positions)
    water.positions[:, :2] = fractions[:, :2] * np.array([x, y])
    _keep_bonds(water, x, y)
    water.positions[:, 2] += metal.positions[:, 2].max() + 3.0 - water.positions[:, 2].min()
    both = metal + water
    both.cell[2] = [0.0, 0.0, both.positions[:, 2].max() + 40.0]
    both.pbc = (True, True, False)
    return both


def _keep_bonds(water: Atoms, x: float, y: float) -> None:
    """Give stretched molecules the shape back that they had."""
    edge = float(water.cell[0, 0])
    molecules = water.positions.reshape(-1, 3, 3)
    scale = np.array([x, y]) / edge
    arms = molecules[:, 1:] - molecules[:, :1]
    arms[..., :2] /= scale
    molecules[:, 1:] = molecules[:, :1] + arms
    water.positions = molecules.reshape(-1, 3)


def charges_of_water(atoms: Atoms) -> Multipoles:
    table = {"O": -0.8, "H": 0.4, "Cu": 0.0}
    charges = [table[symbol] for symbol in atoms.symbols]
    return Multipoles(torch.tensor(charges, dtype=torch.float64), None)


@pytest.mark.parametrize("n_molecules", [64, 160])
def test_a_metal_and_water_in_a_field(n_molecules) -> None:
    """The metal is equipotential, the water a dielectric; a few steps find both."""
    atoms = metal_and_water(n_molecules)
    metal = torch.tensor(atoms.symbols == "Cu")
    mobilities = torch.where(metal, 1.0 / 3.83, 0.0).double()
    oxygen = torch.tensor(np.flatnonzero(atoms.symbols == "O"))
    pairs = torch.cat([torch.stack([oxygen, oxygen + k], 1) for k in (1, 2)])
    susceptibility = bonds(pairs, 1.0 / 4.0, mobilities=mobilities)
    local = charges_of_water(atoms)
    found = [
        answer(
            structure_of(atoms, smearing_A=1.0, field_V_per_A=sign * FIELD_V_PER_A),
            local,
            susceptibility,
            follow=False,
            tolerance_e=1e-8,
        )
        for sign in (1.0, -1.0)
    ]
    change = 0.5 * (found[0].potentials - found[1].potentials)[:, 0]
    moved = 0.5 * (found[0].multipoles.charges - found[1].multipoles.charges)
    assert float(moved[metal].sum()) == pytest.approx(0.0, abs=1e-12)
    assert float(moved.sum()) == pytest.approx(0.0, abs=1e-12)
    height = torch.tensor(atoms.positions[:, 2])
    layers = height[metal].unique().round(decimals=3).unique()
    of_layers = [change[metal & ((height - z).abs() < 0.1)].mean() for z in layers]
    bare = FIELD_V_PER_A * float(layers[-1] - layers[0])
    # what screening by an atom layer of this hardness leaves: 6.4 of 126 mV
    assert max(of_layers) - min(of_layers) < 0.055 * bare
    electrons = (change + moved * 3.83)[metal]
    assert float(electrons.max() - electrons.min()) < 1e-6
    # away from the faces
    inside = ~metal & (height > layers[-1] + 5.0) & (height < height.max() - 3.0)
    slope = float(np.polyfit(height[inside], change[inside], 1)[0])
    assert 0.5 < -slope / FIELD_V_PER_A < 0.62


@pytest.mark.parametrize("n_molecules", [64, 160])
def test_steps_that_a_metal_takes(n_molecules) -> None:
    atoms = metal_and_water(n_molecules)
    structure = structure_of(atoms, smearing_A=1.0, field_V_per_A=FIELD_V_PER_A)
    metal = torch.tensor(atoms.symbols == "Cu")
    mobilities = torch.where(metal, 1.0 / 3.83, 0.0).double()
    susceptibility = no_bonds(mobilities=mobilities)
    felt = structure.potential(charges_of_water(atoms)) + structure.applied(1)

    def coulomb(moved: Tensor) -> Tensor:
        return structure.potential(Multipoles(moved[:, 0], None))

    found = solve_iteratively(susceptibility, coulomb, felt, tolerance_e=1e-5)
    assert found.iterations <= 20
    with pytest.raises(EquilibrationError, match="after 2 steps one is off by"):
        solve_iteratively(susceptibility, coulomb, felt, max_iterations=2)


def test_a_local_answer_is_a_linear_fixed_point() -> None:
    """Beside a metal Anderson's method finds what mixing of 0.1 does not."""
    atoms = metal_and_water(64)
    structure = structure_of(atoms, smearing_A=1.0, field_V_per_A=FIELD_V_PER_A)
    oxygen = torch.tensor(np.flatnonzero(atoms.symbols == "O"))
    pairs = torch.cat([torch.stack([oxygen, oxygen + k], 1) for k in (1, 2)])
    metal = torch.tensor(atoms.symbols == "Cu")
    mobilities = torch.where(metal, 1.0 / 3.83, 0.0).double()
    susceptibility = bonds(pairs, 0.25, mobilities=mobilities)
    local = charges_of_water(atoms)

    def react(charges: Tensor) -> Tensor:
        felt = structure.potential(Multipoles(charges, None)) + structure.applied(1)
        return local.charges - susceptibility.apply(felt)[:, 0]

    expected = answer(structure, local, susceptibility, follow=False, tolerance_e=1e-11)
    found = fixed_point(react, local.charges, (), search=Search(method="anderson"))
    charges = expected.multipoles.charges
    torch.testing.assert_close(found.values, charges, rtol=0.0, atol=1e-7)
    with pytest.raises(FixedPointError):
        fixed_point(react, local.charges, (), search=Search(method="mixing", mixing=0.1))


def test_sums_and_matrices_are_the_same() -> None:
    """Of all that answers at once, in the shapes of charges and of dipoles."""
    generator = torch.Generator().manual_seed(1)
    n = 12

    def random(*shape: int) -> Tensor:
        return torch.rand(*shape, generator=generator, dtype=torch.float64)

    positions, widths = 6.0 * random(n, 3), 0.5 + random(n)
    pairs = torch.randint(0, n, (20, 2), generator=generator)
    mobilities = torch.where(torch.arange(n) < 5, random(n), 0.0)
    for alpha in (None, random(n)):
        susceptibility = bonds(pairs, 0.3, mobilities=mobilities, polarisabilities=alpha)
        columns = 1 if alpha is None else 4
        felt = random(n, columns)
        matrix = susceptibility.matrix(n)
        flat = matrix @ felt.flatten()
        torch.testing.assert_close(flat.view(n, columns), susceptibility.apply(felt))
        torch.testing.assert_close(susceptibility.energy(felt), 0.5 * felt.flatten() @ flat)
        torch.testing.assert_close(matrix, matrix.T)
        assert float(torch.linalg.eigvalsh(matrix)[0]) > -1e-12
        coulomb = open_matrix(positions, widths, dipoles=alpha is not None)
        dense = solve_densely(susceptibility, coulomb, felt)
        steps = solve_iteratively(
            susceptibility,
            lambda p, a=coulomb: (a @ p.flatten()).view(p.shape),
            felt,
            tolerance_e=1e-11,
        )
        torch.testing.assert_close(steps.values, dense, rtol=0.0, atol=1e-9)
