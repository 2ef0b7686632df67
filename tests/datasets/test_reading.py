from pathlib import Path

import pytest
from checkouts import ROOT, SHARED, with_shared_data

from falsemetal.datasets.errors import DatasetError
from falsemetal.datasets.io import write_frames
from falsemetal.datasets.reading import read_file, read_labelled_frames
from falsemetal.datasets.settings import ReadSpec
from falsemetal.sources.catalogue import FrameLayout, load_sources
from falsemetal.specs import Origin

DATA = ROOT / "data"
REVPBE0 = SHARED / "revpbe0-d3-water/input.data"
NAME = "revpbe0-d3-water-generation-1"


def read(**fields):
    spec = ReadSpec(origin=Origin(name="a", sha256="", seed=0), **fields)
    return read_labelled_frames(spec, DATA)


@with_shared_data
def test_frames_of_a_source():
    source = load_sources(DATA / "sources.yaml")[NAME]
    frames = read(source=NAME, path=str(REVPBE0))
    assert len(frames) == source.frames
    last = frames[-1].info
    assert last["time_ps"] == pytest.approx(last["step"] * source.step_fs / 1000)


def test_frames_of_a_file_at_home(make_frames, tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    frames = make_frames(3)
    for frame in frames:
        frame.info["TotEnergy"] = frame.info.pop("REF_energy")
    write_frames(tmp_path / "mine.extxyz", frames)
    found = read(path="~/mine.extxyz", format="extxyz", energy_key="TotEnergy")
    expected = [frame.info["TotEnergy"] for frame in frames]
    assert [frame.info["REF_energy"] for frame in found] == pytest.approx(expected)


def test_unknown_format(tmp_path: Path):
    with pytest.raises(DatasetError, match="'n2p2' has no frames; give runner or extxyz"):
        read_file(tmp_path, "n2p2", FrameLayout())
