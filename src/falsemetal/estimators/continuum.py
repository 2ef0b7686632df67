"""What dielectric continuum theory expects of a slab's dipole."""

import math

from falsemetal.units import BOLTZMANN, EPSILON_0, water_number_density


def continuum_thickness(n_molecules: int, area_A2: float, density_g_per_cm3: float) -> float:
    """Thickness in Å that so many water molecules have at the bulk density."""
    return n_molecules / water_number_density(density_g_per_cm3) / area_A2


def continuum_dipole_std(
    thickness_A: float, area_A2: float, *, temperature_K: float, relative_permittivity: float
) -> float:
    r"""Thermal standard deviation of a slab's dipole per area, in e/Å.

    A uniform polarisation P of a slab in vacuum, not screened by electrodes, costs per volume the
    energy P²/(2ε0χ) of polarising the medium plus P²/(2ε0) of its own depolarising field. With χ =
    ε − 1 the sum is P²ε/(2ε0(ε − 1)). Equipartition over the volume A·L gives the variance of P,
    and the dipole per area is P_z = P·L, so

    .. math::
        \sigma(P_z) = \sqrt{k_B T\, \epsilon_0 \left(1 - \frac{1}{\epsilon}\right) \frac{L}{A}}

    Without the second term, the limit of a model that is blind to long-ranged forces, the variance
    is larger by a factor of ε: ε − 1 stands in place of 1 − 1/ε. L and A are thickness and
    cross-section, ε is the static permittivity of the bulk liquid.
    """
    screening = 1.0 - 1.0 / relative_permittivity
    variance = BOLTZMANN * temperature_K * EPSILON_0 * screening * thickness_A / area_A2
    return math.sqrt(variance)
