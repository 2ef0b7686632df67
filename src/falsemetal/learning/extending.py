"""Laying newly labelled frames beside a dataset."""

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from ase import Atoms

from falsemetal.datasets.card import dataset_card
from falsemetal.datasets.checks import Rejection, check_frames
from falsemetal.datasets.curate import write_rejections
from falsemetal.datasets.errors import DatasetError
from falsemetal.datasets.io import write_frames
from falsemetal.datasets.split import PARTS, split_frames
from falsemetal.learning.choosing import ADDED, CHOSEN, HELD, KNOWN, REFUSED, known_range
from falsemetal.learning.settings import ExtendSpec
from falsemetal.progress import logger
from falsemetal.units import EPSILON_0


def extend(
    spec: ExtendSpec,
    parts: Mapping[str, Sequence[Atoms]],
    labelled: Sequence[Atoms],
    explored: pd.DataFrame,
    directory: str | Path,
    *,
    stamp: Mapping[str, Any],
) -> dict[str, Any]:
    """Check labelled frames, split them, write them beside a dataset, and return the card.

    New frames are checked together with those of the dataset: energies per atom that no energies of
    elements, fitted to all, explain are rejected, as of another program's zero. Frames of the
    dataset stay in their parts: errors of all generations are of the same test frames, and of some
    of the new ones.

    Parameters
    ----------
    spec
        Of the extension.
    parts
        Frames of the dataset that is extended: `train`, `validation`, `test`.
    labelled
        Of :func:`falsemetal.learning.exploring.explore`, with labels or faults.
    explored
        Its table.
    directory
        Gets the parts, `card.json`, `rejected.csv`, `added.csv` (a row of what came of the
        exploration) and `dipoles.csv` (P_z of all frames by verdict).
    stamp
        Provenance.
    """
    directory = Path(directory)
    directory.mkdir(parents=True, exist_ok=True)
    n_chosen = int((explored["verdict"] == CHOSEN).sum())
    if len(labelled) != n_chosen:
        raise DatasetError(
            f"dataset {spec.name}: {len(labelled)} frames are labelled, but {n_chosen} were "
            f"chosen; delete {directory / 'labels'} and start again"
        )
    new = [_named(frame, spec.name) for frame in labelled]
    before = [frame for part in PARTS for frame in parts[part]]
    accepted, rejections = check_frames([*before, *new], spec.checks)
    old = set(map(id, before))
    sound = [frame for frame in accepted if id(frame) not in old]
    rejections = [
        replace(rejection, frame=rejection.frame - len(before))
        for rejection in rejections
        if rejection.frame >= len(before)
    ]
    write_rejections(directory / "rejected.csv", rejections)
    dealt = split_frames(sound, spec.split, seed=spec.seed, whole=False)
    added = [frame for part in PARTS for frame in dealt[part]]
    merged = {part: [*parts[part], *dealt[part]] for part in PARTS}
    table = _dipoles(explored, added)
    for frame in added:
        del frame.info["number"]
    files = {part: directory / f"{part}.extxyz" for part in PARTS}
    for part, members in merged.items():
        write_frames(files[part], members)
    row = _row(spec, explored, rejections, table, n_before=len(before), n_added=len(added))
    pd.DataFrame([row]).to_csv(directory / "added.csv", index=False)
    table.to_csv(directory / "dipoles.csv", index=False)
    card = dataset_card(spec, merged, rejections, list(files.values()))
    refused = explored.loc[explored["verdict"] == REFUSED, "refused"]
    card |= {
        "added": row | {"refused_by_reason": dict(Counter(refused.tolist()).most_common())},
        "provenance": stamp,
    }
    text = json.dumps(card, indent=2, ensure_ascii=False)
    (directory / "card.json").write_text(text + "\n", encoding="utf-8")
    logger.info("dataset %s: %d frames added to %d", spec.name, len(added), len(before))
    return card


def _named(frame: Atoms, name: str) -> Atoms:
    frame.info["config_type"] = name
    return frame


def _dipoles(explored: pd.DataFrame, added: Sequence[Atoms]) -> pd.DataFrame:
    """P_z of all frames that were looked at; those that were labelled and passed are *added*."""
    numbers = [frame.info["number"] for frame in added]
    table = explored.copy()
    table.loc[table["number"].isin(numbers), "verdict"] = ADDED
    table["delta_V_V"] = table["electronic_P_z_e_per_A"] / EPSILON_0
    columns = ["verdict", "replica", "time_ps", "P_z_e_per_A", "delta_V_V", "fraction_broken"]
    return table[[*columns, "refused"]]


def _row(
    spec: ExtendSpec,
    explored: pd.DataFrame,
    rejections: Sequence[Rejection],
    table: pd.DataFrame,
    *,
    n_before: int,
    n_added: int,
) -> dict[str, Any]:
    frames = explored[explored["verdict"] != HELD]
    counts = frames["verdict"].value_counts()
    held = table[table["verdict"] == HELD]
    after = table[table["verdict"].isin([HELD, ADDED])]
    row: dict[str, Any] = {
        "dataset": spec.name,
        "of": spec.source["of"],
        "by": spec.source["by"],
        "n_before": n_before,
        "n_explored": len(frames),
        "n_refused": int(counts.get(REFUSED, 0)),
        "n_known": int(counts.get(KNOWN, 0)),
        "n_chosen": int(counts.get(CHOSEN, 0)),
        "n_rejected": len(rejections),
        "n_left_out": int(counts.get(CHOSEN, 0)) - len(rejections) - n_added,
        "n_added": n_added,
        "n_total": n_before + n_added,
    }
    for when, rows in (("before", held), ("after", after)):
        low, high = known_range(rows["P_z_e_per_A"], spec.known_share)
        row |= {f"P_z_low_{when}_e_per_A": low, f"P_z_high_{when}_e_per_A": high}
    found = frames["P_z_e_per_A"]
    row |= {
        "P_z_lowest_explored_e_per_A": float(found.min()),
        "P_z_highest_explored_e_per_A": float(found.max()),
    }
    return {key: None if isinstance(v, float) and np.isnan(v) else v for key, v in row.items()}
