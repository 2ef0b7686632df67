"""Energies and forces of the force field against formulas and an independent Ewald sum."""

import os
import subprocess
import sys

import numpy as np
import pytest
from ase import Atoms
from matscipy.neighbours import neighbour_list
from scipy.special import erfc

from falsemetal.datasets.labelling import label_frames
from falsemetal.potentials.force_field.settings import DampedShiftedCoulomb, WaterForceField
from falsemetal.potentials.force_field.topology import UnsupportedStructureError
from falsemetal.systems import brine_box, cubic_cell, water_box, water_slab
from falsemetal.units import COULOMB, KCAL_PER_MOL, KJ_PER_MOL

FORCE_FIELD = WaterForceField()
ENERGY_TOLERANCE_EV = 5e-5
"""Of a box of some 30 atoms, at the accuracy of labels."""
FORCE_TOLERANCE_EV_PER_A = 5e-5


def label(atoms: Atoms, force_field: WaterForceField = FORCE_FIELD) -> Atoms:
    return label_frames([atoms], force_field)[0]


def shaken(atoms: Atoms, seed: int = 5) -> Atoms:
    atoms.positions += np.random.default_rng(seed).normal(scale=0.05, size=atoms.positions.shape)
    return atoms


def bonded_energy_eV(atoms: Atoms) -> float:
    energy = 0.0
    for o in np.flatnonzero(atoms.numbers == 8):
        arms = atoms.positions[[o + 1, o + 2]] - atoms.positions[o]
        lengths = np.linalg.norm(arms, axis=1)
        angle = np.arccos(arms[0] @ arms[1] / lengths.prod())
        stretch = (lengths - FORCE_FIELD.bond_length_A) / 10.0
        bend = angle - np.radians(FORCE_FIELD.angle_deg)
        energy += 0.5 * FORCE_FIELD.bond_k_kJ_per_mol_nm2 * (stretch**2).sum() * KJ_PER_MOL
        energy += 0.5 * FORCE_FIELD.angle_k_kJ_per_mol_rad2 * bend**2 * KJ_PER_MOL
    return energy


def lennard_jones_energy_eV(atoms: Atoms) -> float:
    parameters = {"O": (FORCE_FIELD.epsilon_OO_kcal_per_mol, FORCE_FIELD.sigma_OO_A)} | {
        name: (ion.epsilon_kcal_per_mol, ion.sigma_A) for name, ion in FORCE_FIELD.ions.items()
    }
    heavy = atoms[atoms.numbers != 1]
    epsilon, sigma = np.array([parameters[symbol] for symbol in heavy.symbols]).T
    i, j, d = neighbour_list("ijd", heavy, FORCE_FIELD.cutoff_A)
    epsilons, sigmas = np.sqrt(epsilon[i] * epsilon[j]), 0.5 * (sigma[i] + sigma[j])

    def pair(distance):
        ratio = (sigmas / distance) ** 6
        return 4.0 * epsilons * (ratio**2 - ratio)

    return 0.5 * np.sum(pair(d) - pair(FORCE_FIELD.cutoff_A)) * KCAL_PER_MOL


def charges_e(atoms: Atoms) -> np.ndarray:
    table = {"O": -0.8476, "H": 0.4238, "Na": 1.0, "Cl": -1.0}
    return np.array([table[symbol] for symbol in atoms.symbols])


