"""ΔV against sums that share nothing with it, and against what is known in closed form."""

import math
import shutil
import subprocess
import sys
from pathlib import Path

import matscipy.neighbours
import numpy as np
import pytest
import torch
import torchpme
from checkouts import ROOT
from scipy.special import erf, erfc

from falsemetal.electrostatics import coulomb
from falsemetal.electrostatics.cell import (
    atomic_potentials,
    own_potential,
    potential_difference,
)
from falsemetal.electrostatics.reciprocal import ElectrostaticsError
from falsemetal.units import COULOMB, EPSILON_0

TOLERANCE_V = 1e-6
WIDTH_A = 1.0
CELLS = {
    "triclinic": np.array([[9.0, 0.0, 0.0], [1.5, 8.0, 0.0], [-2.0, 0.5, 11.0]]),
    "orthorhombic": np.diag([7.0, 8.0, 13.0]),
}
WAYS = {"sum": math.inf, "mesh": 0.0}


@pytest.fixture(params=WAYS)
def way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Both ways to the potential, whatever the size of the cell."""
    monkeypatch.setitem(coulomb.MESH_FROM_PRODUCTS, torch.float64, WAYS[request.param])
    return request.param


def random_system(cell: np.ndarray, n_frames: int = 2, n_atoms: int = 60):
    """Charges of a neutral cell, and positions partly outside it."""
    rng = np.random.default_rng(4)
    charges = rng.uniform(-0.6, 0.6, n_atoms)
    return rng.uniform(-0.3, 1.3, (n_frames, n_atoms, 3)) @ cell, charges - charges.mean()


def potential_of_gaussian(distance: np.ndarray, width_A: float) -> np.ndarray:
    """Potential of one charge at a distance, finite at its centre, V/e."""
    x = distance / (math.sqrt(2.0) * width_A)
    centre = 2.0 / math.sqrt(math.pi)
    ratio = np.where(x > 0.0, erf(x) / np.where(x > 0.0, x, 1.0), centre)
    return COULOMB * ratio / (math.sqrt(2.0) * width_A)


def ewald_sum(positions: np.ndarray, charges: np.ndarray, cell: np.ndarray, width_A: float):
    """Gaussians twice as wide in reciprocal space, the difference to the true ones in real space.

    Both are neutral, so neither has a part at k = 0.
    """
    wide_A = 2.0 * width_A
    fractional = positions @ np.linalg.inv(cell) % 1.0
    separation = fractional[:, None] - fractional
    near = np.zeros(len(charges))
    far = np.zeros(len(charges))
    for n in np.indices((5, 5, 5)).reshape(3, -1).T - 2:
        r = np.linalg.norm((separation + n) @ cell, axis=-1)
        near += (potential_of_gaussian(r, width_A) - potential_of_gaussian(r, wide_A)) @ charges
    for n in np.indices((17, 17, 17)).reshape(3, -1).T - 8:
        k_squared = np.sum((2.0 * np.pi * np.linalg.inv(cell) @ n) ** 2)
        if k_squared > 0.0:
            phases = np.exp(2j * np.pi * fractional @ n)
            kernel = np.exp(-0.5 * k_squared * wide_A**2) / k_squared
            far += kernel * (phases * (phases.conj() @ charges)).real
    return near + far / (EPSILON_0 * abs(np.linalg.det(cell)))


@pytest.mark.parametrize("cell", CELLS.values(), ids=CELLS)
@pytest.mark.parametrize("width_A", [0.7, WIDTH_A])
def test_agrees_with_an_ewald_sum(cell, width_A, way) -> None:
    positions, charges = random_system(cell)
    found = atomic_potentials(positions, charges, cell, width_A=width_A)
    expected = [ewald_sum(frame, charges, cell, width_A) for frame in positions]
    assert np.ptp(expected) > 1.0
    np.testing.assert_allclose(found, expected, rtol=0.0, atol=TOLERANCE_V)
    difference = potential_difference(positions, charges, cell, width_A=width_A)
    np.testing.assert_array_equal(difference, found.max(axis=1) - found.min(axis=1))


@pytest.mark.parametrize("cell", CELLS.values(), ids=CELLS)
def test_agrees_with_torchpme(cell) -> None:
    """Points by torch-pme; what Gaussians lack of them is short-ranged."""
    positions, charges = random_system(cell, n_frames=1)
    pairs = {"positions": positions[0], "cell": cell, "pbc": np.ones(3, bool)}
    i, j, distance = matscipy.neighbours.neighbour_list(
        "ijd", cutoff=12.0, numbers=np.ones(len(charges), np.int32), **pairs
    )
    points = torchpme.EwaldCalculator(
        torchpme.CoulombPotential(smearing=1.5).to(torch.float64),
        lr_wavelength=0.8,
        full_neighbor_list=True,
    ).to(torch.float64)
    potential = 2.0 * points(  # it counts half of each pair for each atom
        torch.from_numpy(charges[:, None]),
        torch.from_numpy(cell),
        torch.from_numpy(positions[0]),
        torch.from_numpy(np.stack([i, j], 1).astype(np.int64)),
        torch.from_numpy(distance),
    )
    lacking = charges[j] * erfc(distance / (math.sqrt(2.0) * WIDTH_A)) / distance
    lacking = COULOMB * np.bincount(i, lacking, minlength=len(charges))
    expected = COULOMB * potential.numpy()[:, 0] - lacking + own_potential(charges, width_A=WIDTH_A)
    found = atomic_potentials(positions, charges, cell, width_A=WIDTH_A)[0]
    np.testing.assert_allclose(found, expected, rtol=0.0, atol=TOLERANCE_V)


@pytest.mark.parametrize("distance_A", [2.0, 9.0])
def test_charged_sheets_are_a_capacitor_in_its_own_periodic_images(distance_A, way) -> None:
    r"""Smearing one-dimensional −|z|/2ε0 + z²/2ε0L, both charges the same, leaves d(1 − d/L)/ε0.

    The mean of |d + Gaussian noise| replaces d, and that of |noise| the zero at the own sheet.
    """
    length_A, side_A, per_side = 30.0, 4.0, 4
    lateral = side_A / per_side * np.indices((per_side, per_side)).reshape(2, -1).T
    sheets = [np.column_stack([lateral, np.full(len(lateral), z)]) for z in (4.0, 4.0 + distance_A)]
    charge_e = 0.02
    charges = np.repeat([charge_e, -charge_e], len(lateral))
    found = potential_difference(
        np.concatenate(sheets)[None], charges, np.diag([side_A, side_A, length_A]), width_A=WIDTH_A
    )
    spread = WIDTH_A * math.sqrt(2.0 / math.pi)
    x = distance_A / (math.sqrt(2.0) * WIDTH_A)
    apart = distance_A * math.erf(x) + spread * math.exp(-(x**2))
    charge_per_area = charge_e * len(lateral) / side_A**2
    expected = charge_per_area * (apart - spread - distance_A**2 / length_A) / EPSILON_0
    assert expected > 1.0
    assert found[0] == pytest.approx(expected, abs=TOLERANCE_V)


def test_a_pair_in_a_large_cell_is_alone() -> None:
    """But for the field of its images, to leading order that of a uniform dipole density."""
    length_A, distance_A, charge_e = 40.0, 3.0, 0.5
    positions = np.array([[[20.0, 20.0, 20.0], [20.0, 20.0, 20.0 + distance_A]]])
    charges = np.array([charge_e, -charge_e])
    found = potential_difference(positions, charges, length_A * np.eye(3), width_A=WIDTH_A)[0]
    own = 2.0 * own_potential(charge_e, width_A=WIDTH_A)
    other = 2.0 * COULOMB * charge_e * math.erf(distance_A / math.sqrt(2.0) / WIDTH_A) / distance_A
    images = 2.0 * charge_e * distance_A**2 / (6.0 * EPSILON_0 * length_A**3)
    assert found == pytest.approx(own - other - images, abs=1e-4)
    assert abs(found - (own - other)) > 1e-3


def test_translation_wrapping_and_order_of_atoms(way) -> None:
    cell = CELLS["triclinic"]
    positions, charges = random_system(cell)
    expected = atomic_potentials(positions, charges, cell, width_A=WIDTH_A)
    rng = np.random.default_rng(1)
    images = rng.integers(-3, 4, positions.shape) @ cell
    order = rng.permutation(len(charges))
    changed = (positions + images + [0.3, -4.1, 17.0])[:, order]
    found = atomic_potentials(changed, charges[order], cell, width_A=WIDTH_A)
    np.testing.assert_allclose(found, expected[:, order], rtol=0.0, atol=TOLERANCE_V)


def test_replication(way) -> None:
    cell = CELLS["triclinic"]
    positions, charges = random_system(cell, n_frames=1)
    copies = np.indices((2, 2, 2)).reshape(3, -1).T
    many = (positions[0] + (copies @ cell)[:, None]).reshape(1, -1, 3)
    found = atomic_potentials(many, np.tile(charges, len(copies)), 2.0 * cell, width_A=WIDTH_A)
    expected = atomic_potentials(positions, charges, cell, width_A=WIDTH_A)
    np.testing.assert_allclose(
        found.reshape(len(copies), -1), expected.repeat(len(copies), 0), atol=TOLERANCE_V
    )


def test_proportional_to_the_charges() -> None:
    cell = CELLS["orthorhombic"]
    positions, charges = random_system(cell)
    once, thrice = (
        potential_difference(positions, q, cell, width_A=WIDTH_A) for q in (charges, 3.0 * charges)
    )
    np.testing.assert_allclose(thrice, 3.0 * once, rtol=0.0, atol=TOLERANCE_V)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"pbc": (True, True, False)}, "needs pbc TTT"),
        ({"charges": np.array([0.5, -0.4])}, r"net charge of \+0.1000 e"),
        ({"cell": np.diag([9.0, 9.0, 0.0])}, "no volume"),
        ({"width_A": 0.0}, "width_A: 0"),
    ],
)
def test_refuses_what_has_no_potential(changes, message) -> None:
    arguments = {
        "positions": np.zeros((1, 2, 3)),
        "charges": np.array([0.5, -0.5]),
        "cell": 9.0 * np.eye(3),
        "width_A": WIDTH_A,
    }
    with pytest.raises(ElectrostaticsError, match=message):
        atomic_potentials(**(arguments | changes))


def test_the_page_shows_the_tables(tmp_path: Path) -> None:
    page = "docs/cell-potential.md"
    shutil.copytree(ROOT / "benchmarks", tmp_path / "benchmarks")
    (tmp_path / "docs").mkdir()
    command = [sys.executable, "benchmarks/cell_potential.py", "--page"]
    subprocess.run(command, cwd=tmp_path, check=True)
    assert (tmp_path / page).read_text() == (ROOT / page).read_text()
