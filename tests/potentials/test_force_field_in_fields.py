"""The force field in a field along z: energies, forces, charges, what a conductor makes of it."""

import math

import numpy as np
import pytest
import torch
from ase import Atoms
from interfaces import CONDUCTOR, INTERFACES, TEMPERATURE_K, copper, equilibrated

from falsemetal.arrays import FloatArray
from falsemetal.datasets.labelling import label_frames
from falsemetal.electrostatics.matrix import periodic_matrix
from falsemetal.electrostatics.reciprocal import kspace_cutoff
from falsemetal.potentials.charges.equilibration import equilibrate as equilibrate_charges
from falsemetal.potentials.force_field.calculator import ForceFieldCalculator
from falsemetal.potentials.force_field.capacitor import PLATES
from falsemetal.potentials.force_field.equilibration import equilibrate
from falsemetal.potentials.force_field.settings import Ion, WaterForceField
from falsemetal.potentials.force_field.single_point import SinglePoint, evaluate
from falsemetal.potentials.force_field.solids import COPPER
from falsemetal.potentials.force_field.topology import UnsupportedStructureError
from falsemetal.systems.interface import water_on
from falsemetal.systems.water import cubic_cell, water_box, water_slab
from falsemetal.units import EPSILON_0, water_number_density

FIELD_V_PER_A, STRONG_V_PER_A = 0.02, 0.2
STEP_A, STEP_V_PER_A = 1e-3, 0.01
FORCE_TOLERANCE_EV_PER_A = 4e-5
DIPOLE_TOLERANCE_E_A, ENERGY_TOLERANCE_EV = 1e-5, 1e-4
CHARGE_TOLERANCE_E, POTENTIAL_TOLERANCE_V = 2e-5, 5e-4
"""Of a conductor by LAMMPS' conjugate gradients."""

FILMS = ("frozen metal", "moving metal", "rutile", "water")


def film(name: str) -> tuple[Atoms, WaterForceField]:
    if name == "water":
        return water_slab(24, cross_section_A=9.3, cell_height_A=40.0, seed=1), CONDUCTOR
    return equilibrated(name).atoms, INTERFACES[name][1]


def in_field(
    atoms: Atoms, field_V_per_A: float, force_field: WaterForceField = CONDUCTOR
) -> SinglePoint:
    atoms = atoms.copy()
    atoms.info["external_field"] = [0.0, 0.0, field_V_per_A]
    return evaluate(atoms, force_field)


