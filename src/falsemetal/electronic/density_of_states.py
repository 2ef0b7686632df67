"""Densities of states from discrete levels."""

import numpy as np
from numpy.typing import NDArray
from scipy.stats import norm

FloatArray = NDArray[np.float64]


def smear_levels(
    levels_eV: FloatArray, weights: FloatArray, energies_eV: FloatArray, *, smearing_eV: float
) -> FloatArray:
    r"""Density of states of Gaussian-smeared levels (paper, S1.0.5).

    .. math:: g(E) = \sum_n w_n\, \mathcal{N}(E; \epsilon_n, \sigma)

    Parameters
    ----------
    levels_eV
        Shape (n_levels,).
    weights
        States that each level counts for, such as 2 without spin, times its projection; shape
        (..., n_levels).
    energies_eV
        Where the density is wanted, shape (n_energies,).
    smearing_eV
        Standard deviation of the Gaussians.

    Returns
    -------
    ndarray of shape (..., n_energies)
        In states/eV.
    """
    shapes = norm.pdf(np.asarray(energies_eV)[:, None], np.asarray(levels_eV), smearing_eV)
    return np.asarray(weights) @ shapes.T
