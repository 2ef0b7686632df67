"""Frames that only models with charges can treat: charged ones, clusters, and those in fields."""

from collections.abc import Sequence

import numpy as np
from ase import Atoms

from falsemetal.systems.labels import EXTERNAL_FIELD, TOTAL_CHARGE, external_field, total_charge

NEUTRAL_E = 1e-3
"""Charge up to which a frame is neutral: sums of charges that others have written are no better."""


def set_total_charge(frame: Atoms, charge_e: float) -> None:
    """Set the charge of a frame in e, where it has one; a number that is not finite is kept."""
    frame.info.pop(TOTAL_CHARGE, None)
    if not abs(charge_e) <= NEUTRAL_E:
        frame.info[TOTAL_CHARGE] = float(charge_e)


def charged_frames(frames: Sequence[Atoms]) -> list[int]:
    """Find the frames that carry a charge, by index."""
    return [i for i, frame in enumerate(frames) if not abs(total_charge(frame)) <= NEUTRAL_E]


def clusters(frames: Sequence[Atoms]) -> list[int]:
    """Find the frames of several atoms that are periodic in no direction, by index."""
    return [i for i, frame in enumerate(frames) if len(frame) > 1 and not frame.pbc.any()]


def frames_in_field(frames: Sequence[Atoms]) -> list[int]:
    """Find the frames that were labelled in an external field, by index."""
    return [i for i, frame in enumerate(frames) if np.any(external_field(frame) != 0.0)]


def find_fault_without_charges(frames: Sequence[Atoms]) -> str | None:
    """Tell which frames a model cannot learn that has no charges of its own, or None.

    Such a model takes a charged frame for a neutral one, a field for none, and knows no cluster.
    """
    kinds = {
        f"carry a charge ({TOTAL_CHARGE})": charged_frames(frames),
        "are not periodic": clusters(frames),
        f"are in a field ({EXTERNAL_FIELD})": frames_in_field(frames),
    }
    told = [
        f"{len(found)} of {len(frames)} frames {what}, the first is frame {found[0]}"
        for what, found in kinds.items()
        if found
    ]
    if not told:
        return None
    return f"{'; '.join(told)}: only a model that knows total charges can learn from them"