def ewald_energy_eV(atoms: Atoms, alpha: float = 0.45, cutoff_A: float = 12.5) -> float:
    """Tin-foil Ewald sum over all pairs, less those within a molecule."""
    q = charges_e(atoms)
    i, j, d = neighbour_list("ijd", atoms, cutoff_A)
    energy = 0.5 * np.sum(q[i] * q[j] * erfc(alpha * d) / d) - alpha / np.sqrt(np.pi) * q @ q
    n = np.arange(-8, 9)
    grid = np.stack(np.meshgrid(n, n, n, indexing="ij"), axis=-1).reshape(-1, 3)
    k = 2.0 * np.pi * grid[np.any(grid != 0, axis=1)] / atoms.cell.lengths()
    k2 = (k**2).sum(axis=1)
    structure = np.abs(np.exp(1j * k @ atoms.positions.T) @ q) ** 2
    volume = atoms.get_volume()
    energy += 2.0 * np.pi / volume * np.sum(np.exp(-k2 / (4.0 * alpha**2)) / k2 * structure)
    for o in np.flatnonzero(atoms.numbers == 8):
        for a, b in ((o, o + 1), (o, o + 2), (o + 1, o + 2)):
            energy -= q[a] * q[b] / np.linalg.norm(atoms.positions[a] - atoms.positions[b])
    return energy * COULOMB


def test_bond_and_angle_of_one_molecule():
    molecule = water_slab(1, cross_section_A=30.0, cell_height_A=30.0, seed=1)
    molecule.positions[1] += [0.05, -0.08, 0.03]
    molecule.positions[2] += [0.02, 0.06, -0.04]
    chargeless = FORCE_FIELD.model_copy(update={"charge_O_e": -1e-4})
    assert label(molecule, chargeless).info["REF_energy"] == pytest.approx(
        bonded_energy_eV(molecule), abs=1e-6
    )


@pytest.mark.parametrize(
    "atoms",
    [
        water_box(10, cell_lengths_A=cubic_cell(10, 0.997), seed=2),
        brine_box(10, molality_mol_per_kg=5.0, density_g_per_cm3=1.1, seed=2),
    ],
    ids=["water", "brine"],
)
def test_periodic_box_agrees_with_an_independent_sum(atoms):
    atoms = shaken(atoms)
    expected = bonded_energy_eV(atoms) + lennard_jones_energy_eV(atoms) + ewald_energy_eV(atoms)
    assert label(atoms).info["REF_energy"] == pytest.approx(expected, abs=ENERGY_TOLERANCE_EV)


@pytest.mark.parametrize("kind", ["slab", "bulk"])
def test_forces_are_minus_the_gradient(kind):
    if kind == "slab":
        atoms = water_slab(9, cross_section_A=9.3, cell_height_A=30.0, seed=1)
    else:
        atoms = water_box(10, cell_lengths_A=cubic_cell(10, 0.997), seed=2)
    atoms = shaken(atoms)
    forces = label(atoms).arrays["REF_forces"]
    step_A = 2e-3
    for atom, axis in ((0, 0), (4, 1), (12, 2), (14, 2)):
        moved = [atoms.copy(), atoms.copy()]
        moved[0].positions[atom, axis] += step_A
        moved[1].positions[atom, axis] -= step_A
        up, down = (frame.info["REF_energy"] for frame in label_frames(moved, FORCE_FIELD))
        assert (down - up) / (2.0 * step_A) == pytest.approx(
            forces[atom, axis], abs=FORCE_TOLERANCE_EV_PER_A
        )
    assert np.abs(forces.sum(axis=0)).max() < 1e-8


def test_slab_does_not_depend_on_its_place_nor_on_lateral_wrapping():
    slab = shaken(water_slab(16, cross_section_A=9.3, cell_height_A=40.0, seed=1))
    moved = slab.copy()
    moved.positions += [4.0, 7.0, 3.7]
    wrapped = moved.copy()
    wrapped.positions[:, :2] %= 9.3
    reference, *others = label_frames([slab, moved, wrapped], FORCE_FIELD)
    for other in others:
        assert other.info["REF_energy"] == pytest.approx(
            reference.info["REF_energy"], abs=ENERGY_TOLERANCE_EV
        )
        assert other.arrays["REF_forces"] == pytest.approx(
            reference.arrays["REF_forces"], abs=FORCE_TOLERANCE_EV_PER_A
        )


