"""Labelled frames laid beside a dataset."""

import json

import numpy as np
import pandas as pd
import pytest
from ase import Atoms

from falsemetal.datasets.faults import faulty_frame
from falsemetal.datasets.io import read_frames
from falsemetal.datasets.labelling import label_frames
from falsemetal.datasets.settings import Checks, Split
from falsemetal.learning.extending import extend
from falsemetal.learning.settings import ExtendSpec
from falsemetal.potentials.force_field.settings import WaterForceField
from falsemetal.specs import Origin
from falsemetal.systems.labels import ENERGY
from falsemetal.systems.water import water_box

SPEC = ExtendSpec(
    origin=Origin(name="test", sha256="", seed=1),
    name="gen1",
    source={"kind": "extended", "of": "base", "by": "model"},
    checks=Checks(),
    split=Split(block_ps=0.2, gap_ps=0.0),
    known_share=0.98,
    seed=1,
)


def labelled(seeds: range, trajectory: str) -> list[Atoms]:
    """Water, labelled, 0.1 ps apart."""
    frames = []
    for index, seed in enumerate(seeds):
        frame = water_box(8, cell_lengths_A=(6.3, 6.3, 6.3), seed=seed)
        frame.info = {"trajectory": trajectory, "time_ps": 0.1 * index, "config_type": "bulk"}
        frames.append(frame)
    return label_frames(frames, WaterForceField())


@pytest.fixture(scope="module")
def base() -> dict[str, list[Atoms]]:
    frames = labelled(range(12), "base-0")
    return {"train": frames[:8], "validation": frames[8:10], "test": frames[10:]}


def new_frames() -> list[Atoms]:
    frames = labelled(range(20, 28), "model-0")
    for number, frame in enumerate(frames):
        frame.info["number"] = number
    return frames


def explored(n_chosen: int) -> pd.DataFrame:
    """Tell of ten frames, of which so many were chosen, and of three that were held."""
    verdicts = ["chosen"] * n_chosen + ["refused"] + ["known"] * (9 - n_chosen) + ["held"] * 3
    dipoles = np.linspace(-0.05, 0.05, len(verdicts))
    return pd.DataFrame(
        {
            "verdict": verdicts,
            "number": [*map(float, range(n_chosen)), *[np.nan] * (len(verdicts) - n_chosen)],
            "replica": 0,
            "time_ps": 0.1 * np.arange(len(verdicts)),
            "fraction_broken": 0.0,
            "refused": ["O without H" if verdict == "refused" else "" for verdict in verdicts],
            "P_z_e_per_A": dipoles,
            "electronic_P_z_e_per_A": 0.65 * dipoles,
        }
    )


def test_parts_of_the_dataset_stay_and_new_frames_join_them(base, tmp_path) -> None:
    card = extend(SPEC, base, new_frames(), explored(8), tmp_path, stamp={})
    parts = {part: read_frames(tmp_path / f"{part}.extxyz") for part in base}
    for part, frames in base.items():
        kept = [frame for frame in parts[part] if frame.info["config_type"] == "bulk"]
        assert [f.info[ENERGY] for f in kept] == pytest.approx([f.info[ENERGY] for f in frames])
        assert any(frame.info["config_type"] == "gen1" for frame in parts[part])
    assert sum(map(len, parts.values())) == 20
    assert card["added"]["n_added"] == 8
    assert card["added"]["n_total"] == 20
    assert card["added"]["refused_by_reason"] == {"O without H": 1}
    assert json.loads((tmp_path / "card.json").read_text())["n_frames"] == 20
    row = pd.read_csv(tmp_path / "added.csv").iloc[0]
    assert row[["of", "by", "n_explored", "n_refused", "n_known"]].tolist() == [
        *("base", "model", 10, 1, 1)
    ]


def test_the_known_range_grows_by_what_was_added(base, tmp_path) -> None:
    extend(SPEC, base, new_frames(), explored(8), tmp_path, stamp={})
    dipoles = pd.read_csv(tmp_path / "dipoles.csv")
    row = pd.read_csv(tmp_path / "added.csv").iloc[0]
    after = dipoles[dipoles["verdict"].isin(["held", "added"])]["P_z_e_per_A"]
    assert row["P_z_low_after_e_per_A"] == pytest.approx(after.quantile(0.01))
    assert row["P_z_low_after_e_per_A"] < row["P_z_low_before_e_per_A"]


def test_rejected_frames_are_told_by_their_number(base, tmp_path) -> None:
    frames = new_frames()
    frames[3].info[ENERGY] += 500.0
    frames[5] = faulty_frame("labels/5", ValueError("not converged"))
    card = extend(SPEC, base, frames, explored(8), tmp_path, stamp={})
    rejected = pd.read_csv(tmp_path / "rejected.csv")
    assert rejected["frame"].tolist() == [3, 5]
    assert "not converged" in rejected["reason"][1]
    assert card["added"]["n_added"] == 6
    dipoles = pd.read_csv(tmp_path / "dipoles.csv")
    assert (dipoles["verdict"] == "added").sum() == 6
    assert (dipoles["verdict"] == "chosen").sum() == 2


def test_nothing_to_add_leaves_the_dataset_as_it_was(base, tmp_path) -> None:
    card = extend(SPEC, base, [], explored(0), tmp_path, stamp={})
    assert card["n_frames"] == 12
    assert card["added"]["n_added"] == 0
