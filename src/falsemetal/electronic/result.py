"""What electronic structure says of one frame, whichever engine computed it."""

from dataclasses import dataclass

from falsemetal.arrays import FloatArray
from falsemetal.electronic.structure import Layers


@dataclass(frozen=True)
class ElectronicStructure:
    """Levels and projected densities of states of a converged calculation, from the Fermi level.

    That is `fermi_eV` in the engine's own reference: the middle between the highest level that is
    occupied at zero temperature and the next, `homo_eV` and `lumo_eV`. An engine's own level lies
    anywhere in a gap: smeared occupations put it near the band with fewer states. Beside a metal,
    whose levels are dense, the middle is the metal's Fermi level: that of smeared occupations lies
    within kT of it (36 Cu, 500 K: 0.03 eV above).

    `engine` is program and version; `density` in states/eV has a row per layer, from below. The
    dipole per area is positive when positive charge lies higher; None in bulk, which has none.
    """

    engine: str
    fermi_eV: float
    homo_eV: float
    lumo_eV: float
    energies_eV: FloatArray
    density: FloatArray
    layers: Layers
    dipole_e_per_A: float | None

    @property
    def gap_eV(self) -> float:
        """Between the highest occupied level and the next."""
        return self.lumo_eV - self.homo_eV
