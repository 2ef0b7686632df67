"""Voltage across a slab (paper, S1.0.3)."""

import numpy as np

from falsemetal.arrays import BoolArray, FloatArray
from falsemetal.units import EPSILON_0


def potential_drop(dipole_e_per_A: FloatArray) -> FloatArray:
    """Potential above a slab minus the potential below it, ΔV = P_z/ε0, in V.

    P_z, of any shape, is positive when positive charge lies higher.
    """
    return np.asarray(dipole_e_per_A) / EPSILON_0


def is_metallic(difference_V: FloatArray, band_gap_eV: float) -> BoolArray:
    """Whether abs(ΔV), by the charges of electronic structure, closes the gap, elementwise.

    There the potential drop lifts the valence band of one face to the conduction band of the other
    (paper, Fig. 3).
    """
    return np.abs(difference_V) > band_gap_eV


def is_outside(difference_V: FloatArray, low_V: float, high_V: float) -> BoolArray:
    """Whether ΔV, by the charges of electronic structure, leaves the window of a metal's E_F.

    Below it the liquid's valence band reaches the metal's Fermi level, above it the conduction band
    (paper, Fig. 2c), elementwise.
    """
    difference = np.asarray(difference_V)
    return np.asarray((difference < low_V) | (difference > high_V))
