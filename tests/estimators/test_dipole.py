import numpy as np
import pytest

from falsemetal.estimators.dipole import (
    cumulative_dipole,
    dipole_per_area,
    heights_above_centre,
    lateral_area,
    molecular_dipoles,
)
from falsemetal.systems.molecule import Molecule
from falsemetal.systems.molecules import Molecules, find_molecules

CELL = np.diag([12.0, 11.0, 60.0])
PBC = np.array([True, True, False])
CHARGE_O_E = -0.8476
BOND_A = 1.0
HALF_ANGLE = np.deg2rad(109.47 / 2)
WATER = Molecule()


def upright_molecule(oxygen: tuple[float, float, float]) -> np.ndarray:
    """O, H, H in the x-z plane with both hydrogens above the oxygen."""
    x, z = BOND_A * np.sin(HALF_ANGLE), BOND_A * np.cos(HALF_ANGLE)
    return np.array(oxygen) + np.array([[0, 0, 0], [x, 0, z], [-x, 0, z]])


def random_slab(n_frames: int = 5, n_molecules: int = 20, seed: int = 3):
    rng = np.random.default_rng(seed)
    sites = np.array(
        [(2 + 4 * i, 2 + 4 * j, 20 + 4 * k) for k in range(3) for i in range(3) for j in range(3)]
    )
    oxygen = sites[:n_molecules] + rng.normal(0, 0.2, (n_frames, n_molecules, 3))
    axis = rng.standard_normal((n_frames, n_molecules, 3))
    axis /= np.linalg.norm(axis, axis=-1, keepdims=True)
    across = np.cross(axis, rng.standard_normal(axis.shape))
    across /= np.linalg.norm(across, axis=-1, keepdims=True)
    along, aside = np.cos(HALF_ANGLE) * axis, np.sin(HALF_ANGLE) * across
    positions = np.concatenate([oxygen, oxygen + along + aside, oxygen + along - aside], axis=1)
    return positions, np.repeat([8, 1, 1], n_molecules)


def find(positions: np.ndarray, numbers: list[int] | np.ndarray) -> Molecules:
    return find_molecules(positions, numbers, CELL, PBC, molecule=WATER)


def dipoles(positions: np.ndarray, numbers: list[int] | np.ndarray) -> np.ndarray:
    return molecular_dipoles(find(positions, numbers), WATER.charges(CHARGE_O_E))


def test_one_molecule_has_the_dipole_of_its_geometry():
    positions = upright_molecule((1.0, 2.0, 30.0))[None]
    expected = -0.5 * CHARGE_O_E * 2 * BOND_A * np.cos(HALF_ANGLE)
    np.testing.assert_allclose(dipoles(positions, [8, 1, 1]), [[[0, 0, expected]]], atol=1e-12)


def test_dipole_equals_that_of_the_point_charges():
    positions, numbers = random_slab()
    charges = np.where(numbers == 8, CHARGE_O_E, -0.5 * CHARGE_O_E)
    expected = charges @ positions[..., 2].T / lateral_area(CELL)
    found = dipole_per_area(dipoles(positions, numbers)[..., 2], lateral_area(CELL))
    np.testing.assert_allclose(found, expected, atol=1e-12)


def test_wrapping_and_translating_change_nothing():
    positions, numbers = random_slab()
    expected = dipoles(positions, numbers)
    rng = np.random.default_rng(0)
    images = rng.integers(-2, 3, positions.shape) * np.diag(CELL) * PBC
    np.testing.assert_allclose(dipoles(positions + images, numbers), expected, atol=1e-9)
    shift = np.array([3.3, -7.1, 5.0])
    np.testing.assert_allclose(dipoles(positions + shift, numbers), expected, atol=1e-9)


def test_a_coordinate_just_below_the_edge_is_found():
    positions = upright_molecule((-1e-17, 0.0, 30.0))[None]
    assert find(positions, [8, 1, 1]).broken_fraction == [0.0]


