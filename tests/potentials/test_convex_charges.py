"""Charges that minimise convex energies, against linear algebra, SciPy and differences."""

import numpy as np
import pytest
import torch
from linear_interface import HARDNESS, SIGMA, Interface
from scipy.optimize import minimize as scipy_minimize
from torch import Tensor

from falsemetal.electrostatics.matrix import open_matrix
from falsemetal.potentials.charges.convex import convex_network, minimise
from falsemetal.potentials.charges.equilibration import EquilibrationError, equilibrate
from falsemetal.potentials.charges.preconditioner import Diagonal


class Convex:
    """Atoms whose hardness rises with their charge, without periodicity."""

    def __init__(self, n_atoms: int = 6) -> None:
        generator = torch.Generator().manual_seed(1)

        def uniform(*shape: int) -> Tensor:
            return torch.rand(*shape, generator=generator, dtype=torch.float64)

        self.positions = 3.0 * uniform(n_atoms, 3)
        self.local = uniform(n_atoms) - 0.5
        self.applied = 4.0 * (uniform(n_atoms) - 0.5)
        self.hardness = 2.0 + uniform(n_atoms)
        self.weights = 3.0 * uniform(n_atoms, 4)
        self.slopes = 20.0 * (uniform(n_atoms, 4) - 0.5)
        self.offsets = 2.0 * (uniform(n_atoms, 4) - 0.5)
        self.start = torch.zeros(n_atoms, dtype=torch.float64)
        self.total = torch.tensor(0.4, dtype=torch.float64)
        self.precondition = Diagonal(self.hardness, 0.7)

    @property
    def parameters(self) -> list[Tensor]:
        names = ("positions", "local", "applied", "hardness", "weights", "slopes", "offsets")
        return [getattr(self, name) for name in names]

    def coulomb(self, positions: Tensor) -> Tensor:
        return open_matrix(positions, torch.full((len(positions),), 0.7, dtype=torch.float64))

    def energy(self, charges: Tensor, positions: Tensor, local: Tensor, *others: Tensor) -> Tensor:
        applied, hardness, *network = others
        change = charges - local
        own = 0.5 * (hardness * change.square()).sum() + convex_network(change, *network)
        return own + 0.5 * charges @ self.coulomb(positions) @ charges + applied @ charges

    def minimum(self, total: Tensor, *parameters: Tensor, start: Tensor | None = None):
        return minimise(
            self.energy,
            self.start if start is None else start,
            total,
            parameters,
            precondition=self.precondition,
            tolerance_V=1e-12,
        )

    def quadratic(self) -> Tensor:
        """Charges without the network."""
        found = equilibrate(
            (self.coulomb(self.positions) + self.hardness.diag())[None],
            (self.applied - self.hardness * self.local)[None],
            torch.ones(1, len(self.local), 1).double(),
            self.total.reshape(1, 1),
        )
        return found.charges[0]


def test_without_its_network_the_convex_energy_is_quadratic() -> None:
    problem = Convex()
    problem.weights = torch.zeros_like(problem.weights)
    found = problem.minimum(problem.total, *problem.parameters)
    torch.testing.assert_close(found.charges, problem.quadratic(), rtol=0.0, atol=1e-11)
    assert found.steps <= 3


def test_convex_minimum_is_that_of_scipy() -> None:
    """Not above the quadratic start, and the same from elsewhere; λ = −dW/dQ."""
    problem = Convex()
    parameters = problem.parameters
    quadratic = problem.quadratic()
    found = problem.minimum(problem.total, *parameters, start=quadratic)
    assert float(found.charges.sum()) == pytest.approx(0.4, abs=1e-14)
    assert float(found.energy) < float(problem.energy(quadratic, *parameters)) - 1e-3
    assert float((found.charges - quadratic).abs().max()) > 0.05
    elsewhere = problem.minimum(problem.total, *parameters, start=5.0 * problem.applied)
    torch.testing.assert_close(elsewhere.charges, found.charges, rtol=0.0, atol=1e-11)

    def energy(free: np.ndarray) -> float:
        charges = np.append(free, float(problem.total) - free.sum())
        return float(problem.energy(torch.tensor(charges), *parameters))

    expected = scipy_minimize(energy, np.zeros(5), tol=1e-10)
    np.testing.assert_allclose(found.charges[:-1], expected.x, atol=1e-6)
    assert float(found.energy) == pytest.approx(expected.fun, abs=1e-10)
    more, less = (problem.minimum(problem.total + h, *parameters).energy for h in (1e-3, -1e-3))
    assert float(found.multiplier) == pytest.approx(-float(more - less) / 2e-3, abs=1e-6)


