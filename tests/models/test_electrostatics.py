import math
import re
from dataclasses import dataclass, replace

import mace  # noqa: F401  (lets e3nn, which graph_longrange imports, load its constants)
import matscipy.neighbours
import pytest
import torch
import torchpme
from graph_longrange.energy import GTOElectrostaticEnergy
from graph_longrange.gto_utils import gto_basis_kspace_cutoff
from graph_longrange.kspace import compute_k_vectors_flat
from scipy.spatial.transform import Rotation
from torch import Tensor

from falsemetal.models.electrostatics import (
    ElectrostaticsError,
    MultipoleElectrostatics,
    check_slab,
    kspace_cutoff,
    reciprocal_grid,
)
from falsemetal.units import COULOMB, EPSILON_0

SIGMA = 1.5


@dataclass(frozen=True)
class System:
    """One neutral cell of charges and dipoles."""

    charges: Tensor
    dipoles: Tensor | None
    positions: Tensor
    cell: Tensor
    slab: bool

    def energy(self, model: MultipoleElectrostatics) -> Tensor:
        """Energy in eV."""
        return evaluate(model, [self])[0]


def evaluate(model: MultipoleElectrostatics, systems: list[System]) -> Tensor:
    sizes = [len(s.charges) for s in systems]
    dipoles = [s.dipoles for s in systems]
    return model(
        torch.cat([s.charges for s in systems]),
        None if dipoles[0] is None else torch.cat(dipoles),
        torch.cat([s.positions for s in systems]),
        torch.stack([s.cell for s in systems]),
        torch.tensor([s.slab for s in systems]),
        torch.repeat_interleave(torch.arange(len(sizes)), torch.tensor(sizes)),
    )


def random_system(
    *, slab: bool, l_max: int = 1, n_atoms: int = 12, seed: int = 0, vacuum_A: float = 20.0
) -> System:
    """Draw charges for a neutral film or a skewed box."""
    generator = torch.Generator().manual_seed(seed)
    random = torch.rand(n_atoms, 7, generator=generator, dtype=torch.float64) - 0.5
    charges = random[:, 0] - random[:, 0].mean()
    dipoles = 0.5 * random[:, 1:4] if l_max else None
    cell = torch.tensor([[9.0, 0.0, 0.0], [1.0, 8.0, 0.0], [-0.8, 1.5, 10.0]])
    if slab:
        cell[2] = torch.tensor([0.0, 0.0, 10.0])
    positions = random[:, 4:] @ cell.double()
    if slab:
        cell[2, 2] += vacuum_A
    return System(charges, dipoles, positions, cell.double(), slab)


def forces(model: MultipoleElectrostatics, system: System) -> Tensor:
    positions = system.positions.detach().requires_grad_()
    energy = replace(system, positions=positions).energy(model)
    return -torch.autograd.grad(energy, positions)[0]


def graph_longrange_energy(system: System, l_max: int, *, self_interaction: bool) -> Tensor:
    inverse = 2.0 * math.pi * torch.linalg.inv(system.cell).T[None]
    cutoff = 1.25 * gto_basis_kspace_cutoff([SIGMA], l_max)
    k, k_squared, k_batch, k_zero = compute_k_vectors_flat(cutoff, system.cell[None], inverse)
    features = system.charges[:, None]
    if l_max:
        features = torch.cat([features, system.dipoles[:, [1, 2, 0]]], dim=1)
    default = torch.get_default_dtype()
    torch.set_default_dtype(torch.float64)
    try:
        reference = GTOElectrostaticEnergy(
            l_max, SIGMA, cutoff, self_interaction, "slab" if system.slab else "pbc"
        )
        return reference(
            k,
            k_squared,
            k_batch,
            k_zero,
            features,
            system.positions,
            torch.zeros(len(features), dtype=torch.long),
            torch.linalg.det(system.cell)[None],
            torch.tensor([[True, True, not system.slab]]),
        )[0]
    finally:
        torch.set_default_dtype(default)


@pytest.mark.parametrize("slab", [False, True])
@pytest.mark.parametrize("l_max", [0, 1])
@pytest.mark.parametrize("self_interaction", [False, True])
def test_agrees_with_graph_longrange(slab: bool, l_max: int, self_interaction: bool) -> None:
    system = random_system(slab=slab, l_max=l_max)
    model = MultipoleElectrostatics(SIGMA, l_max, self_interaction=self_interaction)
    positions = system.positions.clone().requires_grad_()
    system = replace(system, positions=positions)
    expected = graph_longrange_energy(system, l_max, self_interaction=self_interaction)
    expected_gradient = torch.autograd.grad(expected, positions)[0]

    energy = system.energy(model)
    gradient = torch.autograd.grad(energy, positions)[0]
    torch.testing.assert_close(energy, expected, rtol=1e-6, atol=0.0)
    scale = expected_gradient.abs().max()
    torch.testing.assert_close(gradient / scale, expected_gradient / scale, rtol=1e-6, atol=1e-6)


