"""What linear response expects of a slab's dipole, with and without long-ranged forces.

L and A are a slab's thickness and cross-section, ε the static permittivity of the bulk liquid.
"""

import math
from collections.abc import Callable

import numpy as np
from scipy import integrate, linalg

from falsemetal.arrays import FloatArray
from falsemetal.units import BOLTZMANN, EPSILON_0, water_number_density

SURFACE_UNCERTAINTY = 0.2
"""Relative uncertainty of σ by linear response, for what surfaces do to thin slabs."""

GRID_A = 0.1
"""Spacing of the planes of dipole density, at most."""


def continuum_thickness(n_molecules: int, area_A2: float, density_g_per_cm3: float) -> float:
    """Thickness in Å that so many water molecules have at the bulk density."""
    return n_molecules / water_number_density(density_g_per_cm3) / area_A2


def reduced_fluctuation(
    mean_square_e2_per_A2: float, thickness_A: float, area_A2: float, *, temperature_K: float
) -> float:
    """Fluctuation of the dipole per area without dimension, g = A⟨P_z²⟩/(k_B T ε0 L).

    It is 1 − 1/ε for a dielectric slab of any size, and at most ε − 1 for a potential that feels no
    depolarising field.
    """
    return area_A2 * mean_square_e2_per_A2 / (BOLTZMANN * temperature_K * EPSILON_0 * thickness_A)


def dipole_std(
    reduced: float, thickness_A: float, area_A2: float, *, temperature_K: float
) -> float:
    """Invert :func:`reduced_fluctuation`: root mean square of P_z in e/Å."""
    return math.sqrt(reduced * BOLTZMANN * temperature_K * EPSILON_0 * thickness_A / area_A2)


def dielectric_fluctuation(relative_permittivity: float) -> float:
    r"""Reduced fluctuation of a dielectric slab in vacuum, 1 − 1/ε.

    A uniform polarisation P of a slab in vacuum, not screened by electrodes, costs per volume the
    energy P²/(2ε0χ) of polarising the medium plus P²/(2ε0) of its own depolarising field. With χ =
    ε − 1 the sum is P²ε/(2ε0(ε − 1)). Equipartition over the volume A·L gives the variance of P,
    and the dipole per area is P_z = P·L, so

    .. math::
        \sigma(P_z)^2 = k_B T\, \epsilon_0 \left(1 - \frac{1}{\epsilon}\right) \frac{L}{A}
    """
    return 1.0 - 1.0 / relative_permittivity


def blind_fluctuation(relative_permittivity: float) -> float:
    """Reduced fluctuation without the depolarising field, ε − 1.

    Slabs reach it that are far thicker than what their potential sees: hundreds of Å.
    """
    return relative_permittivity - 1.0


def nonlocal_fluctuation(
    thickness_A: float,
    susceptibility: float,
    depolarisation: Callable[[FloatArray], FloatArray],
) -> float:
    r"""Reduced fluctuation of a slab whose planes of dipoles interact up to some distance.

    Of a short-ranged potential, `depolarisation` is λ(l), the increment of the depolarising energy
    when a slab of thickness l grows, in units of P²/(2ε0): 1 at l = 0, 0 beyond its range, 1
    everywhere for exact electrostatics of fixed charges. Planes of dipole density then interact by
    λ(0)δ(u) + λ'(|u|)/2, and linear response to a uniform field gives

    .. math::
        \left(\frac{1}{\chi} + \lambda(0)\right) p(z)
        + \frac{1}{2} \int_0^L \lambda'(|z - z'|)\, p(z')\, dz' = 1, \qquad
        g = \frac{1}{L} \int_0^L p(z)\, dz

    with the susceptibility χ throughout the slab: ε − 1 of fixed charges, of whose λ = 1 the
    dielectric slab returns. NaN where λ < 0 makes a slab polarise by itself.
    """
    n_planes = math.ceil(thickness_A / GRID_A)
    spacing = thickness_A / n_planes
    # ∫λ'/2 over the width of a plane at distance l: half the difference of λ at its edges
    edges = np.abs(np.arange(n_planes + 1) - 0.5) * spacing
    reach = np.asarray(depolarisation(edges), float)
    kernel = 0.5 * np.diff(reach)
    contact = float(np.asarray(depolarisation(np.zeros(1)), float)[0])
    kernel[0] = reach[0] - contact
    row = kernel.copy()
    row[0] += 1.0 / susceptibility + contact
    reduced = float(linalg.solve_toeplitz(row, np.ones(n_planes)).mean())
    return reduced if reduced > 0.0 else math.nan


def longitudinal_stiffness(
    k_per_A: float, depolarisation: Callable[[FloatArray], FloatArray], reach_A: float
) -> float:
    r"""Weight λ_k of the depolarising energy of a wave of polarisation along its wave vector.

    1 for exact electrostatics; of a potential whose λ(l), see :func:`nonlocal_fluctuation`, ends at
    `reach_A`,

    .. math::
        \lambda_k = 1 + \int_0^\infty \lambda'(u) \cos(ku)\, du
                  = k \int_0^\infty \lambda(u) \sin(ku)\, du, \qquad
        \frac{1}{S_L} = \frac{1}{S_T} + \lambda_k

    It vanishes for k → 0, where S_L grows to S_T = ε − 1.
    """
    distance = np.linspace(0.0, reach_A, math.ceil(reach_A / GRID_A) * 10 + 1)
    integrand = depolarisation(distance) * np.sin(k_per_A * distance)
    return float(k_per_A * integrate.simpson(integrand, x=distance))
