"""Labels of frames: which of them are known, and what a frame is under."""

import numpy as np
from ase import Atoms

from falsemetal.arrays import FloatArray

ENERGY, FORCES = "REF_energy", "REF_forces"
"""In `info` and `arrays` of a frame, in eV and eV/Å."""

HELD = "REF_held"
"""Array of a frame: whether an atom was held when it was labelled, and its force set to zero."""

CHARGES = "REF_charges"
"""Array of a frame: charges of its atoms in e, positive where electrons are missing."""

TOTAL_CHARGE = "total_charge"
"""In `info` of a frame: its charge in e; absent: neutral."""

EXTERNAL_FIELD = "external_field"
"""In `info` of a frame: the uniform field that it was labelled in, three components in V/Å.

A component is positive where it pushes positive charge up its axis: energies hold −E·P. Absent:
none.
"""

DIPOLE = "REF_dipole"
"""In `info` of a frame: dipole moment, three components in e·Å, from negative to positive charge.

Of a periodic direction it tells nothing, and of a charged frame it depends on the origin.
"""

FERMI_LEVEL = "REF_fermi_eV"
"""In `info` of a frame: Fermi level of the electrons in eV, by the zero of its calculation."""

GEOMETRY = "geometry"
"""In `info` of a frame: number of its geometry, which frames of several charges share."""

BESIDE = "beside_removed"
"""In `info` of a frame: atoms, from 0, that were neighbours of what was removed."""


def in_field_along_z(frame: Atoms, field_V_per_A: float) -> Atoms:
    """Copy a frame into a uniform field along z in V/Å."""
    placed: Atoms = frame.copy()
    placed.info[EXTERNAL_FIELD] = [0.0, 0.0, field_V_per_A]
    return placed


def known_forces(frame: Atoms) -> FloatArray:
    """Return the forces in eV/Å, shape (n_atoms, 3), NaN on held atoms."""
    forces = np.array(frame.arrays[FORCES], dtype=float)
    if HELD in frame.arrays:
        forces[np.asarray(frame.arrays[HELD], dtype=bool)] = np.nan
    return forces


def known_charges(frame: Atoms) -> FloatArray:
    """Return the charges in e, shape (n_atoms,), NaN where a frame has none."""
    if CHARGES not in frame.arrays:
        return np.full(len(frame), np.nan)
    return np.array(frame.arrays[CHARGES], dtype=float)


def known_dipole(frame: Atoms) -> FloatArray:
    """Return the dipole in e·Å, shape (3,), NaN where a frame has none or is charged."""
    if DIPOLE not in frame.info or total_charge(frame) != 0.0:
        return np.full(3, np.nan)
    return np.array(frame.info[DIPOLE], dtype=float)


def known_fermi_level(frame: Atoms) -> float:
    """Return the Fermi level in eV, NaN where a frame has none."""
    return float(frame.info.get(FERMI_LEVEL, np.nan))


def total_charge(frame: Atoms) -> float:
    """Return a frame's charge in e, zero where it tells none; ValueError if it is no number."""
    told = frame.info.get(TOTAL_CHARGE, 0.0)
    try:
        return float(told)
    except (TypeError, ValueError):
        raise ValueError(f"{TOTAL_CHARGE}: {told!r} is no number; give a charge in e") from None


def external_field(frame: Atoms) -> FloatArray:
    """Return the field that a frame is in, in V/Å, shape (3,), zero where it tells none.

    ValueError if it has not three components.
    """
    told = frame.info.get(EXTERNAL_FIELD, np.zeros(3))
    try:
        field = np.array(told, dtype=float)
    except (TypeError, ValueError):
        field = np.empty(0)
    if field.shape != (3,):
        raise ValueError(
            f"{EXTERNAL_FIELD}: {told!r}, but a field has three components in V/Å; write "
            f'{EXTERNAL_FIELD}="0.0 0.0 0.02" in a file, [0.0, 0.0, 0.02] in Python'
        )
    return field