def test_cutoff_and_k_vectors_are_those_of_graph_longrange() -> None:
    cell = random_system(slab=False).cell
    cutoff = kspace_cutoff(SIGMA, 1)
    assert cutoff == pytest.approx(1.25 * gto_basis_kspace_cutoff([SIGMA], 1), rel=1e-12)
    k = compute_k_vectors_flat(cutoff, cell[None], 2 * math.pi * torch.linalg.inv(cell).T[None])[0]
    grid = reciprocal_grid(tuple(map(tuple, cell.tolist())), cutoff, SIGMA, cell.device)
    pairs = torch.count_nonzero(grid.weights) + torch.count_nonzero(
        grid.weights[(grid.columns != 0).any(1)]
    )
    assert pairs == 2 * (len(k) - 1)  # their list holds one of ±k, and k = 0


CRYSTALS = {  # fractional positions of +, of −; Madelung constant per nearest-neighbour distance
    "NaCl": ([[0, 0, 0], [0, 2, 2], [2, 0, 2], [2, 2, 0]], [2, 0, 0], 1.7475645946331822),
    "CsCl": ([[0, 0, 0]], [2, 2, 2], 1.7626747730709884),
    "zincblende": ([[0, 0, 0], [0, 2, 2], [2, 0, 2], [2, 2, 0]], [1, 1, 1], 1.6380550533887897),
}


@pytest.mark.parametrize("name", CRYSTALS)
def test_madelung_constants(name: str) -> None:
    cations, shift, madelung = CRYSTALS[name]
    cations = torch.tensor(cations, dtype=torch.float64)
    lattice_A = 5.0
    positions = lattice_A / 4.0 * torch.cat([cations, cations + torch.tensor(shift)])
    distance_A = lattice_A / 4.0 * math.hypot(*shift)
    charges = torch.ones(len(positions), dtype=torch.float64)
    charges[len(cations) :] = -1.0
    cell = lattice_A * torch.eye(3, dtype=torch.float64)
    # widths without overlap: the Gaussians act on each other as points
    model = MultipoleElectrostatics(0.06 * lattice_A, 0, kspace_cutoff_factor=2.6)
    energy = System(charges, None, positions, cell, slab=False).energy(model)
    found = -float(energy) * distance_A / (COULOMB * len(cations))
    assert found == pytest.approx(madelung, rel=1e-6)


def test_agrees_with_ewald_sum_of_points() -> None:
    """Narrow Gaussians in a skewed cell against torch-pme's Ewald sum of point charges."""
    cell = random_system(slab=False).cell
    generator = torch.Generator().manual_seed(3)
    grid = torch.cartesian_prod(*[torch.arange(2.0, dtype=torch.float64)] * 3) / 2.0
    jitter = torch.rand(8, 3, generator=generator, dtype=torch.float64)
    positions = (grid + 0.08 * jitter) @ cell
    charges = torch.randn(8, generator=generator, dtype=torch.float64)
    charges -= charges.mean()

    i, j, distance = matscipy.neighbours.neighbour_list(
        "ijd", cutoff=12.0, positions=positions.numpy(), cell=cell.numpy(), pbc=[True] * 3
    )
    pairs = torch.stack([torch.from_numpy(i), torch.from_numpy(j)], dim=1).long()
    ewald = torchpme.EwaldCalculator(
        torchpme.CoulombPotential(smearing=1.5).to(torch.float64),
        lr_wavelength=0.7,
        full_neighbor_list=True,
    ).to(torch.float64)
    potential = ewald(charges[:, None], cell, positions, pairs, torch.from_numpy(distance))
    expected = COULOMB * float((charges[:, None] * potential).sum())

    model = MultipoleElectrostatics(0.35, 0, kspace_cutoff_factor=2.4)
    energy = System(charges, None, positions, cell, slab=False).energy(model)
    assert float(energy) == pytest.approx(expected, rel=1e-6)


