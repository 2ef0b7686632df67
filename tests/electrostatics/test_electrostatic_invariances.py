"""What the energy must not depend on, its derivatives, and systems that have none."""

import re
from dataclasses import replace

import pytest
import torch
from charged_systems import SIGMA, System, evaluate, forces, random_system
from scipy.spatial.transform import Rotation
from torch import Tensor

from falsemetal.electrostatics.multipoles import (
    ElectrostaticsError,
    MultipoleElectrostatics,
    check_slab,
)


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
