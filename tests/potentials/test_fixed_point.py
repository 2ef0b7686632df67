"""Self-consistent charges against plain linear algebra and finite differences."""

from collections.abc import Callable

import pytest
import torch
from linear_interface import HARDNESS, Interface
from torch import Tensor

from falsemetal.electrostatics.matrix import open_matrix
from falsemetal.potentials.charges.equilibration import (
    EquilibrationError,
    equilibrate_at_potential,
)
from falsemetal.potentials.charges.fixed_point import (
    FixedPointError,
    Search,
    fixed_point,
    fixed_point_of_total,
)
from falsemetal.potentials.charges.implicit import root_with_derivatives

TIGHT = Search("newton", tolerance_e=1e-13)


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