def test_two_distant_charges_and_dipoles_act_as_points() -> None:
    distance_A = 8.0
    positions = torch.tensor([[0.0, 0.0, 0.0], [distance_A, 0.0, 0.0]], dtype=torch.float64)
    cell = 60.0 * torch.eye(3, dtype=torch.float64)
    charges = torch.tensor([0.0, 0.0], dtype=torch.float64)
    dipoles = torch.tensor([[0.8, 0.0, 0.0], [0.5, 0.3, 0.0]], dtype=torch.float64)
    energy = System(charges, dipoles, positions, cell, slab=False).energy(
        MultipoleElectrostatics(1.0, 1)
    )
    expected = COULOMB * (0.8 * 0.5 - 3 * 0.8 * 0.5) / distance_A**3
    # tin-foil images polarise a cubic cell: Lorentz term −P²/(6 ε0 V)
    expected -= float(dipoles.sum(0).square().sum()) / (6 * EPSILON_0 * 60.0**3)
    assert float(energy) == pytest.approx(expected, rel=5e-3)

    charged = torch.tensor([1.0, 0.0], dtype=torch.float64)
    dipoles = torch.tensor([[0.0, 0.0, 0.0], [0.5, 0.3, 0.0]], dtype=torch.float64)
    energy = System(charged, dipoles, positions, cell, slab=False).energy(
        MultipoleElectrostatics(1.0, 1)
    ) - System(charged, 0.0 * dipoles, positions, cell, slab=False).energy(
        MultipoleElectrostatics(1.0, 1)
    )
    # a dipole along the field of a positive charge, i.e. pointing away from it, lowers the energy
    assert float(energy) == pytest.approx(-COULOMB * 0.5 / distance_A**2, rel=2e-2)


def capacitor(gap_A: float, *, slab: bool) -> System:
    """Sheets of +1 e and −1 e, 16 Gaussians each, in a cell of 8 × 8 × 80 Å³."""
    sheet = torch.cartesian_prod(*[2.0 * torch.arange(4.0, dtype=torch.float64)] * 2)
    lower = torch.cat([sheet, torch.full((16, 1), -gap_A / 2)], dim=1)
    upper = torch.cat([sheet, torch.full((16, 1), gap_A / 2)], dim=1)
    charges = torch.cat([torch.full((16,), -1 / 16), torch.full((16,), 1 / 16)]).double()
    cell = torch.diag(torch.tensor([8.0, 8.0, 80.0], dtype=torch.float64))
    return System(charges, None, torch.cat([lower, upper]), cell, slab)


def test_slab_correction_gives_a_capacitor() -> None:
    """Pulling sheets of surface charge s apart costs s² A Δd/(2 ε0), whatever the vacuum."""
    model = MultipoleElectrostatics(SIGMA, 1)
    area, near, far = 64.0, 12.0, 20.0
    work = capacitor(far, slab=True).energy(model) - capacitor(near, slab=True).energy(model)
    assert float(work) == pytest.approx((far - near) / (2 * EPSILON_0 * area), rel=1e-6)
    # between tin-foil images the potential drop is shared with the vacuum
    work = capacitor(far, slab=False).energy(model) - capacitor(near, slab=False).energy(model)
    shared = (far - near) - (far**2 - near**2) / 80.0
    assert float(work) == pytest.approx(shared / (2 * EPSILON_0 * area), rel=1e-6)


def test_slab_energy_converges_with_vacuum() -> None:
    model = MultipoleElectrostatics(SIGMA, 1)
    near, far = (random_system(slab=True, vacuum_A=vacuum).energy(model) for vacuum in (22.0, 60.0))
    assert float(near) == pytest.approx(float(far), abs=1e-5)


@pytest.mark.parametrize("slab", [False, True])
def test_invariances(slab: bool) -> None:
    model = MultipoleElectrostatics(SIGMA, 1)
    system = random_system(slab=slab)
    axis = torch.tensor([0.0, 0.0, 1.0] if slab else [0.3, -0.4, 0.8]).double()
    rotation = torch.from_numpy(Rotation.from_rotvec(0.7 * axis).as_matrix()).T
    lattice = torch.randint(-2, 3, (12, 3), generator=torch.Generator().manual_seed(5)).double()
    if slab:
        lattice[:, 2] = 0.0
    order = torch.randperm(12, generator=torch.Generator().manual_seed(6))
    positions, dipoles = system.positions, system.dipoles
    equivalent = {
        "rotation": replace(
            system,
            positions=positions @ rotation,
            dipoles=dipoles @ rotation,
            cell=system.cell @ rotation,
        ),
        "translation": replace(system, positions=positions + torch.tensor([1.0, -7.0, 13.0])),
        "wrapping": replace(system, positions=positions + lattice @ system.cell),
        "permutation": replace(
            system,
            positions=positions[order],
            dipoles=dipoles[order],
            charges=system.charges[order],
        ),
        "axes": replace(system, cell=system.cell[[1, 0, 2]]),
        "left-handed": replace(system, cell=system.cell * torch.tensor([[1.0], [-1.0], [1.0]])),
    }
    for name, other in equivalent.items():
        assert float(other.energy(model)) == pytest.approx(
            float(system.energy(model)), abs=1e-10
        ), name


