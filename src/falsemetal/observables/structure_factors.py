"""Longitudinal and transverse structure factors of the polarisation of a periodic cell.

By the potential's own charges: S_L by those of the atoms, S_T by the dipoles of the molecules. For
k → 0 λ_k = 1/S_L − 1/S_T tends to 1 with exact electrostatics, and to 0 where a potential does not
feel the field of distant dipoles.
"""

from collections import defaultdict

import numpy as np
import pandas as pd

from falsemetal.arrays import FloatArray
from falsemetal.estimators.autocorrelation import integrated_correlation_frames
from falsemetal.estimators.dipole import molecular_dipoles
from falsemetal.estimators.statistics import Interval, std_interval
from falsemetal.estimators.structure_factors import (
    axial_wave_vectors,
    longitudinal_waves,
    structure_factor,
    transverse_waves,
)
from falsemetal.observables.registry import ObserveSpec
from falsemetal.observables.runs import Block, Runs

DIGITS = 6
"""Wave vectors of equal length to so many are taken together."""


def collect(block: Block, spec: ObserveSpec) -> dict[str, FloatArray]:
    """Waves of each wave vector, shape (n_frames, n_vectors, parts), and the cell in Å."""
    vectors = axial_wave_vectors(block.cell, spec.settings["structure_factor_k_per_A"])
    charges = block.of_atoms(spec.charges)
    dipoles = molecular_dipoles(block.molecules, spec.charges)
    along = [longitudinal_waves(block.positions, charges, k) for k in vectors]
    across = [transverse_waves(block.molecules.centres, dipoles, k) for k in vectors]
    return {
        "longitudinal": np.moveaxis(np.array(along), 2, 0),
        "transverse": np.moveaxis(np.array(across), 2, 0),
        "cell": block.cell[None],
    }


def tabulate(runs: Runs, spec: ObserveSpec) -> pd.DataFrame:
    """Tabulate both factors and λ_k by length of the wave vector."""
    cell = runs.series("structure_factors", "cell")[0][0]
    vectors = axial_wave_vectors(cell, spec.settings["structure_factor_k_per_A"])
    lengths, volume = np.linalg.norm(vectors, axis=1), abs(float(np.linalg.det(cell)))
    of_length: dict[float, list[int]] = defaultdict(list)
    for index, length in enumerate(lengths):
        of_length[round(float(length), DIGITS)].append(index)
    rows = []
    for length, indices in sorted(of_length.items()):
        row: dict[str, float] = {"k_per_A": length, "n_vectors": len(indices)}
        for symbol, name in (("L", "longitudinal"), ("T", "transverse")):
            series = _series(runs, name, indices)
            factor = _factor(std_interval(series, mean=0.0), volume, spec)
            row |= factor.as_columns(f"S_{symbol}")
            frames = integrated_correlation_frames(series, mean=0.0)
            row[f"correlation_time_{symbol}_ps"] = frames * runs.interval_ps
        row["lambda_k"] = 1.0 / row["S_L"] - 1.0 / row["S_T"]
        rows.append(row)
    return pd.DataFrame(rows)


def _series(runs: Runs, name: str, indices: list[int]) -> list[FloatArray]:
    """Series of all parts of some wave vectors in all runs, independent of each other."""
    return [
        np.ascontiguousarray(run[:, index, part])
        for run in runs.series("structure_factors", name)
        for index in indices
        for part in range(run.shape[2])
    ]


def _factor(sigma: Interval, volume_A3: float, spec: ObserveSpec) -> Interval:
    value, low, high = (
        structure_factor(end**2, volume_A3, temperature_K=spec.settings["temperature_K"])
        for end in (sigma.value, sigma.low, sigma.high)
    )
    return Interval(value, low, high, sigma.n_independent)
