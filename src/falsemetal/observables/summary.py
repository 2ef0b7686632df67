"""Estimates of a system with their intervals, in one row."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from falsemetal.arrays import FloatArray
from falsemetal.estimators.autocorrelation import integrated_correlation_frames
from falsemetal.estimators.equilibration import equilibrated_after
from falsemetal.estimators.statistics import (
    Interval,
    fraction_interval,
    independent_frames,
    mean_interval,
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

AT_ENDS = ("fraction_beyond_late_gap", "fraction_beyond_early_gap")
"""Columns of the share of frames beyond the gap and its scatter, and beyond the gap less it."""


def tabulate(runs: Runs, spec: ObserveSpec) -> pd.DataFrame:
    """Tabulate counts, times, fluctuations, the share of frames beyond the gap, failures."""
    series = fluctuating(runs, spec)
    n_independent = independent_frames(series, mean=spec.known_mean, memory=runs.memory_frames)
    estimates = _film if spec.boundary is Boundary.FILM else _bulk
    broken = runs.series("voltage", "fraction_broken")
    values = {
        **estimates(runs, spec, n_independent),
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
        "correlation_time_ps": runs.interval_ps
        * integrated_correlation_frames(series, mean=spec.known_mean),
        "memory_ps": runs.memory_ps,
        "equilibrated_after_ps": equilibrated_after(series) * runs.interval_ps,
    }
    if spec.boundary is Boundary.BULK:
        row["maximum_dV_V"] = max(float(values.max()) for values in series)
    for name, value in values.items():
        row |= value.as_columns(name)
    row |= _at_ends_of_scatter(runs, spec)
    return pd.DataFrame([row | _failures(runs)])


def tabulate_nothing(runs: Runs, spec: ObserveSpec) -> pd.DataFrame:
    """Tabulate why no run was completed; estimates are NaN."""
    known = {"n_molecules": runs.n_molecules, "n_frames": 0, "n_replicas": 0, "sampled_ps": 0.0}
    unknown = ["n_independent", "frame_interval_ps", "correlation_time_ps", *AT_ENDS]
    unknown += ["memory_ps", "equilibrated_after_ps"]
    unknown += ["maximum_dV_V"] * (spec.boundary is Boundary.BULK)
    unknown += [end for name in (*ESTIMATES[spec.boundary], *OF_ALL) for end in interval(name)]
    return pd.DataFrame([known | dict.fromkeys(unknown, np.nan) | _failures(runs)])


def _failures(runs: Runs) -> dict[str, int | str]:
    return {"n_failed": len(runs.failures), "failures": "; ".join(runs.failures)}


def _film(runs: Runs, spec: ObserveSpec, n_independent: float) -> dict[str, Interval]:
    dipole, difference = (runs.series("voltage", key) for key in ("P_z", "delta_V"))
    known: dict[str, Any] = {"mean": spec.known_mean, "memory": runs.memory_frames}
    return {
        "sigma_P_e_per_A": std_interval(dipole, **known),
        "sigma_dV_V": std_interval(difference, **known),
        "mean_P_e_per_A": mean_interval(dipole, memory=runs.memory_frames),
        "fraction_metallic": _beyond_gap(difference, spec, n_independent),
    }


def _bulk(runs: Runs, spec: ObserveSpec, n_independent: float) -> dict[str, Interval]:
    difference = runs.series("voltage", "delta_V")
    return {
        "mean_dV_V": mean_interval(difference),
        "sigma_dV_V": std_interval(difference),
        "fraction_beyond_gap": _beyond_gap(difference, spec, n_independent),
    }


def _beyond_gap(
    difference: Sequence[FloatArray], spec: ObserveSpec, n_independent: float
) -> Interval:
    return fraction_interval(_share(difference, spec.settings["band_gap_eV"]), n_independent)


def _share(difference: Sequence[FloatArray], band_gap_eV: float) -> float:
    return float(is_metallic(np.concatenate(difference), band_gap_eV).mean())


def _at_ends_of_scatter(runs: Runs, spec: ObserveSpec) -> dict[str, float]:
    """Share of frames beyond the gap where it closes late and where it closes early."""
    gap, scatter = spec.settings["band_gap_eV"], spec.settings["band_gap_scatter_eV"]
    difference = runs.series("voltage", "delta_V")
    return {
        name: _share(difference, max(0.0, at))
        for name, at in zip(AT_ENDS, (gap + scatter, gap - scatter), strict=True)
    }