def test_replicated_cell_has_twice_the_energy() -> None:
    model = MultipoleElectrostatics(SIGMA, 1)
    system = random_system(slab=True)
    double = System(
        system.charges.repeat(2),
        system.dipoles.repeat(2, 1),
        torch.cat([system.positions, system.positions + system.cell[0]]),
        system.cell * torch.tensor([[2.0], [1.0], [1.0]]),
        slab=True,
    )
    assert float(double.energy(model)) == pytest.approx(2 * float(system.energy(model)), rel=1e-10)


@pytest.mark.parametrize("max_elements", [2**22, 16])
@pytest.mark.parametrize("slab", [False, True])
def test_first_and_second_derivatives(slab: bool, max_elements: int) -> None:
    """By charges, dipoles and positions; a small `max_elements` sums in recomputed parts."""
    model = MultipoleElectrostatics(2.5, 1, max_elements=max_elements)
    system = random_system(slab=slab, n_atoms=4, vacuum_A=5.0)

    def energy(charges: Tensor, dipoles: Tensor, positions: Tensor) -> Tensor:
        return System(charges, dipoles, positions, system.cell, slab).energy(model)

    inputs = [t.clone().requires_grad_() for t in (system.charges, system.dipoles)]
    inputs.append(system.positions.clone().requires_grad_())
    assert torch.autograd.gradcheck(energy, inputs)
    assert torch.autograd.gradgradcheck(energy, inputs)


def test_parts_give_the_same_as_the_whole() -> None:
    system = random_system(slab=True)
    whole, parts = (MultipoleElectrostatics(SIGMA, 1, max_elements=n) for n in (2**22, 100))
    torch.testing.assert_close(system.energy(parts), system.energy(whole), rtol=1e-12, atol=1e-12)
    torch.testing.assert_close(forces(parts, system), forces(whole, system), rtol=0, atol=1e-12)


def test_grid_cached_in_inference_serves_gradients() -> None:
    model = MultipoleElectrostatics(SIGMA, 1)
    system = random_system(slab=True, vacuum_A=23.4)
    with torch.inference_mode():
        expected = float(system.energy(model))
    assert forces(model, system).abs().max() > 0.0
    assert float(system.energy(model)) == expected


def test_batch_equals_its_members() -> None:
    model = MultipoleElectrostatics(SIGMA, 1)
    systems = [
        random_system(slab=True, n_atoms=5, seed=1),
        random_system(slab=False, n_atoms=9, seed=2),
        random_system(slab=True, n_atoms=3, seed=3, vacuum_A=31.0),
    ]
    separate = torch.stack([system.energy(model) for system in systems])
    torch.testing.assert_close(evaluate(model, systems), separate, rtol=0.0, atol=0.0)


def test_float32_forces_far_from_the_origin() -> None:
    """Phases k·r of up to 10³ keep float32 forces within 1e-4 eV/Å of float64."""
    model = MultipoleElectrostatics(SIGMA, 1)
    system = random_system(slab=True, n_atoms=300, vacuum_A=40.0)
    far = (system.positions + 4 * system.cell[0]).float()  # what float32 holds, in both runs
    single = replace(
        system,
        charges=system.charges.float(),
        dipoles=system.dipoles.float(),
        positions=far,
        cell=system.cell.float(),
    )
    double = replace(system, positions=far.double())
    assert forces(model, double).abs().max() > 1.0
    torch.testing.assert_close(
        forces(model, single).double(), forces(model, double), rtol=0.0, atol=1e-4
    )


def test_what_has_no_energy_is_refused() -> None:
    cell = random_system(slab=True).cell
    neutral, charged = torch.tensor([1.0, -1.0 + 1e-5]), torch.tensor([1.0, 0.5])
    check_slab(neutral, cell)
    check_slab(charged, random_system(slab=False).cell, slab=False)
    with pytest.raises(ElectrostaticsError, match=re.escape("total charge of +1.5000 e")):
        check_slab(charged, cell)
    with pytest.raises(ElectrostaticsError, match="along z"):
        check_slab(neutral, random_system(slab=False).cell)
    system = random_system(slab=False)
    model = MultipoleElectrostatics(SIGMA, 1)
    with pytest.raises(ElectrostaticsError, match="no stress"):
        replace(system, cell=system.cell.requires_grad_()).energy(model)
    with pytest.raises(ElectrostaticsError, match="no volume"):
        replace(system, cell=torch.zeros(3, 3)).energy(model)
    cells, batch = torch.stack([cell, cell]), torch.arange(12) % 2
    with pytest.raises(ElectrostaticsError, match="sort by batch"):
        model(system.charges, None, system.positions, cells, torch.tensor([True, True]), batch)
