"""Density of the liquid's elements above the face of a solid (paper, Fig. 1a)."""

import numpy as np
import pandas as pd

from falsemetal.arrays import FloatArray
from falsemetal.estimators.density import density_profile
from falsemetal.estimators.statistics import mean_half_width
from falsemetal.observables.cumulative import profile_grid
from falsemetal.observables.density import averages_of
from falsemetal.observables.registry import ObserveSpec
from falsemetal.observables.runs import Block, Runs


def collect(block: Block, spec: ObserveSpec) -> FloatArray:
    """Average number densities over the block, shape (n_elements, n_layers), Å⁻³."""
    grid = profile_grid(block.n_molecules, block.area_A2, spec)
    heights = (block.heights(block.of_element(symbol)) for symbol in _elements(spec))
    return np.array([density_profile(z, grid, block.area_A2) for z in heights])


def tabulate(runs: Runs, spec: ObserveSpec) -> pd.DataFrame:
    """Tabulate in long form, heights in the middle of each layer."""
    averages = averages_of(runs, "element_density", spec)
    mean = averages.mean(axis=0)
    half_width = mean_half_width(averages.std(axis=0), len(averages))
    grid = profile_grid(runs.completed[0].n_molecules, runs.completed[0].area_A2, spec)
    tables = [
        pd.DataFrame(
            {
                "z_A": 0.5 * (grid[1:] + grid[:-1]),
                "element": symbol,
                "density_per_A3": mean[index],
                "density_per_A3_low": np.maximum(mean[index] - half_width[index], 0.0),
                "density_per_A3_high": mean[index] + half_width[index],
            }
        )
        for index, symbol in enumerate(_elements(spec))
    ]
    return pd.concat(tables, ignore_index=True)


def _elements(spec: ObserveSpec) -> list[str]:
    return [*spec.liquid.centres, *spec.liquid.satellites]
