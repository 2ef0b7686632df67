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
