"""Electrostatic potential across a slab (paper, S1.0.3)."""

import numpy as np
from numpy.typing import NDArray
from scipy.integrate import cumulative_trapezoid

from falsemetal.units import EPSILON_0

FloatArray = NDArray[np.float64]


def potential_drop(dipole_e_per_A: FloatArray) -> FloatArray:
    """Potential above a slab minus the potential below it, ΔV = P_z/ε0, in V.

    Parameters
    ----------
    dipole_e_per_A
        Dipole per area in e/Å, any shape; positive when positive charge lies higher.
    """
    return np.asarray(dipole_e_per_A) / EPSILON_0


def potential_profile(charge_density_e_per_A3: FloatArray, z_A: FloatArray) -> FloatArray:
    r"""Planar-averaged potential of a slab with field-free vacuum below it.

    Integrates Poisson's equation twice from below by the trapezoidal rule,

    .. math:: V(z) = -\frac{1}{\epsilon_0} \int_{-\infty}^z dz' \int_{-\infty}^{z'} dz'' \rho(z'')

    Parameters
    ----------
    charge_density_e_per_A3
        Averaged over x and y, shape (n_points,), e/Å³; its integral vanishes in a neutral slab.
    z_A
        Increasing heights, shape (n_points,), Å.

    Returns
    -------
    ndarray of shape (n_points,)
        In V, zero at the lowest point.
    """
    field = cumulative_trapezoid(charge_density_e_per_A3, z_A, initial=0.0) / EPSILON_0
    return -cumulative_trapezoid(field, z_A, initial=0.0)


def metallic_dipole(band_gap_eV: float) -> float:
    """Dipole per area in e/Å beyond which a slab is metallic, P = ε0·E_g/e.

    There the potential drop lifts the valence band of one face to the conduction band of the
    other (paper, Fig. 3).
    """
    return band_gap_eV * EPSILON_0


def is_metallic(dipole_e_per_A: FloatArray, band_gap_eV: float) -> NDArray[np.bool_]:
    """Whether abs(P_z) closes the gap, elementwise."""
    return np.abs(dipole_e_per_A) > metallic_dipole(band_gap_eV)
