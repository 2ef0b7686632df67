"""Lines of a liquid's band edges against ΔV, and where they reach a metal's Fermi level."""

from dataclasses import dataclass

import numpy as np
from scipy import stats

from falsemetal.arrays import FloatArray
from falsemetal.estimators.statistics import CONFIDENCE

OVERLAP_V = 0.5
"""So far beyond ΔV = 0 frames still tell the line of an edge that moves on the other side."""

LEAST_FRAMES = 3
"""Fewer tell no scatter about a line."""


@dataclass(frozen=True)
class EdgeLine:
    """Straight line of an edge from the Fermi level against ΔV, fitted to so many frames.

    `crossing_V` is the ΔV at which it reaches the Fermi level, with the half-width of its 95 %
    interval by the frames' scatter about the line, Student's t; both NaN where it does not.
    """

    slope_eV_per_V: float
    intercept_eV: float
    crossing_V: float
    crossing_half_width_V: float
    n_fitted: int


def fit_edge(difference_V: FloatArray, edge_eV: FloatArray, *, side: float) -> EdgeLine | None:
    """Fit the line of an edge by least squares to the frames on the side on which it moves.

    At negative ΔV (`side` −1) the bands rise to the far end of the liquid, and the valence band
    maximum with them; at positive (+1) they fall there, and the conduction band minimum. None of
    fewer than three frames at different ΔV.
    """
    chosen = side * np.asarray(difference_V) > -OVERLAP_V
    x, y = np.asarray(difference_V)[chosen], np.asarray(edge_eV)[chosen]
    if len(np.unique(x)) < LEAST_FRAMES:
        return None
    slope, intercept = np.polyfit(x, y, 1)
    crossing = -intercept / slope if slope < 0.0 else np.nan
    if not side * crossing > 0.0:
        return EdgeLine(float(slope), float(intercept), np.nan, np.nan, len(x))
    degrees = len(x) - 2
    variance = np.sum((y - slope * x - intercept) ** 2) / degrees
    leverage = 1.0 / len(x) + (crossing - x.mean()) ** 2 / np.sum((x - x.mean()) ** 2)
    factor = stats.t.ppf(0.5 * (1.0 + CONFIDENCE), degrees)
    half_width = factor * np.sqrt(variance * leverage) / abs(slope)
    return EdgeLine(float(slope), float(intercept), float(crossing), float(half_width), len(x))