def test_the_network_adds_nothing_at_the_local_charge_and_is_convex() -> None:
    problem = Convex(1)
    weights, slopes, offsets = (x[:1] for x in problem.parameters[-3:])
    change = torch.linspace(-3.0, 3.0, 601, dtype=torch.float64, requires_grad=True)
    value = convex_network(change, weights, slopes, offsets)
    (slope,) = torch.autograd.grad(value, change, create_graph=True)
    (curvature,) = torch.autograd.grad(slope.sum(), change)
    assert bool((curvature > 0.0).all())
    assert slope[300].abs().item() < 1e-12
    assert convex_network(change[300:301], weights, slopes, offsets).item() == pytest.approx(0.0)


@pytest.mark.parametrize("tolerance_V", [1e-6, 1e-10])
def test_a_convex_minimum_beside_a_metal(tolerance_V) -> None:
    """Ill-conditioned, with potentials of volts that no charge feels."""
    interface = Interface()
    n = len(interface.local)
    generator = torch.Generator().manual_seed(5)
    weights, slopes, offsets = (
        torch.rand(n, 4, generator=generator, dtype=torch.float64) for _ in range(3)
    )
    hardness = torch.full((n,), HARDNESS, dtype=torch.float64)

    def energy(charges: Tensor, applied: Tensor) -> Tensor:
        change = charges - interface.local
        own = 0.5 * (hardness * change.square()).sum()
        own = own + convex_network(change, 10.0 * weights, 20.0 * (slopes - 0.5), offsets)
        return own + 0.5 * charges @ interface.matrix @ charges + applied @ charges

    applied = (5.0 * interface.applied + 3.0).requires_grad_()
    found = minimise(
        energy,
        interface.local,
        torch.tensor(0.0, dtype=torch.float64),
        (applied,),
        precondition=Diagonal(hardness, SIGMA),
        tolerance_V=tolerance_V,
    )
    print(f"{found.steps} steps of Newton's method")
    assert found.steps <= 20
    charges = found.charges.detach().requires_grad_()
    (slope,) = torch.autograd.grad(energy(charges, applied.detach()), charges)
    assert float((slope + found.multiplier.detach()).abs().max()) <= tolerance_V
    # dW/dv = q, whether or not charges are followed
    (by_applied,) = torch.autograd.grad(found.energy, applied)
    torch.testing.assert_close(by_applied, found.charges.detach(), rtol=0.0, atol=tolerance_V)


def test_derivatives_of_a_convex_minimum_are_those_of_differences() -> None:
    """Charges, energy and λ, by Q, positions and all that atoms have, to second order."""
    problem = Convex()
    inputs = [x.requires_grad_() for x in (problem.total, *problem.parameters)]

    def found(*values: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        return problem.minimum(*values)[:3]

    assert torch.autograd.gradcheck(found, inputs, fast_mode=True)
    assert torch.autograd.gradgradcheck(found, inputs, fast_mode=True)


def test_forces_of_a_convex_minimum_need_no_derivative_of_charges() -> None:
    problem = Convex()
    positions, *others = problem.parameters
    held = problem.minimum(problem.total, positions, *others).charges
    positions.requires_grad_()
    (fixed,) = torch.autograd.grad(problem.energy(held, positions, *others), positions)
    whole = problem.minimum(problem.total, positions, *others).energy
    (followed,) = torch.autograd.grad(whole, positions)
    torch.testing.assert_close(fixed, followed, rtol=0.0, atol=1e-9)


def test_an_energy_that_is_not_convex_is_refused() -> None:
    problem = Convex()
    problem.hardness = torch.full_like(problem.hardness, -60.0)
    with pytest.raises(EquilibrationError):
        problem.minimum(problem.total, *problem.parameters)
