"""All observables of one water slab from the trajectories of its replicas (Fig. 3a, S8)."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from falsemetal.config import Analysis
from falsemetal.estimators.autocorrelation import integrated_correlation_frames
from falsemetal.estimators.statistics import (
    fraction_interval,
    independent_frames,
    mean_half_width,
    mean_interval,
    share_interval,
    std_interval,
)
from falsemetal.estimators.voltage import is_metallic, potential_drop
from falsemetal.observables.replica import Replica, read_replica
from falsemetal.observables.runs import (
    NO_AUTOCORRELATION,
    common_frame_interval,
    failure_columns,
    read_runs,
    replica_numbers,
    tabulate_autocorrelation,
)
from falsemetal.units import water_number_density

FloatArray = NDArray[np.float64]

MINIMUM_BLOCKS = 4

ESTIMATES = (
    "sigma_P_e_per_A",
    "sigma_dV_V",
    "mean_P_e_per_A",
    "fraction_metallic",
    "fraction_dissociated_O",
    "temperature_K",
)
"""Columns of the summary that have an interval."""


@dataclass(frozen=True)
class SlabObservables:
    """Tidy tables of one slab; `_low` and `_high` bound 95 % intervals.

    Attributes
    ----------
    summary
        One row: dipole fluctuations, mean, correlation time, fractions, temperature, counts, and
        which runs broke down. Estimates are NaN, and the other tables empty, if all of them did.
    dipole
        A row per frame: replica, time_ps, P_z_e_per_A, delta_V_V, fraction_dissociated_O.
    cumulative
        A row per height above the slab's centre: mean and standard deviation over frames of P_z(z).
    density
        A row per layer: number and mass density of water molecules, counted by their oxygens.
    autocorrelation
        A row per lag: eq. S9 of the dipole.
    """

    summary: pd.DataFrame
    dipole: pd.DataFrame
    cumulative: pd.DataFrame
    density: pd.DataFrame
    autocorrelation: pd.DataFrame


def observe_slab(
    trajectory_paths: Sequence[Path],
    *,
    charge_O_e: float,
    analysis: Analysis,
    discard_ps: float,
) -> SlabObservables:
    """Analyse all replicas of one slab together, but for those that broke down.

    Parameters
    ----------
    trajectory_paths
        H5MD files of independent runs of the same system at the same frame interval.
    charge_O_e
        Fixed charge of oxygen in eq. 1, in e, negative.
    analysis
        Estimators' settings.
    discard_ps
        Start of each run left out.

    Raises
    ------
    ValueError
        If a run holds fewer than two frames after `discard_ps`, or replicas differ in size or
        frame interval.
    """
    sound, failures, n_molecules = read_runs(
        trajectory_paths,
        partial(read_replica, charge_O_e=charge_O_e, analysis=analysis, discard_ps=discard_ps),
    )
    if not sound:
        return _nothing_observed(n_molecules, failures)
    _require_one_slab(sound)
    interval_ps = common_frame_interval({path: r.times_ps for path, r in sound.items()})
    replicas = list(sound.values())
    dipole = [replica.dipole for replica in replicas]
    summary = _summarise(replicas, interval_ps, analysis)
    return SlabObservables(
        summary=summary.assign(**failure_columns(failures)),
        dipole=_tabulate_dipole(replicas, replica_numbers(trajectory_paths, sound)),
        cumulative=_tabulate_cumulative(replicas),
        density=_tabulate_density(replicas),
        autocorrelation=tabulate_autocorrelation(dipole, interval_ps, analysis.maximum_lag_ps),
    )


def _nothing_observed(n_molecules: int, failures: list[str]) -> SlabObservables:
    known = {"n_molecules": n_molecules, "n_frames": 0, "n_replicas": 0, "sampled_ps": 0.0}
    unknown = ["n_independent", "frame_interval_ps", "correlation_time_ps"]
    unknown += [name + end for name in ESTIMATES for end in ("", "_low", "_high")]
    summary = known | dict.fromkeys(unknown, np.nan) | failure_columns(failures)
    profile = ["P_z_e_per_A", "P_z_e_per_A_low", "P_z_e_per_A_high", "std_P_z_e_per_A"]
    densities = [
        f"density_{unit}{end}"
        for unit in ("molecules_per_A3", "g_per_cm3")
        for end in ("", "_low", "_high")
    ]
    return SlabObservables(
        summary=pd.DataFrame([summary]),
        dipole=pd.DataFrame(
            columns=["replica", "time_ps", "P_z_e_per_A", "delta_V_V", "fraction_dissociated_O"]
        ),
        cumulative=pd.DataFrame(columns=["z_A", *profile]),
        density=pd.DataFrame(columns=["z_A", *densities]),
        autocorrelation=NO_AUTOCORRELATION,
    )


def _require_one_slab(replicas: dict[Path, Replica]) -> None:
    first, expected = next(iter(replicas.items()))
    for path, replica in replicas.items():
        if len(replica.grid_A) != len(expected.grid_A):
            raise ValueError(f"{path}: another slab than that in {first}")


def _summarise(replicas: list[Replica], interval_ps: float, analysis: Analysis) -> pd.DataFrame:
    dipole = [replica.dipole for replica in replicas]
    joined = np.concatenate(dipole)
    n_independent = independent_frames(dipole)
    n_molecules = replicas[0].n_molecules
    metallic = float(is_metallic(joined, analysis.band_gap_eV).mean())
    drop = [potential_drop(series) for series in dipole]
    row = {
        "n_molecules": n_molecules,
        "n_frames": len(joined),
        "n_replicas": len(replicas),
        "n_independent": n_independent,
        "sampled_ps": len(joined) * interval_ps,
        "frame_interval_ps": interval_ps,
        "correlation_time_ps": integrated_correlation_frames(dipole) * interval_ps,
        **std_interval(dipole).as_columns("sigma_P_e_per_A"),
        **std_interval(drop).as_columns("sigma_dV_V"),
        **mean_interval(dipole).as_columns("mean_P_e_per_A"),
        **fraction_interval(metallic, n_independent).as_columns("fraction_metallic"),
        **share_interval(
            [replica.dissociated for replica in replicas], n_independent * n_molecules
        ).as_columns("fraction_dissociated_O"),
        **mean_interval([replica.temperature_K for replica in replicas]).as_columns(
            "temperature_K"
        ),
    }
    return pd.DataFrame([row])


def _tabulate_dipole(replicas: list[Replica], numbers: list[int]) -> pd.DataFrame:
    tables = [
        pd.DataFrame(
            {
                "replica": number,
                "time_ps": replica.times_ps,
                "P_z_e_per_A": replica.dipole,
                "delta_V_V": potential_drop(replica.dipole),
                "fraction_dissociated_O": replica.dissociated,
            }
        )
        for number, replica in zip(numbers, replicas, strict=True)
    ]
    return pd.concat(tables, ignore_index=True)


def _tabulate_cumulative(replicas: list[Replica]) -> pd.DataFrame:
    n_frames = sum(len(replica.dipole) for replica in replicas)
    mean = np.sum([replica.cumulative_sum for replica in replicas], axis=0) / n_frames
    squares = np.sum([replica.cumulative_squares for replica in replicas], axis=0) / n_frames
    std = np.sqrt(np.maximum(squares - mean**2, 0.0))
    half_width = mean_half_width(std, independent_frames([r.dipole for r in replicas]))
    return pd.DataFrame(
        {
            "z_A": replicas[0].grid_A,
            "P_z_e_per_A": mean,
            "P_z_e_per_A_low": mean - half_width,
            "P_z_e_per_A_high": mean + half_width,
            "std_P_z_e_per_A": std,
        }
    )


def _tabulate_density(replicas: list[Replica]) -> pd.DataFrame:
    blocks = _density_blocks(replicas)
    mean = blocks.mean(axis=0)
    half_width = mean_half_width(blocks.std(axis=0), len(blocks))
    grid = replicas[0].grid_A
    per_A3 = {"": mean, "_low": np.maximum(mean - half_width, 0.0), "_high": mean + half_width}
    table = {"z_A": 0.5 * (grid[1:] + grid[:-1])}
    for suffix, values in per_A3.items():
        table[f"density_molecules_per_A3{suffix}"] = values
    for suffix, values in per_A3.items():
        table[f"density_g_per_cm3{suffix}"] = values / water_number_density(1.0)
    return pd.DataFrame(table)


def _density_blocks(replicas: list[Replica]) -> FloatArray:
    # a density profile forgets faster than the dipole, so that the dipole's correlation time is
    # a safe length for a block, and a run shorter than that may still be divided
    dipole = [replica.dipole for replica in replicas]
    frames_per_block = 2.0 * integrated_correlation_frames(dipole)
    blocks = []
    for replica in replicas:
        n_blocks = max(MINIMUM_BLOCKS, int(len(replica.dipole) / frames_per_block))
        stretches = np.array_split(np.arange(len(replica.densities)), n_blocks)
        blocks.extend(
            np.average(replica.densities[part], axis=0, weights=replica.stretch_frames[part])
            for part in stretches
            if len(part)
        )
    return np.array(blocks)
