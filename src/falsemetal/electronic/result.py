"""What electronic structure says of one frame, whichever engine computed it."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]


@dataclass(frozen=True)
class ElectronicStructure:
    """Levels and projected densities of states, relative to the Fermi level.

    Attributes
    ----------
    engine
        Program and version.
    converged
        Whether self-consistency was reached; else nothing here is meant for a figure.
    fermi_eV
        Fermi level in the engine's own reference.
    homo_eV, lumo_eV
        Highest level that is occupied at zero temperature, and the next.
    energies_eV
        Shape (n_energies,).
    density
        Projected on each layer, states/eV, shape (n_layers, n_energies).
    heights_A
        Of the layers, shape (n_layers,).
    dipole_e_per_A
        P_z of a slab, positive when positive charge lies higher; NaN in bulk.
    """

    engine: str
    converged: bool
    fermi_eV: float
    homo_eV: float
    lumo_eV: float
    energies_eV: FloatArray
    density: FloatArray
    heights_A: FloatArray
    dipole_e_per_A: float

    @property
    def gap_eV(self) -> float:
        """Between the highest occupied level and the next."""
        return self.lumo_eV - self.homo_eV
