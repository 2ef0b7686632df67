"""Radial networks as splines: what a network computes for every edge depends on its length only."""

import math
from collections.abc import Callable

import numpy as np
import torch
from scipy.interpolate import make_interp_spline
from torch import Tensor

from falsemetal.arrays import FloatArray

DEGREE = 5
FIRST_INTERVALS, LAST_INTERVALS = 128, 16384
TOLERANCE = {torch.float32: 1e-8, torch.float64: 1e-12}
"""Largest error of a spline, relative to the largest value of its functions."""

SHORTEST_A, UNSURE_INTERVALS = 0.05, 8
"""Splines begin at this distance, for Bessel functions divide by it, and settle within so many."""


class Knots:
    """Knots that all splines of a model share; beyond the last, the cutoff, functions are zero."""

    def __init__(self, spacing_A: float, r_cut_A: float) -> None:
        self.shortest_A, self.spacing_A, self.r_cut_A = SHORTEST_A, spacing_A, r_cut_A
        self.n_intervals = round((r_cut_A - SHORTEST_A) / spacing_A)

    def places(self, lengths: Tensor) -> tuple[Tensor, Tensor]:
        """Intervals that distances in Å are in, and their places there, 0 to 1."""
        place = (lengths.clamp(min=SHORTEST_A) - SHORTEST_A) / self.spacing_A
        interval = place.detach().floor().clamp(max=self.n_intervals - 1)
        return interval.long(), place - interval

    def lengths(self, interval: Tensor, t: Tensor) -> Tensor:
        """Lengths in Å at places, whichever table the intervals are in."""
        return self.shortest_A + self.spacing_A * (interval % self.n_intervals + t)


def evaluate(coefficients: Tensor, interval: Tensor, t: Tensor) -> Tensor:
    """Values of splines, shape (…, n), whose coefficients have the shape (intervals, 6, n)."""
    of_interval = coefficients[interval]
    value = of_interval[..., 0, :]
    for power in range(1, DEGREE + 1):
        value = value * t[..., None] + of_interval[..., power, :]
    return value


def fit_splines(
    functions: Callable[[Tensor], Tensor], r_cut_A: float, dtype: torch.dtype
) -> tuple[Knots, Tensor]:
    """Replace functions of the distance that vanish at the cutoff by quintic splines.

    The functions take distances in Å, shape (m,), to values, shape (m, n), in float64. Coefficients
    are for :func:`evaluate`, shape (intervals, 6, n); their dtype also decides how fine the table
    is. NotImplementedError if none of reasonable size follows the functions.
    """
    n_intervals = FIRST_INTERVALS
    while n_intervals <= LAST_INTERVALS:
        knots, spacing = np.linspace(SHORTEST_A, r_cut_A, n_intervals + 1, retstep=True)
        middles = knots[:-1] + 0.5 * spacing
        values, expected = (_evaluate(functions, places) for places in (knots, middles))
        spline = make_interp_spline(knots, values, k=DEGREE)
        # at its ends a spline is least sure; the first lies where no pair of atoms ever is
        error = np.abs(spline(middles) - expected)[UNSURE_INTERVALS:].max()
        if error <= TOLERANCE[dtype] * np.abs(expected[UNSURE_INTERVALS:]).max():
            # the spline's Taylor coefficients at each knot, highest first
            taylor = [
                spline.derivative(k)(knots[:-1]) * spacing**k / math.factorial(k)
                for k in range(DEGREE, 0, -1)
            ]
            coefficients = torch.tensor(np.stack([*taylor, values[:-1]], axis=1), dtype=dtype)
            return Knots(float(spacing), r_cut_A), coefficients
        n_intervals *= 2
    raise NotImplementedError(
        f"radial functions too stiff for a spline of {LAST_INTERVALS} intervals"
    )


def _evaluate(functions: Callable[[Tensor], Tensor], places: FloatArray) -> FloatArray:
    with torch.no_grad():
        return functions(torch.tensor(places)).numpy()
