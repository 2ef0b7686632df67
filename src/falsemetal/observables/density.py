"""Density of molecules across a layer, counted by their centres."""

import math

import numpy as np
import pandas as pd

from falsemetal.arrays import FloatArray
from falsemetal.estimators.autocorrelation import integrated_correlation_frames
from falsemetal.estimators.density import density_profile
from falsemetal.estimators.statistics import mean_half_width
from falsemetal.observables.cumulative import profile_grid
from falsemetal.observables.registry import INTERFACES, ObserveSpec
from falsemetal.observables.runs import Block, Runs
from falsemetal.observables.voltage import fluctuating
from falsemetal.units import number_density

MINIMUM_BLOCKS = 4

MOST_BESIDE_SOLID = 8
"""Parts of a run whose scatter tells the interval, at most, beside a solid."""


def collect(block: Block, spec: ObserveSpec) -> FloatArray:
    """Average the number density over the block, shape (n_layers,), Å⁻³."""
    grid = profile_grid(block.n_molecules, block.area_A2, spec)
    return density_profile(block.heights(block.molecules.centres), grid, block.area_A2)


def tabulate(runs: Runs, spec: ObserveSpec) -> pd.DataFrame:
    """Tabulate number and mass density in each layer."""
    averages = averages_of(runs, "density", spec)
    mean = averages.mean(axis=0)
    half_width = mean_half_width(averages.std(axis=0), len(averages))
    per_A3 = {"": mean, "_low": np.maximum(mean - half_width, 0.0), "_high": mean + half_width}
    grid = profile_grid(runs.completed[0].n_molecules, runs.completed[0].area_A2, spec)
    table = {"z_A": 0.5 * (grid[1:] + grid[:-1])}
    for suffix, values in per_A3.items():
        table[f"density_molecules_per_A3{suffix}"] = values
    for suffix, values in per_A3.items():
        table[f"density_g_per_cm3{suffix}"] = values / number_density(1.0, spec.settings["mass_u"])
    return pd.DataFrame(table)


def averages_of(runs: Runs, name: str, spec: ObserveSpec) -> FloatArray:
    """Average what an observable collected by block over independent parts of the runs."""
    series, known_mean = fluctuating(runs, spec), spec.known_mean
    # a density profile forgets faster than the dipole, so that the dipole's correlation time is
    # a safe length for an average, and a run shorter than that may still be divided; but molecules
    # that touch a solid stay there for longer
    frames_each = 2.0 * integrated_correlation_frames(series, mean=known_mean)
    most = MOST_BESIDE_SOLID if spec.layout in INTERFACES else math.inf
    averages: list[FloatArray] = []
    for run in runs.completed:
        densities = np.array(run.collected[name])
        n_parts = max(MINIMUM_BLOCKS, int(min(most, len(run.times_ps) / frames_each)))
        averages.extend(
            np.average(densities[part], axis=0, weights=run.block_frames[part])
            for part in np.array_split(np.arange(len(densities)), n_parts)
            if len(part)
        )
    return np.array(averages)
