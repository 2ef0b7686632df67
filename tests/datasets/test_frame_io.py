import ase.io
import numpy as np
import pytest

from falsemetal.datasets.errors import DatasetError
from falsemetal.datasets.io import read_frames, write_frames


def test_round_trip(make_frames, tmp_path):
    frames = make_frames(3)
    frames[1].pbc = (True, True, False)
    write_frames(tmp_path / "new" / "frames.extxyz", frames)
    for one, other in zip(frames, read_frames(tmp_path / "new" / "frames.extxyz"), strict=True):
        assert other.info["REF_energy"] == pytest.approx(one.info["REF_energy"], abs=1e-8)
        assert np.allclose(other.arrays["REF_forces"], one.arrays["REF_forces"], atol=1e-8)
        assert np.allclose(other.positions, one.positions, atol=1e-8)
        assert np.array_equal(other.pbc, one.pbc)
        assert other.info["trajectory"] == "bulk-0"
        assert other.info["time_ps"] == pytest.approx(one.info["time_ps"])


def test_labels_of_other_names_are_pointed_out(make_frames, tmp_path):
    frames = make_frames(2)
    del frames[1].arrays["REF_forces"]
    frames[1].info["total_energy"] = 1.0
    ase.io.write(tmp_path / "a.extxyz", frames)
    with pytest.raises(DatasetError, match=r"a.extxyz: frame 1 has no REF_forces .*total_energy"):
        read_frames(tmp_path / "a.extxyz")


def test_no_file(tmp_path):
    with pytest.raises(DatasetError, match="no such file"):
        read_frames(tmp_path / "none.extxyz")


def test_not_xyz(tmp_path):
    (tmp_path / "a.extxyz").write_text("three\natoms\n")
    with pytest.raises(DatasetError, match="not readable as extended xyz"):
        read_frames(tmp_path / "a.extxyz")


def test_empty_file(tmp_path):
    (tmp_path / "a.extxyz").write_text("")
    with pytest.raises(DatasetError, match=r"a.extxyz"):
        read_frames(tmp_path / "a.extxyz")
