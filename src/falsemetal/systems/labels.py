"""Labels of frames: which of them are known, and what a frame is under."""

import numpy as np
from ase import Atoms

from falsemetal.arrays import FloatArray

ENERGY, FORCES = "REF_energy", "REF_forces"
"""In `info` and `arrays` of a frame, in eV and eV/Å."""

HELD = "REF_held"
"""Array of a frame: whether an atom was held when it was labelled, and its force set to zero."""

CHARGES = "REF_charges"
"""Array of a frame: charges of its atoms in e, for potentials that have charges."""

TOTAL_CHARGE, EXTERNAL_FIELD = "total_charge", "external_field"
"""In `info` of a frame: its charge in e and a uniform field, three components in V/Å."""


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


def total_charge(frame: Atoms) -> float:
    """Return a frame's charge in e, zero where it tells none."""
    return float(frame.info.get(TOTAL_CHARGE, 0.0))


def external_field(frame: Atoms) -> FloatArray:
    """Return the field that a frame is in, in V/Å, shape (3,), zero where it tells none.

    ValueError if it has not three components.
    """
    field = np.array(frame.info.get(EXTERNAL_FIELD, np.zeros(3)), dtype=float)
    if field.shape != (3,):
        raise ValueError(
            f"{EXTERNAL_FIELD}: {frame.info[EXTERNAL_FIELD]!r}, but a field has three components "
            'in V/Å; write external_field="0.0 0.0 0.02"'
        )
    return field
