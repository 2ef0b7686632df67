"""What all campaigns share: sound runs, their sampling, and how an observable forgets."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TypeVar

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import stats

from falsemetal.estimators.autocorrelation import autocorrelation, autocorrelation_error
from falsemetal.estimators.statistics import CONFIDENCE
from falsemetal.simulation.trajectory import Trajectory
from falsemetal.systems.molecules import OXYGEN

FloatArray = NDArray[np.float64]
Replica = TypeVar("Replica")

MAXIMUM_STRETCH = 200
"""Frames held in memory at once."""


def read_runs(
    paths: Sequence[Path], read: Callable[[Trajectory], Replica]
) -> tuple[dict[Path, Replica], list[str], int]:
    """Read the trajectories of runs that reached their end.

    Parameters
    ----------
    paths
        H5MD files of independent runs of one system.
    read
        Makes of a trajectory what is analysed.

    Returns
    -------
    sound, failures, n_molecules
        What was read by path, why the other runs broke down, and the number of oxygens.
    """
    sound: dict[Path, Replica] = {}
    failures = []
    for path in map(Path, paths):
        with Trajectory(path) as trajectory:
            n_molecules = int(np.count_nonzero(trajectory.numbers == OXYGEN))
            if trajectory.failure:
                failures.append(f"{path.name}: {trajectory.failure}")
            else:
                sound[path] = read(trajectory)
    return sound, failures, n_molecules


def replica_numbers(paths: Sequence[Path], sound: Mapping[Path, Replica]) -> list[int]:
    """Places among all runs of those that reached their end."""
    return [number for number, path in enumerate(map(Path, paths)) if path in sound]


def failure_columns(failures: Sequence[str]) -> dict[str, int | str]:
    """Columns of a summary that tell of the runs that broke down."""
    return {"n_failed": len(failures), "failures": "; ".join(failures)}


def first_frame(trajectory: Trajectory, discard_ps: float) -> int:
    """Index of the first frame that is analysed.

    Raises
    ------
    ValueError
        If fewer than two frames remain.
    """
    start = int(np.searchsorted(trajectory.times_ps, discard_ps))
    n_frames = trajectory.n_frames - start
    if n_frames < 2:
        raise ValueError(
            f"{trajectory.path}: {max(n_frames, 0)} frames after the first {discard_ps:g} ps; "
            "run longer or lower discard_ps"
        )
    return start


def common_frame_interval(times_ps: Mapping[Path, FloatArray]) -> float:
    """Interval of all runs' frames in ps, from the times of each, shape (n_frames,).

    Raises
    ------
    ValueError
        If a run has another interval than the first.
    """
    intervals = {path: float(np.diff(times).mean()) for path, times in times_ps.items()}
    first, expected = next(iter(intervals.items()))
    for path, interval in intervals.items():
        if not np.isclose(interval, expected, rtol=1e-6):
            raise ValueError(
                f"{path}: frames every {interval:g} ps, but {expected:g} ps in {first}"
            )
    return expected


def tabulate_autocorrelation(
    replicas: Sequence[FloatArray], interval_ps: float, maximum_lag_ps: float
) -> pd.DataFrame:
    """Eq. S9 of an observable with 95 % intervals: `lag_ps`, `acf`, `acf_low`, `acf_high`.

    It ends at half of the longest replica: beyond, few pairs of frames are left, all of the same
    ends of the run, for which the interval does not hold.

    Parameters
    ----------
    replicas
        Time series, each of shape (n_frames,).
    interval_ps, maximum_lag_ps
        Between frames, and up to which the function is wanted.
    """
    known = autocorrelation(replicas)
    n_lags = min((len(known) + 1) // 2, round(maximum_lag_ps / interval_ps) + 1)
    error = autocorrelation_error(known, sum(map(len, replicas)), n_lags)
    half_width = stats.norm.ppf(0.5 * (1.0 + CONFIDENCE)) * error
    correlation = known[:n_lags]
    return pd.DataFrame(
        {
            "lag_ps": interval_ps * np.arange(n_lags),
            "acf": correlation,
            "acf_low": np.maximum(correlation - half_width, -1.0),
            "acf_high": np.minimum(correlation + half_width, 1.0),
        }
    )


NO_AUTOCORRELATION = pd.DataFrame(columns=["lag_ps", "acf", "acf_low", "acf_high"])
"""Table of an observable that no run gave."""


def stretch_frames(n_frames: int, n_stretches: int) -> int:
    """Frames of a stretch of a run that is read in at least so many, if it has the frames."""
    return max(1, min(n_frames // n_stretches, MAXIMUM_STRETCH))
