"""Which frames of an exploration to label."""

import numpy as np
import pandas as pd

from falsemetal.arrays import BoolArray
from falsemetal.learning.settings import Selection

CHOSEN, NOT_NEEDED, KNOWN, REFUSED, LEFT_OUT = "chosen", "not needed", "known", "refused", "start"
"""Verdicts on a frame of the runs."""

HELD, ADDED = "held", "added"
"""Verdicts on a frame of the dataset, and on one that was labelled and has joined it."""

BROKEN = -1
"""Bin of frames with more broken molecules than are known."""


def known_range(dipoles: pd.Series, share: float) -> tuple[float, float]:
    """Bounds of the central share of dipoles; NaN without any."""
    if not len(dipoles):
        return np.nan, np.nan
    tail = 0.5 * (1.0 - share)
    low, high = dipoles.quantile([tail, 1.0 - tail])
    return float(low), float(high)


def choose(explored: pd.DataFrame, held: pd.DataFrame, selection: Selection) -> pd.DataFrame:
    """Give each frame of an exploration its `verdict`.

    Frames have `replica`, `time_ps`, `unit_P_per_A` (dipole per area for a charge of 1 e on the
    centres), `fraction_broken` and `refused`, the reason why a frame is unphysical, or nothing;
    those of the dataset, `held`, the third and the fourth.

    A frame is *refused* if it is unphysical; *known* if its dipole lies within the range of the
    dataset, and no more of its molecules are broken than there; of the others at most
    `selection.n_frames` are *chosen*, in turn from bins of the dipole, and from those with more
    broken molecules, in order of time, and none within `separation_ps` of another. The rest is *not
    needed*. Evenly in time all are taken for new. The start of a run, `discard_ps`, is left out.
    """
    table = explored.sort_values(["time_ps", "replica"], kind="stable").assign(verdict=NOT_NEEDED)
    refused = table["refused"] != ""
    early = table["time_ps"] < selection.discard_ps
    usable = ~refused & ~early
    if selection.how == "even":
        new = usable
        chosen = _evenly(table[new], selection)
    else:
        low, high = known_range(held["unit_P_per_A"], selection.known_share)
        most = held["fraction_broken"].max() if len(held) else 0.0
        broken = usable & (table["fraction_broken"] > most)
        inside = (table["unit_P_per_A"] >= low) & (table["unit_P_per_A"] <= high)
        new = usable & (~inside | broken)
        chosen = _in_turn(table[new], broken[new].to_numpy(), selection)
    table.loc[usable & ~new, "verdict"] = KNOWN
    table.loc[early, "verdict"] = LEFT_OUT
    table.loc[refused, "verdict"] = REFUSED
    table.loc[chosen, "verdict"] = CHOSEN
    return table.sort_index()


def _evenly(new: pd.DataFrame, selection: Selection) -> list[int]:
    """Labels of frames at even distances in time, over all runs."""
    if len(new) <= selection.n_frames:
        return list(new.index)
    places = np.linspace(0, len(new) - 1, selection.n_frames).round().astype(int)
    return list(new.index[places])


def _in_turn(new: pd.DataFrame, broken: BoolArray, selection: Selection) -> list[int]:
    if not len(new):
        return []
    dipole = new["unit_P_per_A"].to_numpy()
    edges = np.linspace(dipole.min(), dipole.max(), selection.n_bins + 1)
    bins = np.clip(np.searchsorted(edges, dipole, side="right") - 1, 0, selection.n_bins - 1)
    bins[broken] = BROKEN
    queues = [new.index[bins == number].tolist() for number in np.unique(bins)]
    times, replicas = new["time_ps"], new["replica"]
    chosen: list[int] = []
    while len(chosen) < selection.n_frames and any(queues):
        for queue in queues:
            while queue:
                label = queue.pop(0)
                same = [c for c in chosen if replicas[c] == replicas[label]]
                if all(abs(times[c] - times[label]) >= selection.separation_ps for c in same):
                    chosen.append(label)
                    break
            if len(chosen) == selection.n_frames:
                break
    return chosen
