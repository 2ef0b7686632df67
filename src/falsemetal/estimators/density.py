"""Number density of molecules across a slab."""

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]


def number_density(z: FloatArray, edges_A: FloatArray, area_A2: float) -> FloatArray:
    """Molecules per Å³ in layers of a slab, averaged over frames.

    Parameters
    ----------
    z
        Heights of oxygens in Å, shape (n_frames, n_molecules).
    edges_A
        Edges of the layers, shape (n_layers + 1,), Å; molecules outside are not counted.
    area_A2
        Cross-section of the cell in Å².

    Returns
    -------
    ndarray of shape (n_layers,)
    """
    counts, _ = np.histogram(z, bins=edges_A)
    return counts / (len(z) * area_A2 * np.diff(edges_A))
