"""State from which a run continues, as it is kept beside the frames."""

import json
from dataclasses import dataclass
from typing import Any

import h5py
import numpy as np


@dataclass(frozen=True)
class NeighbourState:
    """What a neighbour list is made anew from, exactly as it was.

    It was made for the positions `origin`, in Å. Sums round by the processor's instruction set,
    None where it is not known.
    """

    origin: np.ndarray
    instruction_set: str | None = None


@dataclass(frozen=True)
class Checkpoint:
    """State from which a run continues.

    Positions, in Å, are unwrapped, momenta in ASE's unit sqrt(u·eV). The state of the thermostat's
    random-number generator is None where the engine keeps its own; the neighbour list is that of a
    trained model, which the order of its sums depends on.
    """

    step: int
    positions: np.ndarray
    momenta: np.ndarray
    random_state: dict[str, Any] | None = None
    neighbours: NeighbourState | None = None


def write_checkpoint(file: h5py.File, checkpoint: Checkpoint) -> None:
    """Put a checkpoint into a file, in place of an earlier one."""
    if "checkpoint" in file:
        del file["checkpoint"]
    group = file.create_group("checkpoint")
    group.attrs["step"] = checkpoint.step
    group.attrs["random_state"] = json.dumps(checkpoint.random_state)
    group["positions"] = np.asarray(checkpoint.positions, dtype=np.float64)
    group["momenta"] = np.asarray(checkpoint.momenta, dtype=np.float64)
    if checkpoint.neighbours is not None:
        group["neighbours/origin"] = checkpoint.neighbours.origin
        if checkpoint.neighbours.instruction_set is not None:
            group["neighbours"].attrs["instruction_set"] = checkpoint.neighbours.instruction_set


def read_checkpoint(file: h5py.File) -> Checkpoint:
    """Read the checkpoint of a file; a KeyError tells that it has none."""
    group = file["checkpoint"]
    neighbours = None
    if "neighbours" in group:
        found = group["neighbours"]
        neighbours = NeighbourState(found["origin"][:], found.attrs.get("instruction_set"))
    return Checkpoint(
        step=int(group.attrs["step"]),
        positions=group["positions"][:],
        momenta=group["momenta"][:],
        random_state=json.loads(group.attrs["random_state"]),
        neighbours=neighbours,
    )
