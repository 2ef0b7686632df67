"""The charge of eq. 1 that meets dipoles from electronic structure best (paper, S1.0.4)."""

from dataclasses import dataclass

import numpy as np
from scipy import stats

from falsemetal.arrays import FloatArray
from falsemetal.estimators.statistics import CONFIDENCE

LEAST_FRAMES = 3


@dataclass(frozen=True)
class ChargeFit:
    """Fitted charge of the liquid's centre, of water of oxygen, from so many frames.

    Its 95 % interval is Student's t over the frames' residuals.
    """

    charge_e: float
    low_e: float
    high_e: float
    n_frames: int


def fit_dipole_charge(
    unit_dipole_per_A: FloatArray, dipole_e_per_A: FloatArray, *, limit_per_A: float
) -> ChargeFit:
    """Fit q in P_z = q·X through the origin to small dipoles, those with abs(X) up to the limit.

    X is eq. 1 for q = 1 e, in 1/Å: P_z over the charge it was computed with; P_z, in e/Å, is from
    electronic structure. Beyond the limit, where electrons have flowed across the slab, fixed
    charges describe it no longer; it is one of X, as to choose by the P_z that is fitted would pull
    the charge towards zero. Fewer than three frames within it raise ValueError.
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
        charge_e=float(charge),
        low_e=float(charge - half_width),
        high_e=float(charge + half_width),
        n_frames=len(x),
    )
