import ase.io
import numpy as np
import pytest
from ase import Atoms
from ase.calculators.singlepoint import SinglePointCalculator
from checkouts import SHARED, with_shared_data

from falsemetal.datasets.errors import DatasetError
from falsemetal.datasets.extxyz import read_labelled
from falsemetal.datasets.io import read_frames, write_frames
from falsemetal.sources.catalogue import FrameLayout

CU111 = SHARED / "cu111-water-treci/cu111_water_94.xyz"


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


@with_shared_data
def test_published_frames_of_copper_and_water(tmp_path):
    frames = read_labelled(CU111, FrameLayout(energy_key="energy", forces_key="forces"))
    assert len(frames) == 94
    assert frames[0].get_chemical_formula() == "H96Cu96O48"
    assert frames[0].info == {"REF_energy": -1778.45171404, "config_type": "bulk"}
    assert frames[0].arrays["REF_forces"][0].tolist() == [0.504269, -0.041868, 0.295392]
    assert {frame.info["config_type"] for frame in frames} == {"bulk"}  # water fills the gap
    for frame in frames:
        assert np.abs(frame.arrays["REF_forces"].sum(axis=0)).max() < 1e-3
    write_frames(tmp_path / "again.extxyz", frames)
    assert len(read_frames(tmp_path / "again.extxyz")) == 94


def test_labels_under_other_keys(tmp_path):
    slab = Atoms("OH", [[0, 0, 1], [0, 0, 2]], cell=[3, 3, 20], pbc=True)
    slab.info = {"dft_total": -1.5, "time_ps": 0.5, "trajectory": "a", "unused": 3}
    slab.arrays["dft_f"] = np.array([[0.0, 0.0, 1.0], [0.0, 0.0, -1.0]])
    named = slab.copy()
    named.info["config_type"] = "interface"
    ase.io.write(tmp_path / "a.extxyz", [slab, named])
    frames = read_labelled(
        tmp_path / "a.extxyz", FrameLayout(energy_key="dft_total", forces_key="dft_f")
    )
    origin = {"REF_energy": -1.5, "time_ps": 0.5, "trajectory": "a"}
    assert [frame.info for frame in frames] == [
        origin | {"config_type": "slab"},
        origin | {"config_type": "interface"},
    ]
    assert set(frames[0].arrays) == {"numbers", "positions", "REF_forces"}
    assert np.array_equal(frames[0].arrays["REF_forces"], slab.arrays["dft_f"])


@pytest.mark.parametrize(
    ("energy_key", "forces_key", "message"),
    [
        ("E", "forces", r"no frame has E \(found: config_type, .*energy.*\); .*energy_key"),
        ("energy", "F", "no frame has F .*forces_key"),
        ("E", "F", "no frame has E and F"),
    ],
)
def test_wrong_keys_tell_what_is_there(tmp_path, energy_key, forces_key, message):
    frame = Atoms("H", info={"config_type": "atom"})
    frame.calc = SinglePointCalculator(frame, energy=1.0, forces=np.zeros((1, 3)))
    ase.io.write(tmp_path / "a.extxyz", frame)
    with pytest.raises(DatasetError, match=message):
        read_labelled(
            tmp_path / "a.extxyz", FrameLayout(energy_key=energy_key, forces_key=forces_key)
        )
