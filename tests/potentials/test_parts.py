"""Splines, harmonics, products and neighbours, each against what it stands for."""

import mace.modules  # noqa: F401  (lets e3nn load its constants)
import numpy as np
import pytest
import torch
from e3nn import o3
from mace.modules.symmetric_contraction import SymmetricContraction
from small_models import water_layer

from falsemetal.kernels import write_kernels
from falsemetal.potentials.fast.equivariant import Linear, SphericalHarmonics
from falsemetal.potentials.fast.neighbours import edge_vectors, find_neighbours
from falsemetal.potentials.fast.products import FoldedProduct
from falsemetal.potentials.fast.radial import evaluate, fit_splines
from falsemetal.potentials.graph import neighbour_edges
from falsemetal.potentials.store import default_dtype

CUTOFF_A = 5.0


@pytest.fixture(autouse=True)
def double_precision():
    with default_dtype(torch.float64):
        yield


def bumps(lengths: torch.Tensor) -> torch.Tensor:
    orders = torch.arange(1, 9)
    envelope = (1.0 - (lengths / CUTOFF_A) ** 2)[:, None] ** 3
    return torch.sin(orders * torch.pi * lengths[:, None] / CUTOFF_A) * envelope


@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float32, 1e-6), (torch.float64, 1e-11)])
def test_splines_follow_values_and_slopes(dtype, tolerance) -> None:
    knots, coefficients = fit_splines(bumps, CUTOFF_A, dtype)
    lengths = torch.linspace(0.5, CUTOFF_A - 1e-6, 977).requires_grad_(True)
    values = evaluate(coefficients, *knots.places(lengths))
    assert (values - bumps(lengths)).abs().max() < tolerance
    weights = torch.linspace(-1.0, 1.0, 8)
    slopes = [
        torch.autograd.grad((v * weights).sum(), lengths)[0] for v in (values, bumps(lengths))
    ]
    assert (slopes[0] - slopes[1]).abs().max() < 100 * tolerance


def test_splines_vanish_at_the_cutoff() -> None:
    knots, coefficients = fit_splines(bumps, CUTOFF_A, torch.float64)
    lengths = torch.tensor([CUTOFF_A]).requires_grad_(True)
    values = evaluate(coefficients, *knots.places(lengths))
    assert values.abs().max() < 1e-12
    assert torch.autograd.grad(values.sum(), lengths)[0].abs().max() < 1e-8


def test_functions_that_vary_too_fast_are_refused() -> None:
    with pytest.raises(NotImplementedError, match="too stiff"):
        fit_splines(lambda r: torch.sin(3e4 * r)[:, None], CUTOFF_A, torch.float64)


def test_spherical_harmonics() -> None:
    irreps = o3.Irreps.spherical_harmonics(5)
    module = o3.SphericalHarmonics(irreps, normalize=True, normalization="component")
    units = torch.nn.functional.normalize(torch.randn(7, 3), dim=-1)
    found = SphericalHarmonics(module)(units)
    assert torch.allclose(found.T, module(units), atol=1e-12)


def test_linear_maps_join_what_stands_apart() -> None:
    irreps_in, irreps_out = o3.Irreps("2x0e+3x1o+4x0e"), o3.Irreps("5x0e+2x1o")
    module = o3.Linear(irreps_in, irreps_out)
    x = torch.randn(6, irreps_in.dim)
    scalars = torch.cat([x[:, :2], x[:, 11:]], 1)[:, None]
    vectors = x[:, 2:11].view(6, 3, 3).mT
    found = Linear(module, irreps_in, irreps_out)({"0e": scalars, "1o": vectors})
    expected = module(x)
    assert torch.allclose(found["0e"][:, 0], expected[:, :5])
    assert torch.allclose(found["1o"].mT.flatten(1), expected[:, 5:])


@pytest.mark.parametrize("correlation", [1, 2, 3])
def test_products(correlation) -> None:
    channels, n_elements = 3, 4
    irreps = [o3.Irreps(f"{channels}x0e+{channels}x1o+{channels}x2e"), None]
    irreps[1] = o3.Irreps(f"{channels}x0e+{channels}x1o")
    module = SymmetricContraction(*irreps, correlation, num_elements=n_elements)
    counts, species = [4, 3], [1, 3]
    messages = torch.randn(sum(counts), 9, channels, requires_grad=True)
    attributes = torch.eye(n_elements)[species].repeat_interleave(torch.tensor(counts), 0)
    expected = module(messages.mT, attributes)
    weights = torch.randn(sum(counts), 4, channels)
    gradients = []
    folded = FoldedProduct(module, species)
    for compiled in (False, True):
        if compiled:
            write_kernels(folded)
            assert folded.kernel is not None
        found = folded(messages, counts)
        assert torch.allclose(found[:, 0], expected[:, :channels])
        assert torch.allclose(found[:, 1:].mT.flatten(1), expected[:, channels:])
        gradients.append(torch.autograd.grad((weights * found).sum(), messages)[0])
    assert torch.allclose(*gradients)


def test_neighbours_are_all_edges_sorted_by_receiver() -> None:
    atoms = water_layer(9)
    atoms.positions[::3] += atoms.cell[0]
    arguments = atoms.positions, atoms.cell.array, atoms.pbc, 4.0
    neighbours = find_neighbours(*arguments)
    (sender, receiver), shifts = neighbour_edges(*arguments)
    expected = np.column_stack([receiver, sender, shifts])
    found = np.column_stack([neighbours.receivers, neighbours.senders, neighbours.shifts])
    assert np.array_equal(neighbours.receivers, np.sort(receiver))
    assert np.allclose(*(e[np.lexsort(e.round(6).T)] for e in (found, expected)))
    vectors = edge_vectors(torch.tensor(atoms.positions), neighbours)
    assert vectors.norm(dim=-1).max() <= 4.0
