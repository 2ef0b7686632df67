"""Choosing frames of trajectories for electronic structure, and what is remembered of them."""

import hashlib
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd
from ase import Atoms

from falsemetal.simulation.trajectory import Trajectory
from falsemetal.units import EPSILON_0

DECIMALS = 6
"""Of positions in Å: those that every engine's input and output keeps."""


class SelectionError(ValueError):
    """Frames that cannot be chosen; the message says what to change."""


def choose_frames(
    frames: pd.DataFrame,
    targets_V: Sequence[float],
    *,
    separation_ps: float,
    magnitude: bool = False,
) -> pd.DataFrame:
    """For each target in turn, take the frame nearest to it that is apart from those taken before.

    Parameters
    ----------
    frames
        Columns `replica`, `time_ps` and `delta_V_V`, as the observables of slabs and cells have.
    targets_V
        Values of ΔV; one beyond all frames takes the extreme.
    separation_ps
        Least time between two frames of one replica, so that they are not the same structure.
    magnitude
        Whether targets are values of abs(ΔV).

    Returns
    -------
    DataFrame
        A row per target, in the targets' order, with its `target_V`.

    Raises
    ------
    SelectionError
        If no frame is left for a target.
    """
    if frames.empty:
        raise SelectionError("all runs broke down: no frame to choose; table_runs tells why")
    left = frames.reset_index(drop=True)
    rows = []
    for number, target in enumerate(targets_V, 1):
        if left.empty:
            raise SelectionError(
                f"no frame left for target {number} of {len(targets_V)}, {target:g} V: every one "
                f"lies within {separation_ps:g} ps of those chosen before; lower separation_ps or "
                "run longer"
            )
        row = left.loc[(_quantity(left, magnitude=magnitude) - target).abs().idxmin()]
        rows.append(row.to_dict() | {"target_V": target})
        near = (left["time_ps"] - row["time_ps"]).abs() < separation_ps
        left = left[~((left["replica"] == row["replica"]) & near)]
    return pd.DataFrame(rows)


def intact_frames(frames: pd.DataFrame) -> pd.DataFrame:
    """Leave out frames with a broken molecule: fixed charges do not describe their ions (S1.0.4).

    Parameters
    ----------
    frames
        With the column `fraction_dissociated_O`.

    Raises
    ------
    SelectionError
        If none is left.
    """
    intact = frames[frames["fraction_dissociated_O"] == 0.0]
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
    chosen: pd.DataFrame, trajectories: Sequence[Path], *, charge_O_e: float
) -> list[Atoms]:
    """Read chosen frames, each with the manifest that travels with its jobs.

    Parameters
    ----------
    chosen
        From :func:`choose_frames`.
    trajectories
        H5MD files by number of replica.
    charge_O_e
        Charge of oxygen by which ΔV was computed.

    Returns
    -------
    list of Atoms
        `info` holds where the frame comes from: `trajectory`, `step`, `time_ps`, `delta_V_V`,
        `charge_O_e`, of a slab `P_z_e_per_A`, and `structure_sha256`, which
        :func:`structure_checksum` gives.
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
            atoms.info = {
                "trajectory": str(path),
                "replica": int(row["replica"]),
                "step": int(trajectory.steps[frame]),
                "time_ps": float(trajectory.times_ps[frame]),
                "target_V": float(row["target_V"]),
                "delta_V_V": float(row["delta_V_V"]),
                "charge_O_e": charge_O_e,
            }
        if not atoms.pbc[2]:
            atoms.info["P_z_e_per_A"] = float(row["delta_V_V"]) * EPSILON_0
        atoms.info["structure_sha256"] = structure_checksum(atoms)
        structures.append(atoms)
    return structures


def structure_checksum(atoms: Atoms) -> str:
    """SHA-256 of species, cell and positions to 10⁻⁶ Å, to which these must be rounded."""
    parts = (atoms.numbers, *(10**DECIMALS * a for a in (atoms.cell.array, atoms.positions)))
    content = b"".join(np.round(part).astype("<i8").tobytes() for part in parts)
    return hashlib.sha256(content).hexdigest()
