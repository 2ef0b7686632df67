"""What a frame fills of its cell, for frames that do not say what they are."""

import numpy as np
from ase import Atoms

VACUUM_A = 5.0
"""Width from which a layer free of atoms is vacuum.

Layers of atoms lie up to 4 Å apart in crystals, far less in a liquid; the vacuum of a slab that
was calculated with care is wider than 10 Å.
"""

TYPES = ("bulk", "slab", "wire", "cluster")


def find_config_type(frame: Atoms) -> str:
    """Tell `bulk`, `slab`, `wire` and `cluster` apart by the vacuum in the cell.

    They differ in the number of lattice directions that are open: not periodic, or crossed by a
    layer wider than `VACUUM_A` in which there is no atom. `bulk` fills its cell, be it a liquid, a
    crystal or an interface of both. For this purpose atoms are wrapped where the frame is periodic.
    """
    n_open = sum(not periodic for periodic in frame.pbc)
    # LAPACK may never return from what is not finite
    finite = all(np.isfinite(array).all() for array in (frame.cell.array, frame.positions))
    if finite and frame.pbc.any() and frame.cell.rank == 3:
        heights_A = 1.0 / np.linalg.norm(frame.cell.reciprocal()[frame.pbc], axis=1)
        along = np.sort(frame.get_scaled_positions()[:, frame.pbc], axis=0)
        gaps = np.diff(along, axis=0, append=along[:1] + 1.0).max(axis=0)
        n_open += int(np.sum(gaps * heights_A > VACUUM_A))
    return TYPES[n_open]
