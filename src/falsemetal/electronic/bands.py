"""Edges of a liquid's bands, read off a density of states (paper, S1.0.5)."""

from dataclasses import dataclass

import numpy as np

from falsemetal.arrays import BoolArray, FloatArray

OVERLAP = "the search begins within a band"
NO_LAYER = "no molecule lies far enough from the solid"


@dataclass(frozen=True)
class BandEdges:
    """Valence band maximum and conduction band minimum from the Fermi level; NaN where not found.

    `flag` tells what is amiss with the search.
    """

    vbm_eV: float
    cbm_eV: float
    flag: str | None = None

    @property
    def gap_eV(self) -> float:
        """E_g = CBM − VBM; NaN where the search failed."""
        return self.cbm_eV - self.vbm_eV


def find_band_edges(
    energies_eV: FloatArray,
    density: FloatArray,
    *,
    dipole_e_per_A: float,
    threshold_per_eV: float,
    overlap_eV: float,
    separation_eV: float,
) -> BandEdges:
    """Find the edges nearest to the Fermi level from the side to which the bands tilt.

    A negative dipole tilts the bands upward: the search for the VBM goes down from `overlap_eV`
    above the Fermi level, so that a band which crosses it is still found by its edge, and the CBM
    is the first energy with states from `separation_eV` above the VBM on. A positive dipole tilts
    them downward, and the search is mirrored: first the CBM, up from below, then the VBM. From the
    first edge to the search for the second `separation_eV` are passed over, so that the smeared
    tail of the first band is not taken for the second.

    Energies increase and are relative to the Fermi level; the density is of the liquid's states
    alone, in states/eV, and `threshold_per_eV` that from which on there are states. Flagged is
    where the window ends before an edge is found, and where the search begins within a band: then
    the bands overlap, and both edges are where it began.
    """
    energies, occupied = np.asarray(energies_eV), np.asarray(density) > threshold_per_eV
    if dipole_e_per_A > 0.0:
        mirrored = _search(-energies[::-1], occupied[::-1], overlap_eV, separation_eV)
        return BandEdges(-mirrored.cbm_eV, -mirrored.vbm_eV, mirrored.flag)
    return _search(energies, occupied, overlap_eV, separation_eV)


def _search(
    energies: FloatArray, occupied: BoolArray, overlap: float, separation: float
) -> BandEdges:
    start = int(np.searchsorted(energies, overlap, side="right")) - 1
    if start < 0 or start == len(energies) - 1:
        return _failed("the Fermi level lies outside the energies")
    below = np.flatnonzero(occupied[: start + 1])
    if not len(below):
        return _failed("no states on the first side of the Fermi level")
    first = int(below[-1])
    if first == start:
        return BandEdges(float(energies[start]), float(energies[start]), OVERLAP)
    above = np.flatnonzero(occupied & (energies >= energies[first] + separation))
    if not len(above):
        return _failed("no states on the second side of the Fermi level")
    return BandEdges(float(energies[first]), float(energies[above[0]]))


def _failed(flag: str) -> BandEdges:
    return BandEdges(np.nan, np.nan, flag)
