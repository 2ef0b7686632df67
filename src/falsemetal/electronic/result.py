"""What electronic structure says of one frame, whichever engine computed it."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]


@dataclass(frozen=True)
class ElectronicStructure:
    """Levels and projected densities of states of a converged calculation, from the Fermi level.

    Attributes
    ----------
    engine
        Program and version.
    fermi_eV
        In the engine's own reference: the middle between the highest occupied level and the next.
        An engine's own level lies anywhere in a gap: smeared occupations put it near the band with
        fewer states.
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
