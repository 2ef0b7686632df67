import csv
import hashlib
import json

import numpy as np
import pytest

from falsemetal.datasets.curate import curate
from falsemetal.datasets.errors import DatasetError
from falsemetal.datasets.io import read_frames
from falsemetal.datasets.settings import CurateSpec, ForceFieldDataset, SamplingRun, Split
from falsemetal.specs import Origin

PARTS = ("train", "validation", "test")


@pytest.fixture
def spec():
    dataset = ForceFieldDataset(
        kind="force_field",
        sampling={"bulk": SamplingRun(kind="bulk", n_molecules=8, n_frames=20)},
        split=Split(validation=0.2, test=0.2, block_ps=0.4, gap_ps=0.0),
    )
    return CurateSpec(
        origin=Origin(name="a", sha256="", seed=1),
        name="spce",
        source=dataset.model_dump(mode="json", exclude={"checks"}),
        checks=dataset.checks,
        split=dataset.split,
        seed=1,
    )


def test_dataset_on_disk(make_frames, spec, tmp_path):
    frames = make_frames(20)
    frames[2].arrays["REF_forces"] *= 100.0
    card = curate(spec, frames, tmp_path / "spce", stamp={"commit": "abc"})
    parts = {part: read_frames(tmp_path / "spce" / f"{part}.extxyz") for part in PARTS}
    assert json.loads((tmp_path / "spce" / "card.json").read_text()) == card
    assert card["provenance"] == {"commit": "abc"}
    assert card["n_frames"] == sum(map(len, parts.values())) == 19
    for part, members in parts.items():
        assert card["counts"][part] == {"bulk": len(members), "total": len(members)}
        content = (tmp_path / "spce" / f"{part}.extxyz").read_bytes()
        assert card["sha256"][f"{part}.extxyz"] == hashlib.sha256(content).hexdigest()
    assert card["rejected"] == {"n_frames": 1, "by_check": {"large force": 1}}
    energies = [frame.info["REF_energy"] / 24 for part in parts.values() for frame in part]
    statistics = card["statistics"]["bulk"]
    assert statistics["energy_per_atom_mean_eV"] == pytest.approx(np.mean(energies), abs=1e-7)
    assert statistics["force_rms_eV_per_A"] == pytest.approx(1.0, abs=0.1)
    assert card["elements"] == ["H", "O"]
    assert card["units"]["forces"] == "eV/Å"
    assert card["checks"]["maximum_force_eV_per_A"] == 50.0
    assert card["source"]["force_field"]["charge_O_e"] == -0.8476
    with (tmp_path / "spce" / "rejected.csv").open() as stream:
        (row,) = csv.DictReader(stream)
    assert list(row) == ["frame", "trajectory", "time_ps", "reason"]
    assert (row["frame"], row["trajectory"]) == ("2", "bulk-0")
    assert "above 50" in row["reason"]


def test_zero_forces_on_held_atoms_are_marked(make_frames, spec, tmp_path):
    frames = make_frames(20)
    for frame in frames:
        frame.arrays["REF_forces"][:6] = 0.0
    checks = spec.checks.model_copy(update={"held_atoms": "leave_out"})
    card = curate(spec.model_copy(update={"checks": checks}), frames, tmp_path, stamp={})
    assert card["rejected"]["n_frames"] == 0
    written = [frame for part in PARTS for frame in read_frames(tmp_path / f"{part}.extxyz")]
    assert all(frame.arrays["REF_held"].tolist() == 6 * [True] + 18 * [False] for frame in written)
    moving = np.concatenate([frame.arrays["REF_forces"][6:] for frame in written])
    rms = card["statistics"]["bulk"]["force_rms_eV_per_A"]
    assert rms == pytest.approx(np.sqrt(np.mean(moving**2)), abs=1e-6)


def test_same_frames_and_seed_give_the_same_files(make_frames, spec, tmp_path):
    one, other = (
        curate(spec, make_frames(20), tmp_path / folder, stamp={}) for folder in ("a", "b")
    )
    assert one == other


def test_nothing_left_names_the_commonest_reason(make_frames, spec, tmp_path):
    frames = make_frames(5)
    for frame in frames:
        frame.arrays["REF_forces"] *= 51.4
    frames[0].info["REF_energy"] = np.nan
    with pytest.raises(DatasetError, match=r"spce: none of 5 frames .*\(4\): large force.*units"):
        curate(spec, frames, tmp_path, stamp={})
    assert len((tmp_path / "rejected.csv").read_text().splitlines()) == 6


def test_no_frames(spec, tmp_path):
    with pytest.raises(DatasetError, match="spce: there are no frames"):
        curate(spec, [], tmp_path, stamp={})
