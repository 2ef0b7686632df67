"""Solids beside the water: forces, charges of conductors, energies against independent sums."""

import numpy as np
import pytest
import torch
from ase import Atoms
from ase.spacegroup import crystal
from interfaces import (
    CONDUCTOR,
    INTERFACES,
    MOVING,
    TRUNCATED,
    UNPOLARISABLE,
    equilibrated,
    rutile,
)
from matscipy.neighbours import neighbour_list
from scipy.special import erfc

from falsemetal.datasets.labelling import label_frames
from falsemetal.electrostatics.multipoles import MultipoleElectrostatics
from falsemetal.potentials.force_field.calculator import ForceFieldCalculator
from falsemetal.potentials.force_field.deck import LABELS, Electrostatics
from falsemetal.potentials.force_field.engine import LammpsEngine
from falsemetal.potentials.force_field.settings import WaterForceField
from falsemetal.potentials.force_field.solids import RUTILE, Buckingham
from falsemetal.units import COULOMB, KCAL_PER_MOL

STEP_A = 1e-3
FORCE_TOLERANCE_EV_PER_A = 4e-5
ENERGY_TOLERANCE_EV = 1e-4
"""Of some hundred atoms, at the accuracy of labels."""
SUM_TOLERANCE = 1e-6
"""Of the energy of an oxide: LAMMPS takes erfc from a polynomial, which is right to 1.5e-7."""
CHARGE_TOLERANCE_E = 2e-5
"""Of a conductor, by conjugate gradients; the energy is right to the square of it."""

with_each_interface = pytest.mark.parametrize("name", INTERFACES)


def labels(atoms: Atoms, force_field: WaterForceField = CONDUCTOR) -> tuple[float, np.ndarray]:
    (labelled,) = label_frames([atoms], force_field)
    return labelled.info["REF_energy"], labelled.arrays["REF_forces"]


def charges_e(atoms: Atoms, force_field: WaterForceField) -> np.ndarray:
    with LammpsEngine(atoms, force_field, electrostatics=LABELS) as engine:
        engine.command("run 0 post no")
        return engine.charges


