"""Choosing frames of trajectories for electronic structure, and what is remembered of them."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd
from ase import Atoms
from ase.io import write

from falsemetal.electronic.specs import SelectSpec
from falsemetal.electronic.structure import DECIMALS, structure_checksum
from falsemetal.progress import logger
from falsemetal.simulation.trajectory import Trajectory
from falsemetal.systems.system import REGION
from falsemetal.units import EPSILON_0


class SelectionError(ValueError):
    """Frames that cannot be chosen; the message says what to change."""


def select(
    spec: SelectSpec,
    table_path: str | Path,
    trajectory_paths: Sequence[str | Path],
    frames_path: str | Path,
    table_out: str | Path,
) -> None:
    """Choose frames of the runs of one size, and write them with a table of them.

    The table of all frames has the columns `replica`, `time_ps`, `delta_V_V` and `fraction_broken`;
    trajectories are by number of replica. Written are extended xyz as of :func:`extract_frames` and
    the rows that were chosen. Too few frames raise SelectionError.
    """
    choice, frames = spec.choice, pd.read_csv(table_path)
    if choice.intact:
        frames = intact_frames(frames)
    targets = choice.targets_V or quantiles_to_targets(
        frames, choice.quantiles or (), magnitude=choice.magnitude
    )
    chosen = choose_frames(
        frames, targets, separation_ps=choice.separation_ps, magnitude=choice.magnitude
    )
    write(frames_path, extract_frames(chosen, trajectory_paths, charge_e=spec.charge_e))
    chosen.to_csv(table_out, index=False)
    logger.info("ΔV of the chosen frames: %s V", ", ".join(f"{v:.2f}" for v in chosen["delta_V_V"]))


def choose_frames(
    frames: pd.DataFrame,
    targets_V: Sequence[float],
    *,
    separation_ps: float,
    magnitude: bool = False,
) -> pd.DataFrame:
    """For each target in turn, take the frame nearest to it that is apart from those taken before.

    Targets are values of ΔV, or of abs(ΔV) (`magnitude`); one beyond all frames takes the extreme.
    Frames of one replica within `separation_ps` count as the same structure. Returns a row of
    `frames` (columns `replica`, `time_ps`, `delta_V_V`) per target, in the targets' order, with its
    `target_V`; SelectionError where no frame is left for one.
    """
    if frames.empty:
        raise SelectionError("all runs failed: no frame to choose; table_runs tells why")
    left = frames
    rows = []
    for number, target in enumerate(targets_V, 1):
        if left.empty:
            raise SelectionError(
                f"no frame left for target {number} of {len(targets_V)}, {target:g} V: every one "
                f"lies within {separation_ps:g} ps of those chosen before; lower separation_ps or "
                "run longer"
            )
        row = left.iloc[(_quantity(left, magnitude=magnitude) - target).abs().argmin()]
        rows.append(row.to_dict() | {"target_V": target})
        near = (left["time_ps"] - row["time_ps"]).abs() < separation_ps
        left = left[~((left["replica"] == row["replica"]) & near)]
    return pd.DataFrame(rows)


def intact_frames(frames: pd.DataFrame) -> pd.DataFrame:
    """Leave out frames with a broken molecule: fixed charges do not describe their ions (S1.0.4).

    They are told by the column `fraction_broken`; SelectionError if no frame is left.
    """
    intact = frames[frames["fraction_broken"] == 0.0]
    if len(frames) and intact.empty:
        raise SelectionError(
            "every frame has a broken molecule, for which ΔV by fixed charges means little; give "
            "intact: false to choose among them all the same"
        )
    return intact


def quantiles_to_targets(
    frames: pd.DataFrame, quantiles: Sequence[float], *, magnitude: bool = False
) -> list[float]:
    """Values of ΔV, or of abs(ΔV), in V below which these shares of the frames lie."""
    return [float(v) for v in _quantity(frames, magnitude=magnitude).quantile(list(quantiles))]


def _quantity(frames: pd.DataFrame, *, magnitude: bool) -> pd.Series:
    return frames["delta_V_V"].abs() if magnitude else frames["delta_V_V"]


def extract_frames(
    chosen: pd.DataFrame, trajectories: Sequence[str | Path], *, charge_e: float
) -> list[Atoms]:
    """Read frames of :func:`choose_frames`, each with the manifest that travels with its jobs.

    Trajectories are H5MD files by number of replica; `charge_e` is that of the liquid's centre by
    which ΔV was computed. Frames have the array `region`; `info` holds where each comes from:
    `trajectory`, `step`, `time_ps`, `delta_V_V`, `charge_e`, of a slab `P_z_e_per_A`, and
    `structure_sha256`, which :func:`structure_checksum` gives.
    """
    structures = []
    for row in chosen.to_dict("records"):
        path = Path(trajectories[int(row["replica"])])
        with Trajectory(path) as trajectory:
            frame = int(np.argmin(np.abs(trajectory.times_ps - row["time_ps"])))
            if not np.isclose(trajectory.times_ps[frame], row["time_ps"], atol=1e-6):
                raise SelectionError(
                    f"{path}: no frame at {row['time_ps']:g} ps; make the observables again"
                )
            [positions] = next(trajectory.position_chunks(frame, 1))
            atoms = Atoms(
                numbers=trajectory.numbers,
                positions=positions.astype(float).round(DECIMALS),
                cell=trajectory.cell,
                pbc=trajectory.pbc,
            )
            atoms.set_array(REGION, trajectory.region)
            atoms.info = {
                "trajectory": str(path),
                "replica": int(row["replica"]),
                "step": int(trajectory.steps[frame]),
                "time_ps": float(trajectory.times_ps[frame]),
                "target_V": float(row["target_V"]),
                "delta_V_V": float(row["delta_V_V"]),
                "charge_e": charge_e,
            }
        if not atoms.pbc[2]:
            atoms.info["P_z_e_per_A"] = float(row["delta_V_V"]) * EPSILON_0
        atoms.info["structure_sha256"] = structure_checksum(atoms)
        structures.append(atoms)
    return structures
