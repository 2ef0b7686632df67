"""ΔV of a periodic cell of water from the runs of its replicas (paper, S1.2.3)."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from falsemetal.config import Analysis
from falsemetal.electrostatics.cell import potential_difference
from falsemetal.estimators.autocorrelation import integrated_correlation_frames
from falsemetal.estimators.statistics import (
    fraction_interval,
    independent_frames,
    mean_interval,
    mean_over_runs,
    share_interval,
    std_interval,
)
from falsemetal.observables.runs import (
    MAXIMUM_STRETCH,
    NO_AUTOCORRELATION,
    common_frame_interval,
    failure_columns,
    first_frame,
    read_runs,
    replica_numbers,
    tabulate_autocorrelation,
)
from falsemetal.simulation.trajectory import Trajectory
from falsemetal.systems.molecules import HYDROGEN, OXYGEN, dissociated_fraction, find_molecules

FloatArray = NDArray[np.float64]

ESTIMATES = (
    "mean_dV_V",
    "sigma_dV_V",
    "fraction_beyond_gap",
    "fraction_dissociated_O",
    "temperature_K",
)
"""Columns of the summary that have an interval."""


@dataclass(frozen=True)
class BulkObservables:
    """Tidy tables of one cell; `_low` and `_high` bound 95 % intervals.

    Attributes
    ----------
    summary
        One row: mean and standard deviation of ΔV, the share of frames in which e·ΔV exceeds the
        band gap, correlation time, temperature, counts, and which runs broke down. Estimates are
        NaN, and the other tables empty, if all of them did.
    potential
        A row per frame: replica, time_ps, delta_V_V, fraction_dissociated_O.
    autocorrelation
        A row per lag: eq. S9 of ΔV.
    """

    summary: pd.DataFrame
    potential: pd.DataFrame
    autocorrelation: pd.DataFrame


@dataclass(frozen=True)
class BulkReplica:
    """Observables of one trajectory.

    Attributes
    ----------
    times_ps, difference_V, dissociated, temperature_K
        Of each frame, shape (n_frames,): time, ΔV, share of oxygens without their two hydrogens,
        temperature.
    """

    times_ps: FloatArray
    difference_V: FloatArray
    dissociated: FloatArray
    temperature_K: FloatArray


def observe_bulk(
    trajectory_paths: Sequence[Path],
    *,
    charge_O_e: float,
    analysis: Analysis,
    discard_ps: float,
) -> BulkObservables:
    """Analyse the replicas of one cell together; runs that broke down are only counted.

    Parameters
    ----------
    trajectory_paths
        H5MD files of independent runs of the same system at the same frame interval.
    charge_O_e
        Fixed charge of oxygen in e, negative; hydrogen carries minus half of it.
    analysis
        Estimators' settings.
    discard_ps
        Start of each run left out.

    Raises
    ------
    ValueError
        If a run holds fewer than two frames after `discard_ps`, or replicas differ in frame
        interval.
    """
    sound, failures, n_molecules = read_runs(
        trajectory_paths,
        partial(_read_replica, charge_O_e=charge_O_e, analysis=analysis, discard_ps=discard_ps),
    )
    if not sound:
        return _nothing_observed(n_molecules, failures)
    interval_ps = common_frame_interval({path: r.times_ps for path, r in sound.items()})
    replicas = list(sound.values())
    difference = [replica.difference_V for replica in replicas]
    summary = _summarise(replicas, n_molecules, interval_ps, analysis)
    return BulkObservables(
        summary=summary.assign(**failure_columns(failures)),
        potential=_tabulate_potential(replicas, replica_numbers(trajectory_paths, sound)),
        autocorrelation=tabulate_autocorrelation(difference, interval_ps, analysis.maximum_lag_ps),
    )


def _read_replica(
    trajectory: Trajectory, *, charge_O_e: float, analysis: Analysis, discard_ps: float
) -> BulkReplica:
    start = first_frame(trajectory, discard_ps)
    oxygen, hydrogen = trajectory.numbers == OXYGEN, trajectory.numbers == HYDROGEN
    charges = np.where(oxygen, charge_O_e, np.where(hydrogen, -0.5 * charge_O_e, 0.0))
    difference, dissociated = [], []
    for positions in trajectory.position_chunks(start, MAXIMUM_STRETCH):
        difference.append(
            potential_difference(
                positions,
                charges,
                trajectory.cell,
                width_A=analysis.gaussian_width_A,
                pbc=trajectory.pbc,
            )
        )
        molecules = find_molecules(
            positions,
            trajectory.numbers,
            trajectory.cell,
            trajectory.pbc,
            oh_cutoff_A=analysis.oh_cutoff_A,
        )
        dissociated.append(dissociated_fraction(molecules.n_hydrogens))
    return BulkReplica(
        times_ps=trajectory.times_ps[start:],
        difference_V=np.concatenate(difference),
        dissociated=np.concatenate(dissociated),
        temperature_K=trajectory.temperature_K[start:],
    )


def _summarise(
    replicas: list[BulkReplica], n_molecules: int, interval_ps: float, analysis: Analysis
) -> pd.DataFrame:
    difference = [replica.difference_V for replica in replicas]
    joined = np.concatenate(difference)
    n_independent = independent_frames(difference)
    beyond = float((joined > analysis.band_gap_eV).mean())
    row = {
        "n_molecules": n_molecules,
        "n_frames": len(joined),
        "n_replicas": len(replicas),
        "n_independent": n_independent,
        "sampled_ps": len(joined) * interval_ps,
        "frame_interval_ps": interval_ps,
        "correlation_time_ps": integrated_correlation_frames(difference) * interval_ps,
        "maximum_dV_V": joined.max(),
        **mean_over_runs(difference).as_columns("mean_dV_V"),
        **std_interval(difference).as_columns("sigma_dV_V"),
        **fraction_interval(beyond, n_independent).as_columns("fraction_beyond_gap"),
        **share_interval(
            [replica.dissociated for replica in replicas], n_independent * n_molecules
        ).as_columns("fraction_dissociated_O"),
        **mean_interval([replica.temperature_K for replica in replicas]).as_columns(
            "temperature_K"
        ),
    }
    return pd.DataFrame([row])


def _tabulate_potential(replicas: list[BulkReplica], numbers: list[int]) -> pd.DataFrame:
    tables = [
        pd.DataFrame(
            {
                "replica": number,
                "time_ps": replica.times_ps,
                "delta_V_V": replica.difference_V,
                "fraction_dissociated_O": replica.dissociated,
            }
        )
        for number, replica in zip(numbers, replicas, strict=True)
    ]
    return pd.concat(tables, ignore_index=True)


def _nothing_observed(n_molecules: int, failures: list[str]) -> BulkObservables:
    known = {"n_molecules": n_molecules, "n_frames": 0, "n_replicas": 0, "sampled_ps": 0.0}
    unknown = ["n_independent", "frame_interval_ps", "correlation_time_ps", "maximum_dV_V"]
    unknown += [name + end for name in ESTIMATES for end in ("", "_low", "_high")]
    summary = known | dict.fromkeys(unknown, np.nan) | failure_columns(failures)
    return BulkObservables(
        summary=pd.DataFrame([summary]),
        potential=pd.DataFrame(
            columns=["replica", "time_ps", "delta_V_V", "fraction_dissociated_O"]
        ),
        autocorrelation=NO_AUTOCORRELATION,
    )
