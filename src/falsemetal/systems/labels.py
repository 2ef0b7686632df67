"""Labels of frames: which of their forces are known."""

import numpy as np
from ase import Atoms

from falsemetal.arrays import FloatArray

ENERGY, FORCES = "REF_energy", "REF_forces"
"""In `info` and `arrays` of a frame, in eV and eV/Å."""

HELD = "REF_held"
"""Array of a frame: whether an atom was held when it was labelled, and its force set to zero."""


def known_forces(frame: Atoms) -> FloatArray:
    """Return the forces in eV/Å, shape (n_atoms, 3), NaN on held atoms."""
    forces = np.array(frame.arrays[FORCES], dtype=float)
    if HELD in frame.arrays:
        forces[np.asarray(frame.arrays[HELD], dtype=bool)] = np.nan
    return forces
