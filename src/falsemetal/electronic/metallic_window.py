"""Lines of a liquid's band edges against ΔV, and where they reach a metal's Fermi level."""

from dataclasses import dataclass

import numpy as np
from scipy import stats

from falsemetal.arrays import BoolArray, FloatArray
from falsemetal.estimators.statistics import CONFIDENCE

OVERLAP_V = 0.5
"""So far beyond ΔV = 0 frames still tell the line of an edge that moves on the other side."""

HELD_EV = 0.1
"""An edge so near the Fermi level has reached it; densities of states are smeared by half of it."""


@dataclass(frozen=True)
class EdgeLine:
    """Straight line of an edge from the Fermi level against ΔV, fitted to so many frames.

    `crossing_V` is the ΔV at which it reaches the Fermi level, with the half-width of its 95 %
    interval by the frames' scatter about the line, Student's t. Both are NaN where it does not, the
    latter also where two frames alone tell the line.
    """

    slope_eV_per_V: float
    intercept_eV: float
    crossing_V: float
    crossing_half_width_V: float
    n_fitted: int


def has_reached(vbm_eV: FloatArray, cbm_eV: FloatArray) -> BoolArray:
    """Tell in which frames a band of the liquid has reached the Fermi level, or crossed it."""
    return np.asarray((np.asarray(vbm_eV) > -HELD_EV) | (np.asarray(cbm_eV) < HELD_EV))


def fit_edge(difference_V: FloatArray, edge_eV: FloatArray, *, side: float) -> EdgeLine | None:
    """Fit the line of an edge by least squares to the frames on the side on which it moves.

    At negative ΔV (`side` −1) the bands rise to the far end of the liquid, and the valence band
    maximum with them; at positive (+1) they fall there, and the conduction band minimum. An edge
    that has reached the Fermi level is held there, as electrons flow: of frames whose edge is
    there, only the one of the smallest ΔV tells of the line, the others no more than that it has
    crossed before. None of fewer than two frames at different ΔV.
    """
    chosen = side * np.asarray(difference_V) > -OVERLAP_V
    x, y = np.asarray(difference_V)[chosen], np.asarray(edge_eV)[chosen]
    held = np.abs(y) < HELD_EV
    first = side * x == (side * x[held]).min(initial=np.inf)
    x, y = x[~held | first], y[~held | first]
    if len(np.unique(x)) < 2:
        return None
    slope, intercept = np.polyfit(x, y, 1)
    crossing = -intercept / slope if slope < 0.0 else np.nan
    if not side * crossing > 0.0:
        return EdgeLine(float(slope), float(intercept), np.nan, np.nan, len(x))
    half_width = _half_width(x, y - slope * x - intercept, crossing) / abs(slope)
    return EdgeLine(float(slope), float(intercept), float(crossing), float(half_width), len(x))


def _half_width(x: FloatArray, residuals: FloatArray, at: float) -> float:
    """Half of the 95 % interval of a fitted line at a point."""
    degrees = len(x) - 2
    if degrees == 0:
        return np.nan
    variance = np.sum(residuals**2) / degrees
    leverage = 1.0 / len(x) + (at - x.mean()) ** 2 / np.sum((x - x.mean()) ** 2)
    factor = stats.t.ppf(0.5 * (1.0 + CONFIDENCE), degrees)
    return float(factor * np.sqrt(variance * leverage))