@pytest.mark.parametrize("name", FILMS)
def test_forces_and_dipole_are_minus_the_gradients(name) -> None:
    atoms, force_field = film(name)
    found = in_field(atoms, STRONG_V_PER_A, force_field)
    rng = np.random.default_rng(1)
    for atom in (0, len(atoms) // 3, len(atoms) - 35, len(atoms) - 1):
        direction = rng.normal(size=3)
        direction /= np.linalg.norm(direction)
        energies = []
        for sign in (1.0, -1.0):
            moved = atoms.copy()
            moved.positions[atom] += sign * STEP_A * direction
            energies.append(in_field(moved, STRONG_V_PER_A, force_field).energy_eV)
        slope = (energies[1] - energies[0]) / (2.0 * STEP_A)
        assert slope == pytest.approx(found.forces[atom] @ direction, abs=FORCE_TOLERANCE_EV_PER_A)
    assert np.abs(found.forces.sum(axis=0)).max() < 1e-6
    up, down = (
        in_field(atoms, STRONG_V_PER_A + sign * STEP_V_PER_A, force_field).energy_eV
        for sign in (1.0, -1.0)
    )
    dipole = found.dipole(atoms)
    assert np.isnan(dipole[:2]).all()
    slope = (down - up) / (2.0 * STEP_V_PER_A)
    assert slope == pytest.approx(dipole[2], abs=DIPOLE_TOLERANCE_E_A)


def test_a_field_turned_round_does_to_a_film_what_it_does_upside_down() -> None:
    atoms = equilibrated("frozen metal").atoms
    turned = atoms.copy()
    turned.positions[:, 1:] *= -1.0
    turned.positions[:, 2] += atoms.cell.lengths()[2]
    one, other = in_field(atoms, STRONG_V_PER_A), in_field(turned, -STRONG_V_PER_A)
    assert other.energy_eV == pytest.approx(one.energy_eV, abs=ENERGY_TOLERANCE_EV)
    np.testing.assert_allclose(other.charges, one.charges, atol=CHARGE_TOLERANCE_E)


def test_a_bare_metal_is_a_plate_capacitor() -> None:
    """Its outer layers carry ±ε0 E, but for what atoms are no planes, and those within nothing."""
    metal = copper(4).slab()
    metal.cell[2, 2] = 40.0
    metal.positions[:, 2] += 15.0
    metal.pbc = (True, True, False)
    x, y = metal.cell.lengths()[:2]
    by_layer = in_field(metal, STRONG_V_PER_A).charges.reshape(4, -1).sum(axis=1)
    of_planes = EPSILON_0 * STRONG_V_PER_A * x * y
    np.testing.assert_allclose(by_layer / of_planes, [-1.0, 0.0, 0.0, 1.0], atol=0.02)


def coulomb_matrix(atoms: Atoms) -> FloatArray:
    """Of Gaussians as wide as the metal's, which no atom of the water reaches."""
    width_A = 1.0 / (math.sqrt(2.0) * COPPER.gaussian_per_A)
    matrix = periodic_matrix(
        torch.tensor(atoms.positions),
        torch.tensor(atoms.cell.array),
        smearing_A=width_A,
        cutoff_per_A=kspace_cutoff(width_A, 0, 1.5),
        film=True,
    )
    return np.asarray(matrix.numpy())


@pytest.mark.parametrize("field_V_per_A", [0.0, FIELD_V_PER_A, STRONG_V_PER_A])
def test_charges_of_a_conductor_are_those_of_an_independent_matrix(field_V_per_A) -> None:
    atoms = equilibrated("frozen metal").atoms
    found = in_field(atoms, field_V_per_A).charges
    matrix, metal = coulomb_matrix(atoms), np.array(atoms.symbols) == "Cu"
    water = np.where(metal, 0.0, found)
    applied = matrix @ water - field_V_per_A * atoms.positions[:, 2]
    expected = equilibrate_charges(
        torch.tensor(matrix[metal][:, metal])[None],
        torch.tensor(applied[metal])[None],
        torch.ones(1, metal.sum(), 1).double(),
        torch.zeros(1, 1).double(),
    ).charges[0]
    np.testing.assert_allclose(found[metal], expected, atol=CHARGE_TOLERANCE_E)


def test_a_field_ends_in_the_metal_and_is_whole_in_water_at_rest() -> None:
    """On 120 copper atoms with 64 molecules: each layer at one potential, no slope but in water."""
    surface, n_molecules = copper(4, (5, 6)), 64
    x, y = surface.edges_A
    thickness_A = n_molecules / water_number_density(1.0) / (x * y)
    start = water_on(
        surface, n_molecules, layer_A=thickness_A, contact_A=2.2, vacuum_A=20.0, seed=1
    )
    settings = {"temperature_K": TEMPERATURE_K, "duration_ps": 0.2, "seed": 2}
    atoms = equilibrate(start, CONDUCTOR, **settings).atoms
    metal, z = np.array(atoms.symbols) == "Cu", atoms.positions[:, 2]
    assert metal.sum() == 120
    matrix, charges = coulomb_matrix(atoms), in_field(atoms, FIELD_V_PER_A).charges
    felt = matrix @ charges - FIELD_V_PER_A * z
    layers = felt[metal].reshape(4, -1).mean(axis=1)
    bare_drop_V = FIELD_V_PER_A * np.ptp(z[metal])
    assert bare_drop_V == pytest.approx(0.125, abs=1e-3)
    assert np.ptp(layers) < POTENTIAL_TOLERANCE_V
    assert np.ptp(felt[metal]) < 2.0 * POTENTIAL_TOLERANCE_V
    # what the field changes: charges of the metal alone, as those of the water are fixed
    change = felt - matrix @ in_field(atoms, 0.0).charges
    slope = np.polyfit(z[~metal], change[~metal], 1)[0]
    assert -slope / FIELD_V_PER_A == pytest.approx(1.0, abs=1e-3)


def test_the_calculator_follows_the_field_and_tells_charges_and_dipole() -> None:
    atoms = equilibrated("frozen metal").atoms.copy()
    atoms.calc = ForceFieldCalculator(CONDUCTOR)
    bare = atoms.get_potential_energy()
    atoms.info["external_field"] = [0.0, 0.0, FIELD_V_PER_A]
    expected = in_field(atoms, FIELD_V_PER_A)
    assert atoms.get_potential_energy() == expected.energy_eV != bare
    assert np.array_equal(atoms.get_charges(), expected.charges)
    assert atoms.get_dipole_moment()[2] == pytest.approx(expected.charges @ atoms.positions[:, 2])
    (labelled,) = label_frames([atoms], CONDUCTOR, charges=True)
    assert labelled.info["REF_energy"] == expected.energy_eV
    assert np.array_equal(labelled.arrays["REF_charges"], expected.charges)
    assert labelled.info["REF_dipole"].tolist() == [0.0, 0.0, expected.dipole(atoms)[2]]


@pytest.mark.parametrize("field", [[0.01, 0.0, 0.0], [0.0, 0.0, 0.01]])
def test_a_field_along_a_periodic_direction_is_refused(field) -> None:
    atoms = water_box(8, cell_lengths_A=cubic_cell(8, 1.0), seed=1)
    atoms.info["external_field"] = field
    with pytest.raises(UnsupportedStructureError, match="one along z of a film"):
        evaluate(atoms, CONDUCTOR)


def test_a_field_that_is_no_number_is_refused() -> None:
    with pytest.raises(UnsupportedStructureError, match="which is not finite"):
        in_field(film("water")[0], math.nan)


def test_a_total_charge_is_refused_as_charges_sum_to_zero() -> None:
    atoms = film("water")[0]
    atoms.info["total_charge"] = 1.0
    with pytest.raises(UnsupportedStructureError, match="total_charge is 1 e"):
        evaluate(atoms, CONDUCTOR)


def test_plates_need_two_elements_that_the_force_field_does_not_know() -> None:
    inert = Ion(charge_e=0.0, epsilon_kcal_per_mol=0.1, sigma_A=3.0)
    taken = dict.fromkeys(PLATES[1:], inert)
    crowded = CONDUCTOR.model_copy(update={"ions": CONDUCTOR.ions | taken})
    with pytest.raises(UnsupportedStructureError, match="all but one of He"):
        in_field(film("frozen metal")[0], FIELD_V_PER_A, crowded)
