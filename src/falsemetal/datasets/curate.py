"""From labelled frames to a dataset on disk."""

import csv
import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
from ase import Atoms

from falsemetal.datasets.card import dataset_card
from falsemetal.datasets.checks import Rejection, check_frames, held_atoms, is_isolated
from falsemetal.datasets.errors import DatasetError
from falsemetal.datasets.io import write_frames
from falsemetal.datasets.settings import CurateSpec
from falsemetal.datasets.split import split_frames
from falsemetal.progress import logger
from falsemetal.systems.labels import FORCES, HELD

REJECTION_COLUMNS = ("frame", "trajectory", "time_ps", "reason")


def curate(
    spec: CurateSpec, frames: Sequence[Atoms], directory: str | Path, *, stamp: Mapping[str, Any]
) -> dict[str, Any]:
    """Check labelled frames, split them, write the dataset and return its card.

    Written are `train.extxyz`, `validation.extxyz`, `test.extxyz`, `card.json`, which keeps the
    provenance (`stamp`), and `rejected.csv`, which stays where a DatasetError tells that no frame
    passes the checks, or a part would be empty. Isolated atoms, if the checks accept them, are the
    first frames of the training part.
    """
    directory, name = Path(directory), spec.name
    directory.mkdir(parents=True, exist_ok=True)
    accepted, rejections = check_frames(frames, spec.checks)
    told = directory / "rejected.csv"
    write_rejections(told, rejections)
    reasons = Counter(rejection.check for rejection in rejections)
    logger.info("dataset %s: %d frames pass the checks", name, len(accepted))
    for check, count in reasons.most_common():
        example = next(r.reason for r in rejections if r.check == check)
        logger.info("dataset %s: %d rejected for %s, e.g. %s", name, count, check, example)
    atoms = _one_of_each([frame for frame in accepted if is_isolated(frame)], name)
    accepted = [frame for frame in accepted if not is_isolated(frame)]
    if not accepted:
        raise DatasetError(f"{_nothing_left(name, len(frames), rejections)} ({told})")
    _mark_held(accepted, name)
    try:
        parts = split_frames(accepted, spec.split, seed=spec.seed)
    except DatasetError as error:
        left_out = f"; {len(rejections)} of {len(frames)} frames were rejected: {told}"
        raise DatasetError(f"dataset {name}: {error}{left_out if rejections else ''}") from None
    parts["train"] = atoms + parts["train"]
    files = {part: directory / f"{part}.extxyz" for part in parts}
    for part, members in parts.items():
        write_frames(files[part], members)
    card = dataset_card(spec, parts, rejections, list(files.values())) | {"provenance": stamp}
    text = json.dumps(card, indent=2, ensure_ascii=False)
    (directory / "card.json").write_text(text + "\n", encoding="utf-8")
    return card


def _one_of_each(atoms: Sequence[Atoms], name: str) -> list[Atoms]:
    """Isolated atoms with forces, which are zero; DatasetError if an element is there twice."""
    for frame in atoms:
        frame.arrays[FORCES] = np.zeros((1, 3))
        frame.cell, frame.pbc = None, False
        frame.info["config_type"] = "isolated_atom"
    twice = [s for s, n in Counter(str(frame.symbols) for frame in atoms).items() if n > 1]
    if twice:
        raise DatasetError(
            f"dataset {name}: isolated atoms of {', '.join(twice)} are there more than once; keep "
            "one, or set checks.isolated_atoms: reject"
        )
    return list(atoms)


def _mark_held(frames: Sequence[Atoms], name: str) -> None:
    """Mark the atoms whose forces were set to zero, which are no labels."""
    found = [(frame, held) for frame in frames if (held := held_atoms(frame)).any()]
    for frame, held in found:
        frame.arrays[HELD] = held
    if found:
        logger.info(
            "dataset %s: the zero forces on held atoms of %d frames, %d to %d each, are left out",
            *(name, len(found), *(limit(held.sum() for _, held in found) for limit in (min, max))),
        )


def _nothing_left(name: str, n_frames: int, rejections: Sequence[Rejection]) -> str:
    if not rejections:
        return f"dataset {name}: there are no frames; sample some, or name a file that holds some"
    ((check, count),) = Counter(rejection.check for rejection in rejections).most_common(1)
    example = next(rejection for rejection in rejections if rejection.check == check)
    return (
        f"dataset {name}: none of {n_frames} frames passes the checks; most often ({count}): "
        f"{check}, e.g. frame {example.frame}: {example.reason}; mend the data or its checks"
    )


def write_rejections(path: Path, rejections: Sequence[Rejection]) -> None:
    """Write a row per frame that was left out."""
    with path.open("w", newline="", encoding="utf-8") as stream:
        writer = csv.DictWriter(stream, REJECTION_COLUMNS, extrasaction="ignore")
        writer.writeheader()
        writer.writerows(asdict(rejection) for rejection in rejections)