def probes(name: str) -> list[int]:
    """Atoms of the solid at its faces and within, the lowest and the highest molecule."""
    atoms, n_solid = equilibrated(name).atoms, len(INTERFACES[name][0].slab())
    order = np.argsort(atoms.positions[n_solid::3, 2])
    low, high = n_solid + 3 * order[[0, -1]]
    solid = [0, n_solid // 2, n_solid - 1]
    return [*solid, low, low + 1, low + 2, high, high + 1]


@with_each_interface
def test_forces_are_minus_the_gradient(name) -> None:
    atoms, force_field = equilibrated(name).atoms, INTERFACES[name][1]
    _, forces = labels(atoms, force_field)
    rng = np.random.default_rng(1)
    for atom in probes(name):
        direction = rng.normal(size=3)
        direction /= np.linalg.norm(direction)
        energies = []
        for sign in (1.0, -1.0):
            moved = atoms.copy()
            moved.positions[atom] += sign * STEP_A * direction
            energies.append(labels(moved, force_field)[0])
        slope = (energies[1] - energies[0]) / (2.0 * STEP_A)
        assert slope == pytest.approx(forces[atom] @ direction, abs=FORCE_TOLERANCE_EV_PER_A)
    # no walls, no thermostat: what one atom feels another one gives
    assert np.abs(forces.sum(axis=0)).max() < 1e-9


@with_each_interface
def test_energy_does_not_depend_on_the_place_nor_on_lateral_wrapping(name) -> None:
    atoms, force_field = equilibrated(name).atoms, INTERFACES[name][1]
    moved = atoms.copy()
    moved.positions += [2.3, 3.1, 1.7]
    moved.positions[:, :2] %= atoms.cell.lengths()[:2]
    (energy, forces), (other, others) = (labels(a, force_field) for a in (atoms, moved))
    assert other == pytest.approx(energy, abs=ENERGY_TOLERANCE_EV)
    np.testing.assert_allclose(others, forces, atol=FORCE_TOLERANCE_EV_PER_A)


def test_a_label_is_that_of_its_frame_alone() -> None:
    """A conductor's charges are found anew for each frame, not improved from the last one's."""
    first = equilibrated("frozen metal").atoms
    second = first.copy()
    second.positions[-72:] += np.random.default_rng(3).normal(scale=0.1, size=(72, 3))
    forth, back = (label_frames(f, CONDUCTOR) for f in ([first, second], [second, first]))
    for one, other in zip(forth, back[::-1], strict=True):
        assert one.info["REF_energy"] == other.info["REF_energy"]
        assert np.array_equal(one.arrays["REF_forces"], other.arrays["REF_forces"])
    second.calc = ForceFieldCalculator(CONDUCTOR)
    second.get_potential_energy()
    second.positions[:] = first.positions
    assert second.get_potential_energy() == forth[0].info["REF_energy"]
    assert np.array_equal(second.get_forces(), forth[0].arrays["REF_forces"])


@pytest.mark.parametrize("name", ["frozen metal", "between faces", "moving metal"])
def test_a_conductor_answers_at_its_faces_and_has_no_net_charge(name) -> None:
    surface, force_field, vacuum_A = INTERFACES[name]
    atoms = equilibrated(name).atoms
    charges = charges_e(atoms, force_field)
    n_solid = len(surface.slab())
    np.testing.assert_allclose(charges[n_solid::3], force_field.charge_O_e)
    assert charges[:n_solid].sum() == pytest.approx(0.0, abs=1e-8)
    layers = np.abs(charges[:n_solid]).reshape(surface.layers, -1).max(axis=1)
    assert 0.01 < layers[-1] < 0.2
    if vacuum_A is None:
        assert 0.01 < layers[0] < 0.2
        assert layers[1:-1].max() < 0.2 * layers[-1]
    else:
        assert layers[0] < 0.05 * layers[-1]


def test_a_matrix_gives_the_charges_of_conjugate_gradients() -> None:
    atoms = equilibrated("frozen metal").atoms
    matrix = Electrostatics(solver="ewald", accuracy=1e-8, tables=False)
    fixed = np.array(atoms.symbols == "Cu")
    with LammpsEngine(atoms, CONDUCTOR, fixed=fixed, electrostatics=matrix) as engine:
        engine.command("run 0 post no")
        charges, energy = engine.charges, engine.potential_energy_eV
    np.testing.assert_allclose(charges_e(atoms, CONDUCTOR), charges, atol=CHARGE_TOLERANCE_E)
    assert labels(atoms)[0] == pytest.approx(energy, abs=ENERGY_TOLERANCE_EV)


def test_beside_a_coulomb_energy_that_ends_a_metal_does_not_answer() -> None:
    atoms = equilibrated("frozen metal").atoms
    none = UNPOLARISABLE.model_copy(update={"coulomb": TRUNCATED.coulomb})
    (energy, forces), (other, others) = (labels(atoms, f) for f in (TRUNCATED, none))
    assert energy == other
    assert np.array_equal(forces, others)
    assert not charges_e(atoms, TRUNCATED)[atoms.symbols == "Cu"].any()
    # while under a full Coulomb energy it lowers the energy
    assert labels(atoms, CONDUCTOR)[0] < labels(atoms, UNPOLARISABLE)[0] - 0.01


def test_a_metal_that_cannot_answer_adds_its_lennard_jones_energy_alone() -> None:
    atoms = equilibrated("frozen metal").atoms
    water = atoms[np.array(atoms.symbols) != "Cu"]
    copper_at, oxygen_at = (np.flatnonzero(atoms.symbols == e) for e in ("Cu", "O"))
    epsilon = np.sqrt(4.72 * CONDUCTOR.epsilon_OO_kcal_per_mol) * KCAL_PER_MOL
    sigma = 0.5 * (2.3306 + CONDUCTOR.sigma_OO_A)
    i, j, d = neighbour_list("ijd", atoms, CONDUCTOR.cutoff_A)
    d = d[np.isin(i, copper_at) & np.isin(j, oxygen_at)]
    pair = [4.0 * epsilon * ((sigma / r) ** 12 - (sigma / r) ** 6) for r in (d, 9.0)]
    expected = labels(water, UNPOLARISABLE)[0] + np.sum(pair[0] - pair[1])
    assert labels(atoms, UNPOLARISABLE)[0] == pytest.approx(expected, abs=ENERGY_TOLERANCE_EV)


def test_bulk_copper_has_the_cohesion_and_lattice_of_its_embedded_atom_potential() -> None:
    """Mishin et al., Phys. Rev. B 63, 224106 (2001): 3.54 eV an atom at 3.615 Å."""
    energies = {}
    for a in (3.605, 3.615, 3.625):
        bulk = crystal("Cu", [(0, 0, 0)], spacegroup=225, cellpar=[a] * 3 + [90] * 3)
        energies[a] = labels(bulk.repeat(3), MOVING)[0] / 108
    assert energies[3.615] == pytest.approx(-3.54, abs=0.005)
    assert energies[3.615] == min(energies.values())


def coulomb_eV(atoms: Atoms, charges: np.ndarray, width_A: float = 1.0) -> float:
    """Energy of points: the project's sum of Gaussians, and what points have more nearby."""
    gaussians = MultipoleElectrostatics(width_A, 0, kspace_cutoff_factor=2.0)
    positions, cell = (torch.tensor(a) for a in (atoms.positions, atoms.cell.array))
    q = torch.tensor(charges)
    smooth = float(gaussians.energy(q, None, positions, cell, slab=not atoms.pbc[2]))
    i, j, d = neighbour_list("ijd", atoms, 13.0 * width_A)
    return smooth + 0.5 * COULOMB * np.sum(charges[i] * charges[j] * erfc(d / (2.0 * width_A)) / d)


def buckingham_eV(d: np.ndarray, pair: Buckingham, cutoff_A: float = 9.0) -> float:
    at = [pair.A_eV * np.exp(-r / pair.rho_A) - pair.C_eV_A6 / r**6 for r in (d, cutoff_A)]
    return float(np.sum(at[0] - at[1]))


def matsui_akaogi_eV(atoms: Atoms) -> float:
    i, j, d = neighbour_list("ijd", atoms, 9.0)
    symbols = np.array(atoms.get_chemical_symbols())
    energy = 0.0
    for one, other in (("Ti", "Ti"), ("O", "Ti"), ("O", "O")):
        between = (symbols[i] == one) & (symbols[j] == other)
        count = 0.5 if one == other else 1.0
        energy += count * buckingham_eV(d[between], RUTILE.pairs[f"{one}-{other}"])
    charges = np.where(symbols == "Ti", 2.196, -1.098)
    return energy + coulomb_eV(atoms, charges)


def bulk_rutile() -> Atoms:
    sites = [(0, 0, 0), (0.305, 0.305, 0)]
    lengths = [4.593, 4.593, 2.958, 90, 90, 90]
    return crystal(["Ti", "O"], sites, spacegroup=136, cellpar=lengths).repeat((2, 2, 3))


def rutile_slab() -> Atoms:
    slab = rutile(3, (3, 1)).slab()
    slab.positions[:, 2] += 10.0
    slab.cell[2, 2] = slab.positions[:, 2].max() + 20.0
    return slab


@pytest.mark.parametrize("build", [bulk_rutile, rutile_slab])
def test_energy_of_rutile_is_an_independent_sum(build) -> None:
    atoms = build()
    atoms.positions += np.random.default_rng(4).normal(scale=0.05, size=atoms.positions.shape)
    assert labels(atoms)[0] == pytest.approx(matsui_akaogi_eV(atoms), rel=SUM_TOLERANCE)


def test_rutile_rests_in_the_lattice_of_its_potential() -> None:
    """Matsui and Akaogi's own, 4.493 and 3.008 Å, where the crystal's is 4.593 and 2.958 Å."""

    def energy(a: float, c: float) -> float:
        bulk = bulk_rutile()
        bulk.set_cell(bulk.cell.lengths() / [4.593, 4.593, 2.958] * [a, a, c], scale_atoms=True)
        return labels(bulk)[0]

    at_rest = energy(4.493, 3.008)
    for a, c in ((4.478, 3.008), (4.508, 3.008), (4.493, 2.988), (4.493, 3.028)):
        assert energy(a, c) > at_rest


def test_water_meets_the_oxide_by_the_parameters_with_water() -> None:
    """The energy between them is that of two pair potentials and of the charges."""
    atoms = equilibrated("rutile").atoms
    n_solid = len(INTERFACES["rutile"][0].slab())
    symbols, is_solid = np.array(atoms.get_chemical_symbols()), np.arange(len(atoms)) < n_solid
    water_charges = np.where(symbols == "O", -0.8476, 0.4238)
    charges = np.where(symbols == "Ti", 2.196, np.where(is_solid, -1.098, water_charges))
    i, j, d = neighbour_list("ijd", atoms, 9.0)
    across = is_solid[i] & ~is_solid[j] & (symbols[j] == "O")
    expected = buckingham_eV(d[across & (symbols[i] == "Ti")], RUTILE.with_water["Ti"])
    ends = [(3.166 / r) ** 6 for r in (d[across & (symbols[i] == "O")], 9.0)]
    expected += (
        4.0 * 0.1553 * KCAL_PER_MOL * np.sum(ends[0] ** 2 - ends[0] - ends[1] ** 2 + ends[1])
    )
    parts = [atoms[is_solid], atoms[~is_solid]]
    expected += coulomb_eV(atoms, charges) - sum(
        coulomb_eV(part, charges[of]) for part, of in zip(parts, (is_solid, ~is_solid), strict=True)
    )
    whole = labels(atoms)[0]
    found = whole - sum(labels(part)[0] for part in parts)
    assert found == pytest.approx(expected, abs=SUM_TOLERANCE * abs(whole))
