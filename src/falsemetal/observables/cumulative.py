"""Cumulative dipole across a layer (paper, S1.0.4): from a solid's face up, if there is one."""

import math

import numpy as np
import pandas as pd

from falsemetal.arrays import FloatArray
from falsemetal.estimators.dipole import cumulative_dipole
from falsemetal.estimators.statistics import are_enough, independent_frames, mean_half_width
from falsemetal.observables.registry import INTERFACES, ObserveSpec
from falsemetal.observables.runs import Block, Runs
from falsemetal.observables.voltage import fluctuating
from falsemetal.systems.boundary import Boundary
from falsemetal.units import number_density

GRID_MARGIN_A = 8.0
"""Height of the profiles' grid above the nominal faces of a layer."""


def profile_grid(n_molecules: int, area_A2: float, spec: ObserveSpec) -> FloatArray:
    """Lay a grid of heights, shape (n_points,), Å: above a solid's face, or a film's centre."""
    spacing = spec.settings["z_bin_A"]
    nominal = n_molecules / number_density(1.0, spec.settings["mass_u"]) / area_A2
    if spec.layout in INTERFACES:
        return np.asarray(spacing * np.arange(math.ceil((nominal + GRID_MARGIN_A) / spacing) + 1))
    n_half = math.ceil((0.5 * nominal + GRID_MARGIN_A) / spacing)
    return np.asarray(spacing * np.arange(-n_half, n_half + 1))


def collect(block: Block, spec: ObserveSpec) -> tuple[FloatArray, FloatArray]:
    """Sum P_z(z) in e/Å and its square over frames, shape (n_points,)."""
    grid = profile_grid(block.n_molecules, block.area_A2, spec)
    z = block.heights(block.molecules.centres)
    profile = cumulative_dipole(block.dipoles_z(spec.charges), z, grid, block.area_A2)
    return profile.sum(axis=0), (profile**2).sum(axis=0)


def tabulate(runs: Runs, spec: ObserveSpec) -> pd.DataFrame:
    """Tabulate mean, with its interval, and standard deviation over frames at each height."""
    first = runs.completed[0]
    sums = [sum_over_blocks(run.collected["cumulative"]) for run in runs.completed]
    mean, squares = (np.sum(part, axis=0) / runs.n_frames for part in zip(*sums, strict=True))
    std = np.sqrt(np.maximum(squares - mean**2, 0.0))
    series = _slowest(runs, spec)
    half_width = np.full_like(std, np.nan)
    if are_enough(series, memory=runs.memory_frames):
        n_independent = independent_frames(series, memory=runs.memory_frames)
        half_width = mean_half_width(std, n_independent)
    return pd.DataFrame(
        {
            "z_A": profile_grid(first.n_molecules, first.area_A2, spec),
            "P_z_e_per_A": mean,
            "P_z_e_per_A_low": mean - half_width,
            "P_z_e_per_A_high": mean + half_width,
            "std_P_z_e_per_A": std,
        }
    )


def _slowest(runs: Runs, spec: ObserveSpec) -> list[FloatArray]:
    """Series whose memory the profile has: between two faces its end is the total dipole."""
    is_film = spec.layout.boundary is Boundary.FILM
    return fluctuating(runs, spec) if is_film else runs.series("voltage", "P_z")


def sum_over_blocks(blocks: list[tuple[FloatArray, FloatArray]]) -> tuple[FloatArray, FloatArray]:
    """Add up what was collected of a run, block after block."""
    total, squares = np.zeros_like(blocks[0][0]), np.zeros_like(blocks[0][1])
    for part, square in blocks:
        total += part
        squares += square
    return total, squares