def test_order_of_atoms_does_not_matter():
    positions, numbers = random_slab()
    shuffled = np.random.default_rng(1).permutation(len(numbers))
    expected = dipoles(positions, numbers).sum(axis=1)
    found = dipoles(positions[:, shuffled], numbers[shuffled]).sum(axis=1)
    np.testing.assert_allclose(found, expected, atol=1e-12)


def test_frames_do_not_see_each_other():
    positions, numbers = random_slab()
    together = dipoles(positions, numbers)
    apart = np.concatenate([dipoles(frame[None], numbers) for frame in positions])
    np.testing.assert_allclose(together, apart, atol=1e-12)


def test_hydroxide_and_hydronium_are_dissociated():
    donor, acceptor = upright_molecule((2, 2, 20)), upright_molecule((2, 2, 30))
    donor[1] = acceptor[0] + [0.0, 0.0, -1.1]
    positions = np.concatenate([donor, acceptor, upright_molecule((8, 8, 25))])[None]
    numbers = np.array([8, 1, 1] * 3)
    molecules = find(positions, numbers)
    np.testing.assert_array_equal(molecules.counts["H"], [[1, 3, 2]])
    assert molecules.broken_fraction == pytest.approx(2 / 3)
    # the two nearest hydrogens of hydronium remain
    expected = 2 * BOND_A * np.cos(HALF_ANGLE)
    np.testing.assert_allclose(molecules.displacements["H"][0, 1], [0, 0, expected], atol=1e-12)


def test_a_stray_hydrogen_belongs_to_no_oxygen():
    positions = np.concatenate([upright_molecule((2, 2, 20)), [[6.0, 6.0, 40.0]]])[None]
    np.testing.assert_array_equal(find(positions, [8, 1, 1, 1]).counts["H"], [[2]])


def test_skew_cells_are_refused():
    skew = CELL + np.array([[0, 0, 0], [2.0, 0, 0], [0, 0, 0]])
    with pytest.raises(ValueError, match="orthorhombic"):
        find_molecules(np.zeros((1, 3, 3)), [8, 1, 1], skew, PBC, molecule=WATER)


def test_elements_of_a_molecule_add_up():
    molecules = Molecules(
        centres=np.zeros((1, 1, 3)),
        displacements={"C": np.array([[[1.0, 0.0, 0.0]]]), "H": np.array([[[0.0, 0.0, 2.0]]])},
        counts={"C": np.array([[1]]), "H": np.array([[2]])},
        intact=np.array([[True]]),
    )
    found = molecular_dipoles(molecules, {"N": -1.0, "C": 0.4, "H": 0.2})
    np.testing.assert_allclose(found, [[[0.4, 0.0, 0.4]]])


def test_cumulative_dipole_steps_at_each_molecule_and_ends_at_the_total():
    rng = np.random.default_rng(2)
    z, mu_z = rng.uniform(-10, 10, (4, 30)), rng.standard_normal((4, 30))
    grid = np.linspace(-11, 11, 45)
    found = cumulative_dipole(mu_z, z, grid, 50.0)
    expected = [[m[h < g].sum() / 50.0 for g in grid] for m, h in zip(mu_z, z, strict=True)]
    np.testing.assert_allclose(found, expected, atol=1e-12)
    np.testing.assert_allclose(found[:, -1], dipole_per_area(mu_z, 50.0), atol=1e-12)


def test_heights_are_centred():
    positions, numbers = random_slab()
    z = heights_above_centre(positions[:, numbers == 8])
    np.testing.assert_allclose(z.mean(axis=1), 0.0, atol=1e-12)


def test_variance_of_independent_molecules_grows_with_their_number():
    rng = np.random.default_rng(5)
    n_frames, tolerance = 4000, 0.1
    for n_molecules in (16, 64):
        cosines = rng.uniform(-1, 1, (n_frames, n_molecules))
        variance = dipole_per_area(cosines, 1.0).var()
        assert variance == pytest.approx(n_molecules / 3, rel=tolerance)
