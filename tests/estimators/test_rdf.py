import itertools

import MDAnalysis
import numpy as np
import pytest
from MDAnalysis.analysis.rdf import InterRDF

from falsemetal.estimators.rdf import radial_distribution

LENGTHS_A = np.array([12.42, 12.42, 20.4])
CELL = np.diag(LENGTHS_A)
EDGES_A = np.linspace(0.0, 6.2, 63)


def random_sites(n_frames: int, n_sites: int, seed: int) -> np.ndarray:
    """Sites in two cells along each edge, in the precision in which MDAnalysis keeps them."""
    rng = np.random.default_rng(seed)
    sites = rng.uniform(-0.5, 1.5, (n_frames, n_sites, 3)) * LENGTHS_A
    return sites.astype(np.float32).astype(float)


def universe(positions: np.ndarray) -> MDAnalysis.Universe:
    made = MDAnalysis.Universe.empty(positions.shape[1])
    made.load_new(positions, dimensions=np.array([*LENGTHS_A, 90.0, 90.0, 90.0], np.float32))
    return made


@pytest.mark.parametrize("like", [True, False])
def test_agrees_with_mdanalysis(like) -> None:
    positions, others = random_sites(4, 80, seed=1), random_sites(4, 50, seed=2)
    together = universe(np.concatenate([positions, others], 1)).atoms
    first, second = together[:80], together[80:]
    reference = InterRDF(
        first,
        first if like else second,
        nbins=len(EDGES_A) - 1,
        range=(EDGES_A[0], EDGES_A[-1]),
        exclusion_block=(1, 1) if like else None,
    ).run()
    found = radial_distribution(positions, None if like else others, CELL, edges_A=EDGES_A)
    assert found.max() > 1.0
    np.testing.assert_allclose(found, reference.results.rdf, rtol=1e-6)


def test_an_ideal_gas_is_uniform() -> None:
    n_frames, n_sites = 100, 120
    edges = np.linspace(1.0, 6.2, 14)
    found = radial_distribution(random_sites(n_frames, n_sites, seed=3), None, CELL, edges_A=edges)
    pairs = 0.5 * n_frames * n_sites * (n_sites - 1)
    per_shell = pairs * 4.0 / 3.0 * np.pi * np.diff(edges**3) / LENGTHS_A.prod()
    deviations = (found - 1.0) * np.sqrt(per_shell)
    assert np.abs(deviations).max() < 4.0
    assert np.sqrt(np.mean(deviations**2)) == pytest.approx(1.0, abs=0.5)


def test_shells_of_a_simple_cubic_lattice() -> None:
    spacing_A, per_side = 3.0, 6
    lattice = spacing_A * np.indices((per_side,) * 3).reshape(3, -1).T
    edges = np.arange(0.5, 9.0, 0.1) * 1.0001
    cell = spacing_A * per_side * np.eye(3)
    found = radial_distribution(lattice[None], None, cell, edges_A=edges)
    n_sites = per_side**3
    shells = 4.0 / 3.0 * np.pi * np.diff(edges**3)
    neighbours = found * shells * (n_sites - 1) / (spacing_A * per_side) ** 3
    around = np.array(list(itertools.product(range(-3, 4), repeat=3)))
    expected, _ = np.histogram(spacing_A * np.linalg.norm(around, axis=1), edges)
    assert list(expected[expected > 0]) == [6, 12, 8, 6, 24, 24, 12]
    np.testing.assert_allclose(neighbours, expected, atol=1e-9)


def test_wrapping_does_not_matter() -> None:
    positions = random_sites(2, 40, seed=5)
    images = np.random.default_rng(1).integers(-2, 3, positions.shape) * LENGTHS_A
    tiny = -1e-18 * np.ones(3)
    edge = np.concatenate([positions, np.broadcast_to(tiny, (2, 1, 3))], 1)
    moved = edge + np.concatenate([images, np.broadcast_to(LENGTHS_A, (2, 1, 3))], 1)
    np.testing.assert_allclose(
        *(radial_distribution(p, None, CELL, edges_A=EDGES_A) for p in (edge, moved))
    )


@pytest.mark.parametrize(
    ("edges", "n_sites", "message"),
    [
        (np.linspace(0.0, 6.3, 10), 5, r"end them at 6.21 Å"),
        (np.array([-0.1, 1.0]), 5, "must increase from 0"),
        (np.array([1.0, 1.0]), 5, "must increase from 0"),
        (EDGES_A, 1, "no pairs among 1 sites"),
    ],
)
def test_refuses_what_it_cannot_count(edges, n_sites, message) -> None:
    with pytest.raises(ValueError, match=message):
        radial_distribution(random_sites(1, n_sites, seed=0), None, CELL, edges_A=edges)
