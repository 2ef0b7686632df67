"""Sum over k and mesh against the plain electrostatics, which is checked with independent ones."""

import pytest
import torch
from torch import Tensor

from falsemetal.electrostatics import mesh as mesh_module
from falsemetal.electrostatics.coulomb import coulomb_energy
from falsemetal.electrostatics.multipoles import MultipoleElectrostatics

SUM_TOLERANCE, MESH_TOLERANCE = 1e-12, 1e-5
CELLS = {
    "bulk": [[12.0, 0.0, 0.0], [1.5, 11.0, 0.0], [-2.0, 0.5, 14.0]],
    "slab": [[12.0, 0.0, 0.0], [1.5, 11.0, 0.0], [0.0, 0.0, 30.0]],
}


def system(shape: str, *, dipoles: bool, n_atoms: int = 60) -> tuple[Tensor, Tensor | None, Tensor]:
    """Charges, dipoles and positions at the density of water, partly outside the cell."""
    generator = torch.Generator().manual_seed(5)
    charges = torch.rand(n_atoms, generator=generator, dtype=torch.float64) - 0.5
    fractions = 1.4 * torch.rand(n_atoms, 3, generator=generator, dtype=torch.float64) - 0.2
    moments = 0.5 * (torch.rand(n_atoms, 3, generator=generator, dtype=torch.float64) - 0.5)
    if shape == "slab":
        fractions[:, 2] = 0.3 * fractions[:, 2] + 0.4
    positions = fractions @ torch.tensor(CELLS[shape], dtype=torch.float64)
    return charges - charges.mean(), moments if dipoles else None, positions


def gradients(energy: Tensor, leaves: list[Tensor]) -> list[Tensor]:
    return list(torch.autograd.grad(energy, leaves))


@pytest.mark.parametrize("shape", CELLS)
@pytest.mark.parametrize("dipoles", [True, False])
@pytest.mark.parametrize("self_interaction", [True, False])
@pytest.mark.parametrize(
    ("mesh", "compiled", "tolerance"),
    [(False, False, SUM_TOLERANCE), (True, False, MESH_TOLERANCE), (True, True, MESH_TOLERANCE)],
    ids=["sum", "mesh in PyTorch", "mesh"],
)
def test_energy_and_gradients(
    shape, dipoles, self_interaction, mesh, compiled, tolerance, monkeypatch
) -> None:
    assert mesh_module._kernel(torch.float64) is not None
    if not compiled:
        monkeypatch.setattr(mesh_module, "_kernel", lambda _: None)
    term = MultipoleElectrostatics(1.0, int(dipoles), self_interaction=self_interaction)
    of_atoms = system(shape, dipoles=dipoles)
    cell, slab = torch.tensor(CELLS[shape], dtype=torch.float64), shape == "slab"
    leaves = [t.requires_grad_(True) for t in of_atoms if t is not None]
    expected = term.energy(*of_atoms, cell, slab=slab)
    found = coulomb_energy(term, *of_atoms, cell, slab=slab, mesh=mesh)
    assert found.item() == pytest.approx(expected.item(), abs=10 * tolerance)
    both = zip(gradients(found, leaves), gradients(expected, leaves), strict=True)
    for gradient, exact in both:
        assert exact.abs().max() > 0.1
        assert (gradient - exact).abs().max() < tolerance


@pytest.mark.parametrize("mesh", [True, False])
def test_single_precision(mesh) -> None:
    term = MultipoleElectrostatics(1.0, 1, self_interaction=True)
    charges, moments, positions = system("slab", dipoles=True)
    positions.requires_grad_(True)
    cell = torch.tensor(CELLS["slab"], dtype=torch.float64)
    exact = term.energy(charges, moments, positions, cell, slab=True)
    found = coulomb_energy(
        term, charges.float(), moments.float(), positions, cell, slab=True, mesh=mesh
    )
    difference = gradients(found, [positions])[0] - gradients(exact, [positions])[0]
    assert difference.abs().max() < 1e-5


@pytest.mark.parametrize("shape", CELLS)
def test_the_mesh_is_a_force_field_of_its_own_energy(shape) -> None:
    """The mesh's forces are exact derivatives: it conserves energy however coarse it is."""
    term = MultipoleElectrostatics(1.0, 1, self_interaction=True)
    charges, moments, positions = system(shape, dipoles=True)
    cell = torch.tensor(CELLS[shape], dtype=torch.float64)

    def energy(shift: Tensor) -> Tensor:
        moved = positions.clone()
        moved[3, 1] += shift
        return coulomb_energy(term, charges, moments, moved, cell, slab=shape == "slab", mesh=True)

    step = torch.tensor(1e-4, dtype=torch.float64)
    difference = (energy(step) - energy(-step)) / (2.0 * step)
    shift = torch.zeros((), dtype=torch.float64, requires_grad=True)
    slope = gradients(energy(shift), [shift])[0]
    assert slope.item() == pytest.approx(difference.item(), abs=1e-7)
