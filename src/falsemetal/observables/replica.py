"""What is read off one trajectory, frame by frame, before replicas are put together."""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from falsemetal.config import Analysis
from falsemetal.estimators.continuum import continuum_thickness
from falsemetal.estimators.density import number_density
from falsemetal.estimators.dipole import (
    cumulative_dipole,
    dipole_per_area,
    heights_above_centre,
    lateral_area,
    molecular_dipoles,
)
from falsemetal.observables.runs import first_frame, stretch_frames
from falsemetal.simulation.trajectory import Trajectory
from falsemetal.systems.molecules import OXYGEN, dissociated_fraction, find_molecules

FloatArray = NDArray[np.float64]

GRID_MARGIN_A = 8.0
"""Height of the profiles' grid above a slab's nominal faces."""

STRETCHES_PER_REPLICA = 64
"""Stretches of a run, at least."""


@dataclass(frozen=True)
class Replica:
    """Observables of one trajectory.

    Attributes
    ----------
    times_ps, dipole, dissociated, temperature_K
        Shape (n_frames,): time, P_z in e/Å, share of dissociated oxygens, temperature.
    grid_A
        Heights above the slab's centre, shape (n_points,).
    cumulative_sum, cumulative_squares
        Sums over frames of P_z(z) in e/Å and of its square, shape (n_points,).
    densities
        Number density averaged over each stretch of frames, shape (n_stretches, n_points - 1), Å⁻³.
    stretch_frames
        Frames in each stretch, shape (n_stretches,).
    n_molecules
        Number of oxygens.
    """

    times_ps: FloatArray
    dipole: FloatArray
    dissociated: FloatArray
    temperature_K: FloatArray
    grid_A: FloatArray
    cumulative_sum: FloatArray
    cumulative_squares: FloatArray
    densities: FloatArray
    stretch_frames: NDArray[np.int64]
    n_molecules: int


def read_replica(
    trajectory: Trajectory, *, charge_O_e: float, analysis: Analysis, discard_ps: float
) -> Replica:
    """Stream through a trajectory; arguments and errors as in :func:`observe_slab`."""
    start = first_frame(trajectory, discard_ps)
    return _accumulate(trajectory, start, charge_O_e=charge_O_e, analysis=analysis)


def _accumulate(
    trajectory: Trajectory, start: int, *, charge_O_e: float, analysis: Analysis
) -> Replica:
    area = lateral_area(trajectory.cell)
    n_molecules = int(np.count_nonzero(trajectory.numbers == OXYGEN))
    grid = _profile_grid(n_molecules, area, analysis.z_bin_A)
    dipole, dissociated, densities = [], [], []
    total, squares = np.zeros(len(grid)), np.zeros(len(grid))
    for positions in trajectory.position_chunks(
        start, stretch_frames(trajectory.n_frames - start, STRETCHES_PER_REPLICA)
    ):
        molecules = find_molecules(
            positions,
            trajectory.numbers,
            trajectory.cell,
            trajectory.pbc,
            oh_cutoff_A=analysis.oh_cutoff_A,
        )
        mu_z = molecular_dipoles(molecules.bond_sum, charge_O_e=charge_O_e)[..., 2]
        z = heights_above_centre(molecules.oxygen_positions)
        profile = cumulative_dipole(mu_z, z, grid, area)
        total += profile.sum(axis=0)
        squares += (profile**2).sum(axis=0)
        dipole.append(dipole_per_area(mu_z, area))
        dissociated.append(dissociated_fraction(molecules.n_hydrogens))
        densities.append(number_density(z, grid, area))
    return Replica(
        times_ps=trajectory.times_ps[start:],
        dipole=np.concatenate(dipole),
        dissociated=np.concatenate(dissociated),
        temperature_K=trajectory.temperature_K[start:],
        grid_A=grid,
        cumulative_sum=total,
        cumulative_squares=squares,
        densities=np.array(densities),
        stretch_frames=np.array([len(part) for part in dipole]),
        n_molecules=n_molecules,
    )


def _profile_grid(n_molecules: int, area_A2: float, spacing_A: float) -> FloatArray:
    nominal = continuum_thickness(n_molecules, area_A2, density_g_per_cm3=1.0)
    n_half = math.ceil((0.5 * nominal + GRID_MARGIN_A) / spacing_A)
    return spacing_A * np.arange(-n_half, n_half + 1)
