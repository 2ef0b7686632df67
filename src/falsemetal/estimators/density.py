"""Number density of molecules across a slab."""

import numpy as np

from falsemetal.arrays import FloatArray


def density_profile(z: FloatArray, edges_A: FloatArray, area_A2: float) -> FloatArray:
    """Molecules per Å³ in layers of a slab, averaged over frames, shape (n_layers,).

    `z`, shape (n_frames, n_molecules), are their heights; those outside the edges, shape (n_layers
    + 1,), are not counted.
    """
    counts, _ = np.histogram(z, bins=edges_A)
    return counts / (len(z) * area_A2 * np.diff(edges_A))
