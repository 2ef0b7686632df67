from pathlib import Path

import numpy as np
import pytest
from checkouts import ROOT, SHARED, with_shared_data

from falsemetal.datasets.checks import check_frames
from falsemetal.datasets.errors import DatasetError
from falsemetal.datasets.io import write_frames
from falsemetal.datasets.reading import read_file, read_labelled_frames
from falsemetal.datasets.settings import LabelledDataset, ReadSpec
from falsemetal.sources.catalogue import FrameLayout, load_sources
from falsemetal.specs import Origin
from falsemetal.systems.interface import water_on
from falsemetal.systems.surfaces import RutileSurface
from falsemetal.units import BOHR, HARTREE

DATA = ROOT / "data"
REVPBE0 = SHARED / "revpbe0-d3-water/input.data"
TRECI = SHARED / "cu111-water-treci/cu111_water_94.xyz"
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


@with_shared_data
def test_frames_of_copper_and_water_pass_the_checks():
    """They fill their cells, so that they are bulk; the forces belong to the free energy."""
    frames = read(source="cu111-water-treci", path=str(TRECI))
    assert len(frames) == load_sources(DATA / "sources.yaml")["cu111-water-treci"].frames
    assert all(frame.pbc.all() and frame.info["config_type"] == "bulk" for frame in frames)
    assert frames[0].info["REF_energy"] == pytest.approx(-1778.55339312)
    settings = LabelledDataset(kind="labelled", source="cu111-water-treci")
    accepted, rejections = check_frames(frames, settings.checks)
    assert accepted == frames
    assert rejections == []


def in_runner_format(frame):
    """Text of a labelled frame as RuNNer and n2p2 have it."""
    columns = zip(
        frame.positions / BOHR,
        frame.symbols,
        frame.arrays["REF_forces"] * BOHR / HARTREE,
        strict=True,
    )
    return "\n".join(
        [
            "begin",
            *("lattice {:.8f} {:.8f} {:.8f}".format(*vector) for vector in frame.cell / BOHR),
            *(
                "atom {:.8f} {:.8f} {:.8f} {} 0.0 0.0 {:.8f} {:.8f} {:.8f}".format(*r, symbol, *f)
                for r, symbol, f in columns
            ),
            f"energy {frame.info['REF_energy'] / HARTREE:.8f}",
            "charge 0.0",
            "end",
            "",
        ]
    )


@pytest.mark.parametrize("held", [0, 24])
def test_frames_of_rutile_and_water_in_runners_format(tmp_path, held):
    """With vacuum in a cell that is periodic in z: they stay so, as slabs."""
    surface = RutileSurface(kind="rutile110", repeats=[2, 1], layers=2)
    rng = np.random.default_rng(1)
    frames = []
    for seed in range(3):
        frame = water_on(surface, 8, layer_A=6.2, contact_A=2.2, vacuum_A=20.0, seed=seed).atoms
        frame.pbc = True
        forces = rng.normal(size=(len(frame), 3))
        frame.arrays["REF_forces"] = forces - forces.mean(axis=0)
        frame.arrays["REF_forces"][:held] = 0.0
        frame.info["REF_energy"] = rng.normal(-5000.0, 0.1)
        frames.append(frame)
    (tmp_path / "input.data").write_text("".join(map(in_runner_format, frames)))
    found = read(source="tio2-water", path=str(tmp_path / "input.data"))
    for one, other in zip(found, frames, strict=True):
        assert one.symbols.get_chemical_formula() == "H16O24Ti8"
        assert np.abs(one.positions - other.positions).max() < 1e-7
        assert np.abs(one.arrays["REF_forces"] - other.arrays["REF_forces"]).max() < 1e-6
        assert one.pbc.all()
        assert one.info["config_type"] == "slab"
    checks = LabelledDataset(kind="labelled", source="tio2-water").checks
    rejections = check_frames(found, checks)[1]
    assert [rejection.check for rejection in rejections] == 3 * (held > 0) * ["held atoms"]
    checks = checks.model_copy(update={"held_atoms": "leave_out"})
    assert check_frames(found, checks)[1] == []


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
