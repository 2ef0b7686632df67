"""Frames are chosen by ΔV, apart in time, and carry where they come from."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from ase.io import read
from electronic_jobs import ORIGIN
from small_models import water_layer

from falsemetal.electronic.selection import (
    SelectionError,
    choose_frames,
    extract_frames,
    intact_frames,
    quantiles_to_targets,
    select,
)
from falsemetal.electronic.settings import FrameChoice
from falsemetal.electronic.specs import SelectSpec
from falsemetal.electronic.structure import structure_checksum
from falsemetal.simulation.checkpoint import Checkpoint
from falsemetal.simulation.recording import TrajectoryWriter
from falsemetal.simulation.trajectory import Trajectory
from falsemetal.systems.system import REGION, System
from falsemetal.units import EPSILON_0

FRAMES = pd.DataFrame(
    {
        "replica": np.repeat([0, 1], 100),
        "time_ps": np.tile(0.1 * np.arange(100), 2),
        "delta_V_V": np.concatenate([np.linspace(-3.0, 3.0, 100), np.linspace(-5.0, 1.0, 100)]),
    }
)


def test_each_target_gets_its_nearest_frame() -> None:
    chosen = choose_frames(FRAMES, [0.5, -4.0, 99.0, -99.0], separation_ps=0.5)
    assert list(chosen["target_V"]) == [0.5, -4.0, 99.0, -99.0]
    np.testing.assert_allclose(chosen["delta_V_V"], [0.5, -4.0, 3.0, -5.0], atol=0.031)


def test_targets_may_be_sizes() -> None:
    chosen = choose_frames(FRAMES, [0.0, 99.0], separation_ps=0.5, magnitude=True)
    assert chosen["delta_V_V"].tolist() == pytest.approx([0.0, -5.0], abs=0.031)
    assert quantiles_to_targets(FRAMES, [1.0], magnitude=True) == [5.0]


def test_frames_with_a_broken_molecule_are_left_out() -> None:
    broken = FRAMES.assign(fraction_broken=(FRAMES["delta_V_V"] > 1.0) / 36)
    assert choose_frames(intact_frames(broken), [99.0], separation_ps=0.5)["delta_V_V"].max() <= 1.0
    with pytest.raises(SelectionError, match="every frame has a broken molecule"):
        intact_frames(FRAMES.assign(fraction_broken=0.1))


def test_frames_of_one_replica_are_apart() -> None:
    chosen = choose_frames(FRAMES, [2.0] * 6, separation_ps=1.5)
    for _, frames in chosen.groupby("replica"):
        gaps = np.diff(np.sort(frames["time_ps"]))
        assert (gaps >= 1.5 - 1e-9).all()
    pd.testing.assert_frame_equal(chosen, choose_frames(FRAMES, [2.0] * 6, separation_ps=1.5))


def test_too_many_targets_are_told() -> None:
    with pytest.raises(SelectionError, match=r"target 3 of 3, 2 V.*lower separation_ps"):
        choose_frames(FRAMES, [0.0, 1.0, 2.0], separation_ps=20.0)


def test_quantiles_name_values() -> None:
    low, middle, high = quantiles_to_targets(FRAMES, [0.0, 0.5, 1.0])
    assert (low, high) == (-5.0, 3.0)
    assert (FRAMES["delta_V_V"] <= middle).mean() == pytest.approx(0.5, abs=0.01)


@pytest.fixture
def trajectory(tmp_path) -> Path:
    """Slab whose molecules are turned a little further in every frame."""
    atoms = water_layer(slab=True, n_molecules=8)
    writer = TrajectoryWriter(
        tmp_path / "0.h5",
        System.of(atoms, "water"),
        timestep_fs=1.0,
        frame_interval_steps=100,
        creator="test",
        parameters={"timestep_fs": 1.0},
    )
    for index in range(12):
        turned = atoms.copy()
        turned.rotate(15.0 * index, "x", center="COM")
        writer.append(100 * index, turned.positions, potential_energy_eV=0.0, temperature_K=300.0)
    writer.save(Checkpoint(1200, atoms.positions, 0.0 * atoms.positions))
    writer.finish(1200)
    return tmp_path / "0.h5"


def dipole_by_hand(positions: np.ndarray) -> np.ndarray:
    """Eq. 1 by hand, in e/Å: molecules are written as O, H, H."""
    z = positions[..., 2].reshape(*positions.shape[:-2], -1, 3)
    return 0.5 * 0.5562 * (z[..., 1] + z[..., 2] - 2 * z[..., 0]).sum(axis=-1) / 81.0


@pytest.fixture
def table(trajectory) -> pd.DataFrame:
    with Trajectory(trajectory) as run:
        [positions] = run.position_chunks(2)
        times = run.times_ps[2:]
    rows = {"replica": 0, "time_ps": times, "fraction_broken": 0.0}
    return pd.DataFrame(rows | {"delta_V_V": dipole_by_hand(positions.astype(float)) / EPSILON_0})


def test_extracted_frames_are_those_of_the_table(trajectory, table, tmp_path) -> None:
    table.to_csv(tmp_path / "dipole.csv", index=False)
    table = pd.read_csv(tmp_path / "dipole.csv")
    chosen = choose_frames(table, [-9.0, 0.0, 9.0], separation_ps=0.1)
    frames = extract_frames(chosen, [trajectory], charge_e=-0.5562)
    for atoms, row in zip(frames, chosen.to_dict("records"), strict=True):
        assert atoms.info["time_ps"] == pytest.approx(row["time_ps"])
        assert atoms.info["step"] == round(1000 * row["time_ps"])
        assert list(atoms.pbc) == [True, True, False]
        assert set(atoms.arrays[REGION]) == {"water"}
        dipole = dipole_by_hand(atoms.positions)
        assert atoms.info["P_z_e_per_A"] == pytest.approx(dipole, rel=1e-4)
        assert atoms.info["delta_V_V"] == pytest.approx(dipole / EPSILON_0, rel=1e-4)
    assert frames[0].info["delta_V_V"] == table["delta_V_V"].min()

    spec = SelectSpec(
        origin=ORIGIN,
        choice=FrameChoice(targets_V=[-9.0, 0.0, 9.0], separation_ps=0.1),
        charge_e=-0.5562,
    )
    paths = tmp_path / "frames.extxyz", tmp_path / "frames.csv"
    select(spec, tmp_path / "dipole.csv", [trajectory], *paths)
    assert pd.read_csv(paths[1])["target_V"].tolist() == [-9.0, 0.0, 9.0]
    again = read(paths[0], index=":")
    assert [atoms.info for atoms in again] == [atoms.info for atoms in frames]
    checksums = [structure_checksum(atoms) for atoms in again]
    assert checksums == [atoms.info["structure_sha256"] for atoms in frames]
    again[0].positions[0, 0] += 2e-6
    assert structure_checksum(again[0]) != checksums[0]
