"""Ions above a conductor feel their mirror images in one plane."""

import numpy as np
import pytest
import torch
from ase import Atoms
from interfaces import CONDUCTOR, UNPOLARISABLE, copper, with_copper
from scipy.optimize import brentq
from scipy.special import erfc

from falsemetal.datasets.labelling import label_frames
from falsemetal.electrostatics.multipoles import MultipoleElectrostatics
from falsemetal.potentials.force_field.settings import WaterForceField
from falsemetal.units import COULOMB

SURFACE = copper(3, (8, 8))
HEIGHTS_A = (3.0, 3.5, 4.0, 5.0, 6.5, 8.0)
"""Above the highest nuclei; the edges of the cell are 20.4 and 17.7 Å."""
ALLOWED_SPREAD_A = 0.03
"""A metal of atoms has a plane that is not quite flat: nearby an ion feels the one below it."""


def ions_at(height_A: float, place: tuple[float, float] = (0.0, 0.0)) -> Atoms:
    """Na and Cl half a cell apart at one height, at a place beside the atoms below them."""
    atoms = SURFACE.slab()
    atoms.positions[:, 2] += 8.0
    x, y = SURFACE.edges_A
    above = atoms.positions[-1] + [*place, height_A]
    across = np.array([0.5 * x, 0.5 * y, 0.0])
    atoms += Atoms("NaCl", [above, above + across])
    atoms.cell[2, 2] = above[2] + 12.0
    return atoms


def attraction(atoms: Atoms, force_field: WaterForceField) -> np.ndarray:
    """Find the forces along z on both ions in eV/Å that come with the metal's answer."""
    answered, alone = (
        label_frames([atoms], f)[0].arrays["REF_forces"] for f in (force_field, UNPOLARISABLE)
    )
    return (answered - alone)[-2:, 2]


def attraction_of_images(gap_A: float, range_A: float = 150.0) -> float:
    """Force on an ion, whichever, from the images of both, a lateral lattice of each.

    Far away both lattices have the same density; a smooth end lets them cancel there.
    """
    x, y = SURFACE.edges_A
    n = np.arange(-16, 17)

    def lattice(dx: float, dy: float) -> float:
        distance = np.hypot(n[:, None] * x + dx, n * y + dy)
        force = 2.0 * gap_A / (distance**2 + (2.0 * gap_A) ** 2) ** 1.5
        return float(np.sum(0.5 * erfc(5.0 * (distance / range_A - 1.0)) * force))

    return -COULOMB * (lattice(0.0, 0.0) - lattice(0.5 * x, 0.5 * y))


def plane(height_A: float, force: float) -> float:
    """Height of the plane above the highest nuclei in which images give a force."""
    return brentq(lambda z: attraction_of_images(height_A - z) - force, -2.0, height_A - 0.5)


def test_the_sum_of_images_is_that_of_the_electrostatics_of_films() -> None:
    gap, (x, y) = 4.0, SURFACE.edges_A
    of_ions = np.array([[0.0, 0.0, 30.0], [0.5 * x, 0.5 * y, 30.0]])
    positions = torch.tensor(np.concatenate([of_ions, of_ions - [0.0, 0.0, 2.0 * gap]]))
    charges = torch.tensor([1.0, -1.0, -1.0, 1.0], dtype=torch.float64)
    gaussians = MultipoleElectrostatics(0.8, 0, kspace_cutoff_factor=2.0)
    cell = torch.diag(torch.tensor([x, y, 80.0], dtype=torch.float64))

    def forces(count: int) -> torch.Tensor:
        sites = positions[:count].clone().requires_grad_()
        energy = gaussians.energy(charges[:count], None, sites, cell, slab=True)
        return -torch.autograd.grad(energy, sites)[0]

    by_images = (forces(4)[:2] - forces(2))[:, 2]
    assert by_images.tolist() == pytest.approx([attraction_of_images(gap)] * 2, abs=1e-6)
    # beside a lone image: a quarter of the square over the gap
    assert attraction_of_images(1.0) == pytest.approx(-COULOMB / 4.0, rel=0.01)


def test_images_lie_in_one_plane_from_3_to_8_A() -> None:
    planes = [plane(z, f) for z in HEIGHTS_A for f in attraction(ions_at(z), CONDUCTOR)]
    assert np.ptp(planes) < ALLOWED_SPREAD_A
    # Gaussians of this width put it at the nuclei
    assert np.mean(planes) == pytest.approx(0.0, abs=0.1)


@pytest.mark.parametrize("place", [(1.28, 0.0), (1.28, 0.74)], ids=["bridge", "hollow"])
def test_the_plane_is_flat(place) -> None:
    planes = [plane(4.0, f) for f in attraction(ions_at(4.0, place), CONDUCTOR)]
    on_top = plane(4.0, attraction(ions_at(4.0), CONDUCTOR)[0])
    np.testing.assert_allclose(planes, on_top, atol=0.5 * ALLOWED_SPREAD_A)


def test_wider_gaussians_raise_the_plane() -> None:
    wide = with_copper(gaussian_per_A=1.0)
    raised, usual = (plane(5.0, attraction(ions_at(5.0), f)[0]) for f in (wide, CONDUCTOR))
    assert raised > usual + 0.1
