"""Radial distribution functions (paper, Fig. S7)."""

import numpy as np
from scipy.spatial import cKDTree

from falsemetal.arrays import FloatArray
from falsemetal.systems.molecules import orthorhombic_box, wrap


def radial_distribution(
    positions: FloatArray, others: FloatArray | None, cell: FloatArray, *, edges_A: FloatArray
) -> FloatArray:
    r"""Density of pairs at a distance over that of an ideal gas, averaged over frames.

    .. math::
        g(r) = \frac{V}{N M}\, \frac{n(r)}{\tfrac{4\pi}{3}(r_>^3 - r_<^3)}

    with n(r) pairs at distances above r_< and up to r_>. All pairs count, those within a molecule
    too. Positions have the shape (n_frames, N, 3), Å, those of the other kind (n_frames, M, 3);
    None is for pairs among `positions`, of which there are N(N − 1). Wrapping does not matter.

    The cell is orthorhombic and periodic in all directions; edges of the n_bins shells increase
    from 0 on to half the shortest cell edge at most, beyond which a shell does not fit into the
    cell. ValueError for edges beyond that, another cell, or too few sites for a pair.
    """
    box = orthorhombic_box(cell, np.ones(3, dtype=bool))
    edges = np.asarray(edges_A, dtype=float)
    _check_edges(edges, box)
    n_frames, n_sites = positions.shape[:2]
    n_pairs = n_sites * (n_sites - 1 if others is None else others.shape[1])
    if n_frames * n_pairs == 0:
        raise ValueError(
            f"no pairs among {n_sites} sites in {n_frames} frames; choose species that occur"
        )
    counts = np.zeros(len(edges) - 1)
    for frame in range(n_frames):
        tree = _tree(positions[frame], box)
        partners = tree if others is None else _tree(others[frame], box)
        # each site also finds itself, at a distance of 0, which the first count takes away
        counts += tree.count_neighbors(partners, edges, cumulative=False)[1:]
    shells_A3 = 4.0 * np.pi / 3.0 * np.diff(edges**3)
    return np.asarray(counts / (n_frames * n_pairs * shells_A3 / box.prod()))


def _tree(sites: FloatArray, box: FloatArray) -> cKDTree:
    return cKDTree(wrap(np.asarray(sites, dtype=float), box), boxsize=box)


def _check_edges(edges_A: FloatArray, box: FloatArray) -> None:
    if edges_A[0] < 0.0 or np.any(np.diff(edges_A) <= 0.0):
        raise ValueError("edges_A must increase from 0 Å or more")
    reach = 0.5 * box.min()
    if edges_A[-1] > reach * (1.0 + 1e-9):
        raise ValueError(
            f"edges_A reach to {edges_A[-1]:.2f} Å, beyond half the shortest cell edge of "
            f"{box.min():.2f} Å; end them at {reach:.2f} Å (analysis.rdf_range_A)"
        )
