from itertools import combinations, pairwise

import numpy as np
import pytest

from falsemetal.datasets.errors import DatasetError
from falsemetal.datasets.settings import Split
from falsemetal.datasets.split import PARTS, split_frames

SPLIT = Split(validation=0.1, test=0.2, block_ps=0.5, gap_ps=0.0)


def identities(frames):
    return {(frame.info.get("trajectory"), frame.info.get("time_ps")) for frame in frames}


@pytest.mark.parametrize("seed", range(8))
@pytest.mark.parametrize("block_ps", [0.25, 0.5, 1.3])
def test_no_block_is_divided(make_frames, seed, block_ps):
    frames = [
        frame
        for trajectory in ("bulk-0", "bulk-1")
        for frame in make_frames(47, trajectory=trajectory)
    ]
    split = Split(validation=0.2, test=0.2, block_ps=block_ps, gap_ps=0.0)
    parts = split_frames(frames, split, seed=seed)
    assert sum(map(len, parts.values())) == len(frames)
    for one, other in combinations(PARTS, 2):
        assert not identities(parts[one]) & identities(parts[other])
    part_of = {
        identity: part for part, members in parts.items() for identity in identities(members)
    }
    for trajectory in ("bulk-0", "bulk-1"):
        times = sorted(time for name, time in part_of if name == trajectory)
        owners = [part_of[trajectory, time] for time in times]
        changes = np.flatnonzero([a != b for a, b in pairwise(owners)]) + 1
        lengths_ps = np.diff([0, *changes, len(times)]) * 0.1
        assert lengths_ps.min() >= block_ps - 1e-9


@pytest.mark.parametrize("seed", range(4))
def test_held_out_frames_are_not_neighbours_in_time_of_others(make_frames, seed):
    split = Split(validation=0.2, test=0.2, block_ps=1.0, gap_ps=0.3)
    parts = split_frames(make_frames(60), split, seed=seed)
    for one, other in combinations(PARTS, 2):
        times = [[frame.info["time_ps"] for frame in parts[part]] for part in (one, other)]
        assert np.abs(np.subtract.outer(*times)).min() >= 0.3 - 1e-9


def test_every_config_type_is_in_every_part(make_frames):
    frames = make_frames(40) + make_frames(20, config_type="slab", trajectory="slab-0")
    parts = split_frames(frames, SPLIT, seed=1)
    for part in PARTS:
        assert {frame.info["config_type"] for frame in parts[part]} == {"bulk", "slab"}
    assert len(parts["train"]) > len(parts["test"]) >= len(parts["validation"])


def test_too_short_a_config_type_is_for_training(make_frames):
    frames = make_frames(40) + make_frames(10, config_type="brine", trajectory="brine-0")
    parts = split_frames(frames, SPLIT, seed=1)
    kinds = [{frame.info["config_type"] for frame in parts[part]} for part in PARTS]
    assert kinds == [{"bulk", "brine"}, {"bulk"}, {"bulk"}]


def test_deterministic_and_seeded(make_frames):
    frames = make_frames(60)
    one, same, other = (split_frames(frames, SPLIT, seed=seed) for seed in (1, 1, 2))
    assert identities(one["test"]) == identities(same["test"])
    assert identities(one["test"]) != identities(other["test"])


@pytest.mark.parametrize(("validation", "test"), [(0.45, 0.5), (0.5, 0.4), (0.1, 0.8)])
def test_large_shares_leave_something_to_train_on(make_frames, validation, test):
    split = Split(validation=validation, test=test, block_ps=0.5, gap_ps=0.0)
    parts = split_frames(make_frames(20), split, seed=1)
    assert all(parts[part] for part in PARTS)


def test_a_subset(make_frames):
    split = Split(validation=0.2, test=0.2, block_ps=0.5, gap_ps=0.0, maximum_frames=30)
    parts = split_frames(make_frames(60), split, seed=1)
    assert sum(map(len, parts.values())) == 30


@pytest.mark.parametrize("trajectory", [None, "bulk-0"])
def test_frames_without_time_are_cut_into_contiguous_pieces(make_frames, trajectory):
    frames = make_frames(60, trajectory=trajectory, interval_ps=None)
    parts = split_frames(frames, SPLIT, seed=1)
    index_of = {id(frame): index for index, frame in enumerate(frames)}
    owners = {index_of[id(f)] // 3: part for part, members in parts.items() for f in members}
    for part, members in parts.items():
        assert {owners[index_of[id(frame)] // 3] for frame in members} == {part}
    assert len(parts["test"]) == 12


def test_an_empty_part_is_an_error(make_frames):
    with pytest.raises(DatasetError, match=r"validation and test: .*bulk: 2\).*split.block_ps"):
        split_frames(make_frames(10), SPLIT, seed=1)
