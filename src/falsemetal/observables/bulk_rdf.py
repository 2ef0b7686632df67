"""Radial distributions of a periodic cell of water from the runs of its replicas (Fig. S7)."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from falsemetal.config import Analysis
from falsemetal.estimators.rdf import radial_distribution
from falsemetal.estimators.statistics import mean_half_width
from falsemetal.observables.runs import first_frame, read_runs, stretch_frames
from falsemetal.simulation.trajectory import Trajectory
from falsemetal.systems.molecules import HYDROGEN, OXYGEN

FloatArray = NDArray[np.float64]

PAIRS = ("OO", "OH", "HH")

STRETCHES = 40
"""Pieces of a run, at least, of which each gives one radial distribution."""

BLOCKS = 4
"""Blocks of a single run whose scatter stands for that of replicas."""


@dataclass(frozen=True)
class _Replica:
    """Radial distributions of one trajectory.

    Attributes
    ----------
    edges_A
        Of the bins of distance, shape (n_bins + 1,).
    rdf
        Of O–O, O–H and H–H by stretch, shape (n_stretches, 3, n_bins).
    n_frames
        Of each stretch, shape (n_stretches,).
    """

    edges_A: FloatArray
    rdf: FloatArray
    n_frames: NDArray[np.int64]


def observe_rdf(
    trajectory_paths: Sequence[Path], *, analysis: Analysis, discard_ps: float
) -> pd.DataFrame:
    """Average over the replicas of one cell, but for those that broke down.

    Parameters
    ----------
    trajectory_paths
        H5MD files of independent runs of the same system.
    analysis
        Width of bins and their range, which ends at half the shortest cell edge at the latest.
    discard_ps
        Start of each run left out.

    Returns
    -------
    DataFrame
        A row per distance `r_A`: g_OO, g_OH, g_HH, with `_low` and `_high`, 95 % intervals of
        Student's t over replicas, or over four blocks where there is one run. Empty if all runs
        broke down.

    Raises
    ------
    ValueError
        If a run holds fewer than two frames after `discard_ps`.
    """
    read = partial(_read_replica, analysis=analysis, discard_ps=discard_ps)
    sound, _, _ = read_runs(trajectory_paths, read)
    if not sound:
        columns = [f"g_{pair}{end}" for pair in PAIRS for end in ("", "_low", "_high")]
        return pd.DataFrame(columns=["r_A", *columns])
    return _tabulate(list(sound.values()))


def _read_replica(trajectory: Trajectory, *, analysis: Analysis, discard_ps: float) -> _Replica:
    start = first_frame(trajectory, discard_ps)
    oxygen, hydrogen = trajectory.numbers == OXYGEN, trajectory.numbers == HYDROGEN
    reach = min(analysis.rdf_range_A, 0.5 * float(np.diag(trajectory.cell).min()))
    edges = analysis.rdf_bin_A * np.arange(int(reach / analysis.rdf_bin_A) + 1)
    stretch = stretch_frames(trajectory.n_frames - start, STRETCHES)
    rdf, n_frames = [], []
    for positions in trajectory.position_chunks(start, stretch):
        of_pairs = (
            (positions[:, oxygen], None),
            (positions[:, oxygen], positions[:, hydrogen]),
            (positions[:, hydrogen], None),
        )
        rdf.append(
            [radial_distribution(*pair, trajectory.cell, edges_A=edges) for pair in of_pairs]
        )
        n_frames.append(len(positions))
    return _Replica(edges, np.array(rdf), np.array(n_frames))


def _tabulate(replicas: list[_Replica]) -> pd.DataFrame:
    if len(replicas) > 1:
        parts = [(replica, slice(None)) for replica in replicas]
    else:
        stretches = np.arange(len(replicas[0].rdf))
        blocks = np.array_split(stretches, min(BLOCKS, len(stretches)))
        parts = [(replicas[0], block) for block in blocks]
    samples = np.array(
        [np.average(r.rdf[part], axis=0, weights=r.n_frames[part]) for r, part in parts]
    )
    mean = samples.mean(axis=0)
    half_width = mean_half_width(samples.std(axis=0), len(samples))
    edges = replicas[0].edges_A
    table = {"r_A": 0.5 * (edges[1:] + edges[:-1])}
    for index, pair in enumerate(PAIRS):
        table[f"g_{pair}"] = mean[index]
        table[f"g_{pair}_low"] = np.maximum(mean[index] - half_width[index], 0.0)
        table[f"g_{pair}_high"] = mean[index] + half_width[index]
    return pd.DataFrame(table)
