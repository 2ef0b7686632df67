"""Estimates of a system with their intervals, in one row."""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from falsemetal.arrays import FloatArray
from falsemetal.estimators.autocorrelation import integrated_correlation_frames
from falsemetal.estimators.statistics import (
    Interval,
    fraction_interval,
    independent_frames,
    mean_interval,
    mean_over_runs,
    share_interval,
    std_interval,
)
from falsemetal.estimators.voltage import is_metallic
from falsemetal.observables.registry import ObserveSpec, interval
from falsemetal.observables.runs import Runs
from falsemetal.observables.voltage import fluctuating
from falsemetal.systems.boundary import Boundary

OF_ALL = ("fraction_broken", "temperature_K")
ESTIMATES = {
    Boundary.FILM: ("sigma_P_e_per_A", "sigma_dV_V", "mean_P_e_per_A", "fraction_metallic"),
    Boundary.BULK: ("mean_dV_V", "sigma_dV_V", "fraction_beyond_gap"),
}
"""Columns that have an interval."""


def tabulate(runs: Runs, spec: ObserveSpec) -> pd.DataFrame:
    """Tabulate counts, times, fluctuations, the share of frames beyond the gap, failures."""
    series = fluctuating(runs, spec)
    n_independent = independent_frames(series)
    estimates = _film if spec.boundary is Boundary.FILM else _bulk
    broken = runs.series("voltage", "fraction_broken")
    values = {
        **estimates(series, runs.series("voltage", "delta_V"), spec.settings["band_gap_eV"]),
        "fraction_broken": share_interval(broken, n_independent * runs.n_molecules),
        "temperature_K": mean_interval([run.temperature_K for run in runs.completed]),
    }
    row: dict[str, float | str] = {
        "n_molecules": runs.n_molecules,
        "n_frames": runs.n_frames,
        "n_replicas": len(runs.completed),
        "n_independent": n_independent,
        "sampled_ps": runs.n_frames * runs.interval_ps,
        "frame_interval_ps": runs.interval_ps,
        "correlation_time_ps": integrated_correlation_frames(series) * runs.interval_ps,
    }
    if spec.boundary is Boundary.BULK:
        row["maximum_dV_V"] = max(float(values.max()) for values in series)
    for name, value in values.items():
        row |= value.as_columns(name)
    return pd.DataFrame([row | _failures(runs)])


def tabulate_nothing(runs: Runs, spec: ObserveSpec) -> pd.DataFrame:
    """Tabulate why no run was completed; estimates are NaN."""
    known = {"n_molecules": runs.n_molecules, "n_frames": 0, "n_replicas": 0, "sampled_ps": 0.0}
    unknown = ["n_independent", "frame_interval_ps", "correlation_time_ps"]
    unknown += ["maximum_dV_V"] * (spec.boundary is Boundary.BULK)
    unknown += [end for name in (*ESTIMATES[spec.boundary], *OF_ALL) for end in interval(name)]
    return pd.DataFrame([known | dict.fromkeys(unknown, np.nan) | _failures(runs)])


def _failures(runs: Runs) -> dict[str, int | str]:
    return {"n_failed": len(runs.failures), "failures": "; ".join(runs.failures)}


def _film(
    dipole: Sequence[FloatArray], difference: Sequence[FloatArray], band_gap_eV: float
) -> dict[str, Interval]:
    metallic = float(is_metallic(np.concatenate(dipole), band_gap_eV).mean())
    return {
        "sigma_P_e_per_A": std_interval(dipole),
        "sigma_dV_V": std_interval(difference),
        "mean_P_e_per_A": mean_interval(dipole),
        "fraction_metallic": fraction_interval(metallic, independent_frames(dipole)),
    }


def _bulk(
    difference: Sequence[FloatArray], _: Sequence[FloatArray], band_gap_eV: float
) -> dict[str, Interval]:
    beyond = float((np.concatenate(difference) > band_gap_eV).mean())
    return {
        "mean_dV_V": mean_over_runs(difference),
        "sigma_dV_V": std_interval(difference),
        "fraction_beyond_gap": fraction_interval(beyond, independent_frames(difference)),
    }
