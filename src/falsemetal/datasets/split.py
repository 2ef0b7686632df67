"""Training, validation and test parts that do not leak into each other.

Frames close in time are nearly the same frame, so whole blocks of time are dealt out, never
single frames.
"""

from collections import defaultdict
from collections.abc import Sequence

import numpy as np
from ase import Atoms

from falsemetal.datasets.errors import DatasetError
from falsemetal.datasets.settings import Split
from falsemetal.systems.labels import GEOMETRY

PARTS = ("train", "validation", "test")

BLOCKS_WITHOUT_TIME = 20
"""Pieces into which a trajectory is cut whose frames do not tell their time."""

ROUNDING = 1e-6


def split_frames(
    frames: Sequence[Atoms], split: Split, *, seed: int, whole: bool = True
) -> dict[str, list[Atoms]]:
    """Deal blocks of frames out to training, validation and test.

    A block is a piece of one trajectory, at least `split.block_ps` long. Frames without a
    `trajectory` count as one for as long as `config_type` and composition do not change in the
    file; frames without `time_ps` are cut into contiguous pieces of equal number, those that tell a
    `geometry` between geometries, of equal numbers of them. Every
    `config_type` with three blocks or more is dealt to all parts, by the shares asked for; with
    fewer it is training data only. Validation and test frames closer than `split.gap_ps` to a frame
    of another part, at the border of two blocks, are left out. The seed is of the deal, and of the
    subset if `split.maximum_frames` is set. Returns `train`, `validation` and `test`, each in the
    order of `frames`, which is that of their file; DatasetError if a part would be empty, unless
    they only add to parts that are there (`whole` is false).
    """
    rng = np.random.default_rng(seed)
    # blocks are cut from all frames: a subset would hide how far apart they are
    blocks_by_type = _blocks(frames, split.block_ps)
    chosen = set(range(len(frames)))
    if split.maximum_frames is not None and split.maximum_frames < len(frames):
        chosen = set(rng.choice(len(frames), split.maximum_frames, replace=False).tolist())
    members: dict[str, list[int]] = {part: [] for part in PARTS}
    for config_type in sorted(blocks_by_type):
        kept = [[i for i in block if i in chosen] for block in blocks_by_type[config_type]]
        kept = [block for block in kept if block]
        order = iter(rng.permutation(len(kept)))
        for part, count in _block_counts(len(kept), split).items():
            for _ in range(count):
                members[part] += kept[next(order)]
    members["validation"] = _apart(members["validation"], members["train"], frames, split.gap_ps)
    members["test"] = _apart(
        members["test"], members["train"] + members["validation"], frames, split.gap_ps
    )
    if whole:
        _require_all_parts(members, blocks_by_type, split)
    return {part: [frames[i] for i in sorted(members[part])] for part in PARTS}


def _apart(
    held_out: list[int], others: list[int], frames: Sequence[Atoms], gap_ps: float
) -> list[int]:
    """Held-out frames at least `gap_ps` away from the others of their trajectory."""
    times: dict[str | None, list[float]] = defaultdict(list)
    for index in others:
        info = frames[index].info
        if "trajectory" in info and "time_ps" in info:
            times[info["trajectory"]].append(info["time_ps"])

    def is_apart(index: int) -> bool:
        info = frames[index].info
        near = times.get(info.get("trajectory"), [])
        if "time_ps" not in info or not near:
            return True
        return bool(np.abs(np.array(near) - info["time_ps"]).min() >= gap_ps - ROUNDING)

    return [index for index in held_out if is_apart(index)]


def _block_counts(n_blocks: int, split: Split) -> dict[str, int]:
    """Blocks of each part; at least one each if there are enough, and always one to train on."""
    if n_blocks < len(PARTS):
        return {"train": n_blocks}
    validation = max(1, round(split.validation * n_blocks))
    test = max(1, round(split.test * n_blocks))
    while validation + test >= n_blocks:
        validation, test = (validation - 1, test) if validation > test else (validation, test - 1)
    return {"validation": validation, "test": test, "train": n_blocks - validation - test}


def _blocks(frames: Sequence[Atoms], block_ps: float) -> dict[str, list[list[int]]]:
    """Blocks of frame indices by config_type."""
    trajectories: dict[tuple[str, str], list[int]] = defaultdict(list)
    run, previous = 0, None
    for index, frame in enumerate(frames):
        config_type = str(frame.info.get("config_type", "unknown"))
        trajectory = frame.info.get("trajectory")
        kind = (config_type, trajectory, frame.get_chemical_formula())
        if trajectory is None:
            run += kind != previous
            trajectory = f"run of the file {run}"
        previous = kind
        trajectories[config_type, str(trajectory)].append(index)
    blocks: dict[str, list[list[int]]] = defaultdict(list)
    for (config_type, _), indices in trajectories.items():
        blocks[config_type] += _cut([frames[i] for i in indices], indices, block_ps)
    return blocks


def _cut(frames: list[Atoms], indices: list[int], block_ps: float) -> list[list[int]]:
    if any("time_ps" not in frame.info for frame in frames):
        # frames of one geometry, such as its charge states, stay together
        geometries = np.array([f.info.get(GEOMETRY, k) for k, f in enumerate(frames)])
        distinct = np.unique(geometries)
        pieces = np.array_split(distinct, min(BLOCKS_WITHOUT_TIME, len(distinct)))
        return [[indices[k] for k in np.flatnonzero(np.isin(geometries, p))] for p in pieces]
    times = np.array([frame.info["time_ps"] for frame in frames], dtype=float)
    distinct = np.unique(times)
    interval = float(np.median(np.diff(distinct))) if len(distinct) > 1 else 0.0
    if interval > 0.0:
        block_ps = interval * np.ceil(block_ps / interval - ROUNDING)
    duration = float(np.ptp(times)) + interval
    n_blocks = max(1, int(duration / block_ps + ROUNDING))
    number = ((times - times.min()) / block_ps + ROUNDING).astype(int)
    # what is left over at the end joins the last whole block
    number = np.minimum(number, n_blocks - 1)
    return [[indices[k] for k in np.flatnonzero(number == n)] for n in np.unique(number)]


def _require_all_parts(
    members: dict[str, list[int]], blocks_by_type: dict[str, list[list[int]]], split: Split
) -> None:
    empty = [part for part in PARTS if not members[part]]
    if empty:
        counts = ", ".join(f"{kind}: {len(blocks)}" for kind, blocks in blocks_by_type.items())
        raise DatasetError(
            f"nothing is left for {' and '.join(empty)}: no config_type has {len(PARTS)} blocks "
            f"of {split.block_ps:g} ps, {split.gap_ps:g} ps apart (blocks: {counts or 'none'}); "
            "sample longer, or lower split.block_ps or split.gap_ps"
        )
