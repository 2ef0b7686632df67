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
from falsemetal.estimators.voltage import is_metallic, is_outside
from falsemetal.observables.registry import ObserveSpec, interval
from falsemetal.observables.runs import Runs
from falsemetal.observables.voltage import fluctuating
from falsemetal.systems.boundary import Layout

OF_ALL = ("fraction_broken", "temperature_K")
FILM = ("sigma_P_e_per_A", "sigma_dV_V", "mean_P_e_per_A", "fraction_metallic")
ESTIMATES = {
    Layout.FREE: FILM,
    Layout.SUPPORTED: FILM,
    Layout.CONFINED: ("sigma_P_e_per_A", "sigma_dV_V", "mean_dV_V"),
    Layout.BULK: ("mean_dV_V", "sigma_dV_V", "fraction_beyond_gap"),
}
"""Columns that have an interval."""

GAPPED = (Layout.FREE, Layout.BULK)
"""Layouts in which ΔV is held against the liquid's own gap."""

AT_ENDS = ("fraction_beyond_late_gap", "fraction_beyond_early_gap")
"""Columns of the share of frames beyond the gap and its scatter, and beyond the gap less it."""


def tabulate(runs: Runs, spec: ObserveSpec) -> pd.DataFrame:
    """Tabulate counts, times, fluctuations, the share of frames beyond the gap, failures."""
    series = fluctuating(runs, spec)
    n_independent = independent_frames(series, mean=spec.known_mean, memory=runs.memory_frames)
    estimates = {Layout.BULK: _bulk, Layout.CONFINED: _confined}.get(spec.layout, _film)
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
    if spec.layout is Layout.BULK:
        row["maximum_dV_V"] = max(float(values.max()) for values in series)
    for name, value in values.items():
        row |= value.as_columns(name)
    if spec.layout in GAPPED:
        row |= _at_ends_of_scatter(runs, spec)
    return pd.DataFrame([row | _failures(runs)])


def tabulate_nothing(runs: Runs, spec: ObserveSpec) -> pd.DataFrame:
    """Tabulate why no run was completed; estimates are NaN."""
    known = {"n_molecules": runs.n_molecules, "n_frames": 0, "n_replicas": 0, "sampled_ps": 0.0}
    unknown = ["n_independent", "frame_interval_ps", "correlation_time_ps"]
    unknown += AT_ENDS if spec.layout in GAPPED else ()
    unknown += ["memory_ps", "equilibrated_after_ps"]
    unknown += ["maximum_dV_V"] * (spec.layout is Layout.BULK)
    unknown += [end for name in (*ESTIMATES[spec.layout], *OF_ALL) for end in interval(name)]
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
        "fraction_metallic": _metallic(difference, spec, n_independent),
    }


def _metallic(
    difference: Sequence[FloatArray], spec: ObserveSpec, n_independent: float
) -> Interval:
    """Share of frames beyond the gap, or beside a metal beyond its window; NaN if none is known."""
    if spec.layout is Layout.FREE:
        return _beyond_gap(difference, spec, n_independent)
    if "window_low_V" not in spec.settings:
        return Interval(np.nan, np.nan, np.nan, n_independent)
    low, high = spec.settings["window_low_V"], spec.settings["window_high_V"]
    share = float(is_outside(np.concatenate(difference), low, high).mean())
    return fraction_interval(share, n_independent)


def _confined(runs: Runs, spec: ObserveSpec, n_independent: float) -> dict[str, Interval]:
    """ΔV of the centre, and the dipole of all the layer."""
    difference = runs.series("voltage", "delta_V")
    return {
        "sigma_P_e_per_A": std_interval(runs.series("voltage", "P_z")),
        "sigma_dV_V": std_interval(difference),
        "mean_dV_V": mean_interval(difference),
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
