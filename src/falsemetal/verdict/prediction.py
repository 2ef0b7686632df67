r"""What a measured λ of the stacking test says of slabs of any thickness.

λ(l) is the increment of the depolarising energy when a slab of thickness l grows, so that planes of
dipole density interact by :math:`\delta(u) + \lambda'(|u|)/2`;
:func:`falsemetal.estimators.continuum.nonlocal_fluctuation` solves for their response. It is
linear response, at equilibrium, of a liquid that is the bulk's up to its surfaces, which change σ
by some 20 %; a run that is too short has not got there yet.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from scipy import optimize, special
from scipy.interpolate import PchipInterpolator

from falsemetal.arrays import FloatArray
from falsemetal.estimators.continuum import (
    dipole_std,
    nonlocal_fluctuation,
)
from falsemetal.units import EPSILON_0
from falsemetal.verdict.stacking import Layer, Stacking

LEAST_DEPTH_A = 3.0
"""Depth from which forces are read: above, molecules miss neighbours."""

CRITICAL_FRACTION = 0.01
"""Fraction of frames beyond the gap at which a thickness is called critical."""

THICKEST_A = 400.0
"""Thicknesses above are not searched for the critical one."""


def interpolate_depolarisation(
    stackings: Sequence[Stacking], *, ends: bool, contact: float = 1.0
) -> Callable[[FloatArray], FloatArray]:
    """λ(l) through what was measured, monotonic between the points, and `contact` at l = 0.

    Beyond the last increment it keeps its value, or is 0 if it `ends`. One that ends is resolved by
    the forces in layers below the faces, where the increments of energy are too thick to tell how
    it falls.
    """
    points = {0.0: [(contact, 1.0)]}
    for stacking in stackings:
        for increment in stacking.increments:
            points.setdefault(round(increment.middle_A, 3), []).append((increment.fraction, 1.0))
    by_energy = _curve(points, ends)
    if not ends:
        return by_energy
    layers = resolved_layers(stackings)
    if not layers:
        return by_energy
    deepest = max(layer.depth_A for layer, _ in layers)
    points = {at: values for at, values in points.items() if at == 0.0 or at > deepest}
    for layer, value in layers:
        points.setdefault(round(layer.depth_A, 3), []).append((value, layer.weight))
    return _curve(points, ends)


def resolved_layers(stackings: Sequence[Stacking]) -> list[tuple[Layer, float]]:
    """Layers deep enough to be read, with λ at their depth: what the far face leaves to them.

    λ at the distance of the far face is that of the energies, from their first increment on.
    """
    found = []
    for stacking in stackings:
        points = {i.middle_A: [(i.fraction, 1.0)] for i in stacking.increments}
        by_energy = _curve({0.0: [(1.0, 1.0)]} | points, ends=True)
        for layer in stacking.layers:
            far = layer.thickness_A - layer.depth_A
            if layer.depth_A >= LEAST_DEPTH_A and far >= stacking.increments[0].middle_A:
                value = 2.0 * layer.field_fraction - float(by_energy(np.array(far)))
                found.append((layer, value))
    return found


def _curve(
    points: Mapping[float, Sequence[tuple[float, float]]], ends: bool
) -> Callable[[FloatArray], FloatArray]:
    """Curve through weighted means of values at each thickness."""
    thickness = sorted(points)
    values = []
    for at in thickness:
        found, weights = np.transpose(points[at])
        values.append(float(np.average(found, weights=weights)))
    if ends:
        values[-1] = 0.0
    curve = PchipInterpolator(thickness, values, extrapolate=False)
    last, value = thickness[-1], values[-1]
    return lambda distance: np.where(distance < last, curve(np.minimum(distance, last)), value)


def response_of(permittivity: float, optical_permittivity: float) -> tuple[float, float]:
    r"""Susceptibility of a liquid, and λ(0), by the charges of its dipoles.

    Fixed charges have χ = ε − 1 and λ(0) = 1. Charges that meet open-circuit dipoles of electronic
    structure, which electrons of the permittivity ε∞ screen, have λ(0) = ε∞ and
    :math:`\chi = (\epsilon - \epsilon_\infty) / \epsilon_\infty^2`: with ε∞ = 1 the same.
    """
    susceptibility = (permittivity - optical_permittivity) / optical_permittivity**2
    return susceptibility, optical_permittivity


@dataclass(frozen=True)
class Prediction:
    """Fluctuations of films at equilibrium, by linear response.

    Attributes
    ----------
    depolarisation
        λ(l), by the assumed charges.
    susceptibility
        Of the bulk liquid by these charges, which is assumed, not measured.
    contact
        λ(0): what a plane pays for its own dipole.
    charge_ratio
        Charge of electronic structure over the potential's own, of the liquid's centre.
    """

    depolarisation: Callable[[FloatArray], FloatArray]
    susceptibility: float
    contact: float
    charge_ratio: float
    cross_section_A: float
    temperature_K: float
    band_gap_eV: float

    def sigma_V(self, thickness_A: float) -> float:
        """Root mean square of ΔV in V; NaN for a film that polarises by itself (λ < 0)."""
        area = self.cross_section_A**2
        reduced = nonlocal_fluctuation(thickness_A, self.susceptibility, self.depolarisation)
        own = dipole_std(reduced, thickness_A, area, temperature_K=self.temperature_K)
        return abs(self.charge_ratio) * own / EPSILON_0

    def dielectric_V(self, thickness_A: float) -> float:
        """Root mean square of ΔV in V if electrostatics were exact."""
        reduced = 1.0 / (1.0 / self.susceptibility + self.contact)
        area = self.cross_section_A**2
        own = dipole_std(reduced, thickness_A, area, temperature_K=self.temperature_K)
        return abs(self.charge_ratio) * own / EPSILON_0

    def fraction_beyond(self, thickness_A: float) -> float:
        """Fraction of frames whose abs(e ΔV) exceeds the band gap."""
        return fraction_beyond(self.sigma_V(thickness_A), self.band_gap_eV)

    def critical_thickness_A(self, scale: float = 1.0) -> float | None:
        """Thickness from which more than 1 % of frames lie beyond the gap, or None.

        `scale` multiplies σ, to see what its uncertainty does.
        """
        limit: float = self.band_gap_eV / (math.sqrt(2.0) * special.erfcinv(CRITICAL_FRACTION))

        def excess(thickness_A: float) -> float:
            return scale * self.sigma_V(thickness_A) - limit

        if not excess(THICKEST_A) > 0.0:  # NaN, too
            return None
        low = 2.0
        if excess(low) > 0.0:
            return low
        return float(optimize.brentq(excess, low, THICKEST_A, xtol=0.05))


def fraction_beyond(sigma_V: float, band_gap_eV: float) -> float:
    """Two-sided tail of a Gaussian of zero mean beyond a gap."""
    return float(special.erfc(band_gap_eV / (math.sqrt(2.0) * sigma_V)))