def test_a_coulomb_energy_that_ends_is_the_formula_of_its_depolarisation():
    coulomb = DampedShiftedCoulomb(kind="damped_shifted", damping_per_A=0.2, cutoff_A=9.0)
    truncated = FORCE_FIELD.model_copy(update={"coulomb": coulomb})
    ions = FORCE_FIELD.ions
    energies = []
    distances = np.array([5.0, 7.0, 9.5])
    for distance in distances:
        pair = Atoms("NaCl", positions=[[1, 1, 20], [1 + distance, 1, 20]], cell=[40, 40, 40])
        pair.pbc = [True, True, False]
        energies.append(label(pair, truncated).info["REF_energy"])
        epsilon = np.sqrt(ions["Na"].epsilon_kcal_per_mol * ions["Cl"].epsilon_kcal_per_mol)
        sigma = 0.5 * (ions["Na"].sigma_A + ions["Cl"].sigma_A)
        if distance < FORCE_FIELD.cutoff_A:
            for sign, r in ((1, distance), (-1, FORCE_FIELD.cutoff_A)):
                ratio = (sigma / r) ** 6
                energies[-1] -= sign * 4.0 * epsilon * (ratio**2 - ratio) * KCAL_PER_MOL
    # beyond the cutoff only the ions' own terms of the damped sum are left
    expected = -COULOMB * coulomb.depolarisation(distances) / distances
    np.testing.assert_allclose(np.array(energies) - energies[-1], expected, atol=1e-5)


def test_slab_energy_does_not_depend_on_the_vacuum():
    low = shaken(water_slab(16, cross_section_A=9.3, cell_height_A=30.0, seed=1))
    high = low.copy()
    high.cell[2, 2] = 60.0
    high.positions[:, 2] += 15.0
    energies = [frame.info["REF_energy"] for frame in label_frames([low, high], FORCE_FIELD)]
    assert energies[0] == pytest.approx(energies[1], abs=ENERGY_TOLERANCE_EV)


def test_frames_keep_periodicity_cell_and_info():
    slab = water_slab(9, cross_section_A=9.3, cell_height_A=30.0, seed=1)
    slab.info["time_ps"] = 0.5
    labelled = label(slab)
    assert labelled.pbc.tolist() == [True, True, False]
    assert labelled.cell.lengths() == pytest.approx([9.3, 9.3, 30.0])
    assert labelled.info["time_ps"] == 0.5
    assert np.array_equal(labelled.positions, slab.positions)
    assert "REF_energy" not in slab.info


def unordered():
    return Atoms("HOH", positions=np.eye(3) + 5.0, cell=[20.0] * 3, pbc=True)


def foreign():
    return water_box(8, cell_lengths_A=cubic_cell(8, 1.0), seed=1) + Atoms(
        "K", positions=[[0, 0, 0]]
    )


def charged():
    return water_box(8, cell_lengths_A=cubic_cell(8, 1.0), seed=1) + Atoms(
        "Na", positions=[[0, 0, 0]]
    )


def outside():
    slab = water_slab(9, cross_section_A=9.3, cell_height_A=30.0, seed=1)
    slab.positions[:, 2] += 20.0
    return slab


def isolated():
    box = water_box(8, cell_lengths_A=cubic_cell(8, 1.0), seed=1)
    box.pbc = False
    return box


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (unordered, "order the atoms by molecule"),
        (foreign, "atom 24 is K"),
        (charged, r"net charge \+1.000 e"),
        (outside, "centre the slab along z"),
        (isolated, "use TTT for bulk and TTF for a slab"),
    ],
)
def test_what_the_force_field_cannot_treat_is_refused(build, message):
    with pytest.raises(UnsupportedStructureError, match=message):
        label(build())


def test_lammps_starts_under_a_launcher_whose_interface_it_does_not_speak() -> None:
    """As Slurm's does where its default is PMIx: MPICH would abort."""
    start = (
        "from falsemetal.potentials.force_field.engine import _new_instance\n"
        "print(_new_instance().version())"
    )
    environment = os.environ | {"PMIX_NAMESPACE": "slurm.pmix.1.0", "PMIX_RANK": "0"}
    command = [sys.executable, "-c", start]
    run = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stderr
