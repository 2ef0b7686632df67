"""Self-consistent charges and convex minima against plain linear algebra, SciPy and differences."""

from collections.abc import Callable

import numpy as np
import pytest
import torch
from ase import Atoms
from ase.build import fcc111, molecule
from scipy.optimize import minimize as scipy_minimize
from torch import Tensor

from falsemetal.electrostatics.matrix import open_matrix, periodic_matrix
from falsemetal.electrostatics.reciprocal import kspace_cutoff
from falsemetal.potentials.charges.convex import convex_network, minimise
from falsemetal.potentials.charges.equilibration import (
    EquilibrationError,
    equilibrate,
    equilibrate_at_potential,
)
from falsemetal.potentials.charges.fixed_point import (
    FixedPointError,
    Search,
    fixed_point,
    fixed_point_of_total,
)
from falsemetal.potentials.charges.implicit import root_with_derivatives
from falsemetal.potentials.charges.preconditioner import Diagonal

SIGMA, HARDNESS, BOND = 1.0, 4.0, 3.0
FIELD_V_PER_A = 0.02
TIGHT = Search("newton", tolerance_e=1e-13)


def metal_and_water(n_molecules: int = 8) -> Atoms:
    """Cu(111) with a few molecules above it; the metal comes first."""
    atoms = fcc111("Cu", (3, 4, 4), a=3.61, orthogonal=True, vacuum=12.0)
    top, lengths = atoms.positions[:, 2].max(), atoms.cell.lengths()
    generator = np.random.default_rng(1)
    for index in range(n_molecules):
        water = molecule("H2O")
        water.rotate(generator.uniform(0.0, 360.0), generator.normal(size=3), center="COM")
        layer, place = divmod(index, 6)
        across = [lengths[0] * (place % 2 + 0.5) / 2.0, lengths[1] * (place // 2 + 0.5) / 3.0]
        water.translate([*across, top + 3.0 + 3.0 * layer])
        atoms += water
    atoms.pbc = (True, True, False)
    return atoms


class Interface:
    """q = q_loc − S(A q + v − μ) of a metal that shares charge and of bonds that do."""

    def __init__(self) -> None:
        atoms = metal_and_water()
        n, metal = len(atoms), int((atoms.symbols == "Cu").sum())
        self.matrix = periodic_matrix(
            torch.tensor(atoms.positions),
            torch.tensor(atoms.cell.array),
            smearing_A=SIGMA,
            cutoff_per_A=kspace_cutoff(SIGMA, 0),
            film=True,
        )
        self.metal = torch.zeros(n, dtype=torch.float64)
        self.metal[:metal] = 1.0
        self.bonds = torch.zeros(n, n, dtype=torch.float64)
        self.local = torch.zeros(n, dtype=torch.float64)
        for oxygen in range(metal, n, 3):
            for hydrogen in (oxygen + 1, oxygen + 2):
                bond = torch.zeros(n, dtype=torch.float64)
                bond[oxygen], bond[hydrogen] = -1.0, 1.0
                self.bonds += torch.outer(bond, bond) / BOND
                self.local += 0.4 * bond
        self.applied = -FIELD_V_PER_A * torch.tensor(atoms.positions[:, 2])
        held = torch.outer(self.metal, self.metal) / metal
        self.response = self.bonds + (self.metal.diag() - held) / HARDNESS

    def neutral(self, charges: Tensor, local: Tensor, applied: Tensor) -> Tensor:
        return local - self.response @ (self.matrix @ charges + applied)

    def held(self, charges: Tensor, level: Tensor, local: Tensor, applied: Tensor) -> Tensor:
        felt = self.matrix @ charges + applied
        return local - self.bonds @ felt - self.metal / HARDNESS * (felt - level)

    @property
    def exact(self) -> Tensor:
        whole = torch.eye(len(self.local)) + self.response @ self.matrix
        return torch.linalg.solve(whole, self.local - self.response @ self.applied)


@pytest.fixture(scope="module")
def interface() -> Interface:
    return Interface()


@pytest.mark.parametrize(("method", "most_evaluations"), [("anderson", 30), ("newton", 60)])
def test_a_linear_map_beside_a_metal(interface, method, most_evaluations) -> None:
    search = Search(method, tolerance_e=1e-9)
    parameters = interface.local, interface.applied
    found = fixed_point(interface.neutral, interface.local, parameters, search=search)
    print(f"{method}: {found.evaluations} evaluations, {found.residual_e:.1e} e")
    torch.testing.assert_close(found.values, interface.exact, rtol=0.0, atol=1e-8)
    assert found.evaluations <= most_evaluations
    again = fixed_point(interface.neutral, found.values, parameters, search=search)
    assert again.evaluations == 1


def test_a_preconditioner_that_inverts_a_linear_map_needs_one_step(interface) -> None:
    whole = torch.eye(len(interface.local)) + interface.response @ interface.matrix
    found = fixed_point(
        interface.neutral,
        interface.local,
        (interface.local, interface.applied),
        precondition=lambda change: torch.linalg.solve(whole, change),
        search=Search("anderson", mixing=1.0),
    )
    assert found.evaluations == 2
    torch.testing.assert_close(found.values, interface.exact, rtol=0.0, atol=1e-9)


@pytest.mark.parametrize("share", [0.3, 0.1])
def test_mixing_diverges_beside_a_metal(interface, share) -> None:
    radius = torch.linalg.eigvals(interface.response @ interface.matrix).real.max()
    assert 20.0 < radius < 30.0
    with pytest.raises(
        FixedPointError, match=r"method mixing\): after \d+ .*take the method anderson"
    ):
        fixed_point(
            interface.neutral,
            interface.local,
            (interface.local, interface.applied),
            search=Search("mixing", mixing=share),
        )


@pytest.mark.parametrize("method", ["anderson", "newton"])
def test_a_search_that_was_ended_goes_on_from_its_error(interface, method) -> None:
    parameters = interface.local, interface.applied
    message = (
        rf"method {method}\): after 9 evaluations the closest are off by .* e, more than 1e-08 e"
    )
    with pytest.raises(FixedPointError, match=message) as caught:
        fixed_point(
            interface.neutral,
            interface.local,
            parameters,
            search=Search(method, max_evaluations=9),
        )
    assert "\n" not in str(caught.value)
    values, residual_e = caught.value.values, caught.value.residual_e
    change = interface.neutral(values, *parameters) - values
    assert float(change.abs().max()) == pytest.approx(residual_e)
    found = fixed_point(interface.neutral, values, parameters, search=Search(method))
    torch.testing.assert_close(found.values, interface.exact, rtol=0.0, atol=1e-8)

    total = torch.tensor(0.0, dtype=torch.float64)
    with pytest.raises(FixedPointError) as caught:
        fixed_point_of_total(
            interface.held, interface.local, total, parameters, search=Search(max_evaluations=9)
        )
    assert caught.value.values.shape == interface.local.shape
    found = fixed_point_of_total(
        interface.held,
        caught.value.values,
        total,
        parameters,
        level_V=caught.value.level_V,
    )
    torch.testing.assert_close(found.values, interface.exact, rtol=0.0, atol=1e-8)


def test_what_is_no_number_is_told() -> None:
    with pytest.raises(FixedPointError, match="at last nan"):
        fixed_point(lambda p: p / 0.0 * 0.0, torch.ones(3).double())


@pytest.mark.parametrize("level_V", [0.0, 1.7])
def test_total_charge_by_a_common_level(interface, level_V) -> None:
    """As with the metal's part projected, for any start of the level."""
    total = torch.tensor(0.0, dtype=torch.float64)
    parameters = interface.local, interface.applied
    found = fixed_point_of_total(
        interface.held, interface.local, total, parameters, level_V=level_V
    )
    print(f"with a level: {found.evaluations} evaluations")
    assert float(found.values.sum()) == pytest.approx(0.0, abs=1e-12)
    torch.testing.assert_close(found.values, interface.exact, rtol=0.0, atol=1e-8)
    felt = interface.matrix @ found.values + interface.applied
    of_metal = felt[interface.metal > 0.0].mean()
    assert float(found.level_V) == pytest.approx(float(of_metal), abs=1e-8)


def test_only_differences_from_the_level_count(interface) -> None:
    """Shift both and nothing changes; the level found moves with the potential."""
    local, applied, shift_V = interface.local, interface.applied, 3.0
    shifted = applied + shift_V
    level = torch.tensor(0.4, dtype=torch.float64)
    held = [
        fixed_point(interface.held, local, (level + c, local, applied + c)).values
        for c in (0.0, shift_V)
    ]
    torch.testing.assert_close(*held, rtol=0.0, atol=1e-9)
    total = torch.tensor(0.0, dtype=torch.float64)
    one = fixed_point_of_total(interface.held, local, total, (local, applied))
    for start_V in (0.0, shift_V):
        other = fixed_point_of_total(
            interface.held, local, total, (local, shifted), level_V=start_V
        )
        torch.testing.assert_close(other.values, one.values, rtol=0.0, atol=1e-8)
        assert float(other.level_V - one.level_V) == pytest.approx(shift_V, abs=1e-7)


def test_an_insulator_has_no_level(interface) -> None:
    with pytest.raises(EquilibrationError, match="does not change the total charge"):
        fixed_point_of_total(
            lambda p, level: interface.local - interface.bonds @ (interface.matrix @ p - level),
            interface.local,
            torch.tensor(1.0, dtype=torch.float64),
        )


def random_problem(n: int = 5) -> list[Tensor]:
    """Local charges, potential, a positive response and a Coulomb-like matrix, to differentiate."""
    generator = torch.Generator().manual_seed(3)

    def normal(*shape: int) -> Tensor:
        return torch.randn(*shape, generator=generator, dtype=torch.float64)

    roots = normal(n, n), normal(n, n)
    response, matrix = (root @ root.T / n for root in roots)
    return [x.requires_grad_() for x in (normal(n), normal(n), response, matrix)]


def linear(charges: Tensor, local: Tensor, applied: Tensor, response: Tensor, matrix: Tensor):
    return local - response @ (matrix @ charges + applied)


def saturating(charges: Tensor, level: Tensor, *parameters: Tensor) -> Tensor:
    """Response that falls off, not symmetric in its atoms."""
    local, applied, response, matrix = parameters
    felt = matrix @ charges + applied - level
    return local - response @ torch.tanh(felt) - 0.2 * torch.tanh(0.5 * felt + local)


def compare_derivatives(one: Callable[..., Tensor], other: Callable[..., Tensor]) -> None:
    """First and second derivatives of a loss, relative to their largest."""
    found = []
    for charges_of in (one, other):
        parameters = random_problem()
        values = charges_of(*parameters)
        loss = (values - torch.linspace(-1.0, 1.0, len(values))).square().sum()
        slopes = torch.autograd.grad(loss, parameters, create_graph=True)
        squares = torch.stack([slope.square().sum() for slope in slopes]).sum()
        found.append([loss, *slopes, *torch.autograd.grad(squares, parameters)])
    for expected, value in zip(*found, strict=True):
        scale = expected.abs().max()
        torch.testing.assert_close(value / scale, expected / scale, rtol=0.0, atol=1e-8)


def test_derivatives_are_those_of_plain_linear_algebra() -> None:
    def densely(local: Tensor, applied: Tensor, response: Tensor, matrix: Tensor) -> Tensor:
        whole = torch.eye(len(local)).double() + response @ matrix
        return torch.linalg.solve(whole, local - response @ applied)

    def iteratively(*parameters: Tensor) -> Tensor:
        start = torch.zeros_like(parameters[0])
        return fixed_point(linear, start, parameters, search=TIGHT).values

    compare_derivatives(densely, iteratively)


def test_derivatives_of_a_curved_map_are_those_of_differences() -> None:
    """At a given level, which is one of the parameters, and at a total charge."""
    parameters = random_problem()
    level = torch.tensor(0.3, dtype=torch.float64, requires_grad=True)
    start = torch.zeros(5, dtype=torch.float64)

    def at_level(*theta: Tensor) -> Tensor:
        return fixed_point(saturating, start, theta, search=TIGHT).values

    def at_total(total: Tensor, *theta: Tensor) -> tuple[Tensor, Tensor]:
        found = fixed_point_of_total(saturating, start, total, theta, search=TIGHT)
        assert found.level_V is not None
        return found.values, found.level_V

    for function in (at_level, at_total):
        assert torch.autograd.gradcheck(function, (level, *parameters), fast_mode=True)
        assert torch.autograd.gradgradcheck(function, (level, *parameters), fast_mode=True)


def test_a_parameter_that_depends_on_another_counts_once() -> None:
    """x² = θ with the parameters θ/2 and θ: dx/dθ = 1/(2x), and its derivative −1/(4x³)."""
    theta = torch.tensor([4.0], dtype=torch.float64, requires_grad=True)
    half = 0.5 * theta
    (x,) = root_with_derivatives(
        lambda x, whole, half: x.square() - 2.0 * half + 0.0 * whole,
        torch.tensor([2.0], dtype=torch.float64),
        (theta, half),
    )
    (first,) = torch.autograd.grad(x, theta, create_graph=True)
    (second,) = torch.autograd.grad(first, theta)
    assert first.item() == pytest.approx(0.25, abs=1e-12)
    assert second.item() == pytest.approx(-1.0 / 32.0, abs=1e-12)


def test_dipoles_have_no_part_in_the_total_charge() -> None:
    """A charge and a dipole, each of which answers to both."""
    is_charge = torch.tensor([1.0, 0.0], dtype=torch.float64)
    mutual = torch.tensor([[2.0, 0.5], [0.5, 1.0]], dtype=torch.float64)

    def respond(p: Tensor, level: Tensor) -> Tensor:
        felt = mutual @ p - level * torch.tensor([1.0, 0.3], dtype=torch.float64)
        return torch.tensor([0.2, 0.1], dtype=torch.float64) - torch.tanh(felt)

    total = torch.tensor(0.7, dtype=torch.float64)
    found = fixed_point_of_total(respond, is_charge, total, charges=is_charge)
    assert float(found.values[0]) == pytest.approx(0.7, abs=1e-8)
    assert found.level_V is not None
    again = respond(found.values, found.level_V)
    torch.testing.assert_close(again, found.values, rtol=0.0, atol=1e-7)


def test_capacitance_is_the_derivative_of_the_charge_by_the_level() -> None:
    """dQ/dμ from the implicit derivative, differences, and 1·(A + J)⁻¹·1; μ(Q) inverts Q(μ)."""
    generator = torch.Generator().manual_seed(4)
    positions = 4.0 * torch.rand(6, 3, generator=generator, dtype=torch.float64)
    matrix = open_matrix(positions, torch.full((6,), 0.8, dtype=torch.float64))
    chi = torch.randn(6, generator=generator, dtype=torch.float64)

    def respond(charges: Tensor, level: Tensor) -> Tensor:
        return (level - chi - matrix @ charges) / HARDNESS

    def charge(level: Tensor) -> Tensor:
        return fixed_point(respond, torch.zeros_like(chi), (level,), search=TIGHT).values.sum()

    level = torch.tensor(0.6, dtype=torch.float64, requires_grad=True)
    total = charge(level)
    (capacitance,) = torch.autograd.grad(total, level)
    hamiltonian = matrix + HARDNESS * torch.eye(6)
    exact = equilibrate_at_potential(
        hamiltonian[None], chi[None], torch.ones(1, 6).double(), level.detach()[None]
    )
    assert total.item() == pytest.approx(float(exact.charges.sum()), abs=1e-11)
    assert capacitance.item() == pytest.approx(float(exact.capacitance), abs=1e-10)
    with torch.no_grad():
        by_differences = (charge(level + 1e-3) - charge(level - 1e-3)) / 2e-3
    assert capacitance.item() == pytest.approx(float(by_differences), abs=1e-9)
    back = fixed_point_of_total(respond, torch.zeros_like(chi), total.detach(), search=TIGHT)
    assert float(back.level_V) == pytest.approx(0.6, abs=1e-11)


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
def test_a_convex_minimum_beside_a_metal(interface, tolerance_V) -> None:
    """Ill-conditioned, with potentials of volts that no charge feels."""
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
