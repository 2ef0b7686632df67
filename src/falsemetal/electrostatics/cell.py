r"""Electrostatic potential of a periodic cell at its atoms (paper, S1.2.3).

A cell without surfaces has no dipole. The paper smears fixed charges on the atoms into spherical
Gaussians, and takes the highest minus the lowest potential found at an atom:

.. math::

    \varphi(\mathbf r_i) = \frac{1}{\varepsilon_0 V} \sum_{\mathbf k \neq 0}
        \frac{e^{-k^2\sigma^2/2}}{k^2} \sum_j q_j\, e^{i\mathbf k\cdot(\mathbf r_i - \mathbf r_j)},
    \qquad \Delta V = \max_i \varphi(\mathbf r_i) - \min_i \varphi(\mathbf r_i).

Leaving out k = 0 is the tin-foil boundary. The sum over j leaves no atom out, as the paper leaves
none out: an atom sees its molecule and its own Gaussian. `docs/cell-potential.md` shows what that
and the width, which the paper's text has lost, do to ΔV.
"""

import math
from collections.abc import Sequence

import numpy as np
import torch
from scipy.special import erfcinv

from falsemetal.arrays import FloatArray
from falsemetal.electrostatics.coulomb import coulomb_response
from falsemetal.electrostatics.reciprocal import ElectrostaticsError
from falsemetal.units import COULOMB

TRUNCATION_V = 2e-7
"""What a Gaussian's own potential may lose by the cutoff; with all others it is below 1e-6 V."""

NET_CHARGE_E = 1e-6
"""Largest total charge taken for rounding."""


def potential_difference(
    positions: FloatArray,
    charges: FloatArray,
    cell: FloatArray,
    *,
    width_A: float,
    pbc: Sequence[bool] = (True, True, True),
) -> FloatArray:
    """Highest minus lowest potential at an atom, ΔV in V, shape (n_frames,).

    Parameters and errors are those of :func:`atomic_potentials`. ΔV is proportional to the charges.
    """
    potentials = atomic_potentials(positions, charges, cell, width_A=width_A, pbc=pbc)
    return np.asarray(np.ptp(potentials, axis=1))


def atomic_potentials(
    positions: FloatArray,
    charges: FloatArray,
    cell: FloatArray,
    *,
    width_A: float,
    pbc: Sequence[bool] = (True, True, True),
) -> FloatArray:
    r"""Potential of Gaussian charges at every atom, nothing excluded.

    Each atom's own Gaussian adds the constant of :func:`own_potential`, negative at O and positive
    at H. Excluding it subtracts one number per species, which brings O above H, because the rest of
    a molecule is positive at O and negative at H. Excluding the own molecule subtracts in addition
    :math:`q_j\,\mathrm{erf}(r/\sqrt 2\sigma)/4\pi\varepsilon_0 r` of the two partners, which leaves
    the field of the other molecules.

    Positions have the shape (n_frames, n_atoms, 3); wrapping does not matter. Row i of the cell,
    which may be triclinic, is the i-th lattice vector. σ is the width of the charge
    :math:`q\,(2\pi\sigma^2)^{-3/2} e^{-r^2/2\sigma^2}`. Returned in V, to 1e-6 V, shape (n_frames,
    n_atoms), zero on average over the cell. ElectrostaticsError if the cell is charged, is not
    periodic in all directions or has no volume, or if the width is not positive.
    """
    charges = np.asarray(charges, dtype=float)
    _check(charges, pbc, width_A)
    cutoff_per_A = _cutoff_per_A(charges, width_A)
    sources, lattice = (torch.tensor(array, dtype=torch.float64) for array in (charges, cell))
    potentials = np.empty(positions.shape[:2])
    for frame, sites in enumerate(positions):
        # dE/dq is the potential; source and probe of width s are a source of √2·s and a point
        potentials[frame] = coulomb_response(
            sources,
            None,
            torch.tensor(sites, dtype=torch.float64),
            lattice,
            smearing_A=width_A / math.sqrt(2.0),
            cutoff_per_A=cutoff_per_A,
        ).by_charges
    return potentials


def own_potential(charges: FloatArray, *, width_A: float) -> FloatArray:
    """Potential of each Gaussian at its own centre, √(2/π)·q/(4πε0·σ) in V.

    It is 11.5 V for one e and σ = 1 Å.
    """
    return np.asarray(COULOMB * math.sqrt(2.0 / math.pi) / width_A * np.asarray(charges, float))


def _cutoff_per_A(charges: FloatArray, width_A: float) -> float:
    """Largest k. Beyond k lies the part erfc(kσ/√2) of a Gaussian's own potential."""
    own_V = float(np.abs(own_potential(charges, width_A=width_A)).max())
    return math.sqrt(2.0) / width_A * float(erfcinv(TRUNCATION_V / max(1.0, own_V)))


def _check(charges: FloatArray, pbc: Sequence[bool], width_A: float) -> None:
    if not all(pbc):
        raise ElectrostaticsError(
            f"the potential of a cell needs pbc TTT, got {[bool(p) for p in pbc]}; a slab's "
            "potential drop follows from its dipole (falsemetal.estimators.voltage)"
        )
    if abs(charges.sum()) > NET_CHARGE_E:
        raise ElectrostaticsError(
            f"the cell has a net charge of {charges.sum():+.4f} e, for which a periodic potential "
            "is not defined; q_H must be -q_O/2 and all molecules whole"
        )
    if width_A <= 0.0:
        raise ElectrostaticsError(f"width_A: {width_A:g}, but a Gaussian's width is positive")
