"""The charge of eq. 1 that meets dipoles from electronic structure best (paper, S1.0.4)."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from falsemetal.estimators.statistics import CONFIDENCE

FloatArray = NDArray[np.float64]

LEAST_FRAMES = 3


@dataclass(frozen=True)
class ChargeFit:
    """Fitted charge of oxygen.

    Attributes
    ----------
    charge_O_e, low_e, high_e
        q_O in e with its 95 % interval, Student's t over the frames' residuals.
    n_frames
        Frames in the fit.
    """

    charge_O_e: float
    low_e: float
    high_e: float
    n_frames: int


def fit_dipole_charge(
    unit_dipole_per_A: FloatArray, dipole_e_per_A: FloatArray, *, limit_per_A: float
) -> ChargeFit:
    """Fit q_O in P_z = q_O·X through the origin to small dipoles.

    Dipoles beyond the limit are left out: where electrons have flowed across the slab, fixed
    charges describe it no longer. They are told by X: to choose by the P_z that is fitted would
    pull the charge towards zero.

    Parameters
    ----------
    unit_dipole_per_A
        X, eq. 1 for q_O = 1 e, shape (n_frames,), 1/Å: P_z over the charge it was computed with.
    dipole_e_per_A
        P_z from electronic structure, shape (n_frames,), e/Å.
    limit_per_A
        Largest abs(X) that is fitted.

    Raises
    ------
    ValueError
        If fewer than three frames lie within the limit.
    """
    small = np.abs(unit_dipole_per_A) <= limit_per_A
    x, y = np.asarray(unit_dipole_per_A)[small], np.asarray(dipole_e_per_A)[small]
    if len(x) < LEAST_FRAMES:
        raise ValueError(
            f"{len(x)} frames with a small dipole; a fit needs {LEAST_FRAMES}: choose more frames "
            "or a larger limit"
        )
    charge = (x @ y) / (x @ x)
    variance = np.sum((y - charge * x) ** 2) / (len(x) - 1) / (x @ x)
    half_width = stats.t.ppf(0.5 * (1.0 + CONFIDENCE), len(x) - 1) * np.sqrt(variance)
    return ChargeFit(
        charge_O_e=float(charge),
        low_e=float(charge - half_width),
        high_e=float(charge + half_width),
        n_frames=len(x),
    )
