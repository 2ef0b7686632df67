"""Trajectory files: what is written comes back, and an unfinished one is continued or not."""

import resource
from multiprocessing import get_context

import MDAnalysis
import numpy as np
import pytest
from small_models import water_layer

from falsemetal.simulation import recording
from falsemetal.simulation.checkpoint import Checkpoint
from falsemetal.simulation.recording import TrajectoryWriter
from falsemetal.simulation.trajectory import Trajectory
from falsemetal.systems.boundary import Boundary
from falsemetal.systems.system import System

ATOMS = water_layer()
START = System(
    ATOMS,
    np.where(np.arange(len(ATOMS)) < 3, "oxide", "water"),
    np.arange(len(ATOMS)) < 1,
)
STATE = Checkpoint(20, ATOMS.positions, np.ones((len(ATOMS), 3)), {"state": 2**70})


def open_writer(path, **parameters) -> TrajectoryWriter:
    return TrajectoryWriter(
        path,
        START,
        timestep_fs=0.5,
        frame_interval_steps=10,
        creator="test",
        parameters=parameters,
    )


def append_frames(writer: TrajectoryWriter, steps: range) -> None:
    for step in steps:
        writer.append(
            step, ATOMS.positions + step, potential_energy_eV=-float(step), temperature_K=300.0
        )


def test_frames_come_back(tmp_path) -> None:
    writer = open_writer(tmp_path / "run.h5", potential="test")
    append_frames(writer, range(0, 30, 10))
    writer.save(STATE)
    writer.finish(1000)
    with Trajectory(tmp_path / "run.h5") as trajectory:
        assert trajectory.n_frames == 3
        np.testing.assert_array_equal(trajectory.steps, [0, 10, 20])
        np.testing.assert_allclose(trajectory.times_ps, [0.0, 0.005, 0.01])
        np.testing.assert_array_equal(trajectory.numbers, ATOMS.numbers)
        np.testing.assert_array_equal(trajectory.cell, ATOMS.cell.array)
        np.testing.assert_array_equal(trajectory.pbc, [True, True, False])
        assert trajectory.boundary is Boundary.FILM
        np.testing.assert_array_equal(trajectory.region, START.region)
        np.testing.assert_array_equal(trajectory.fixed, START.fixed)
        assert trajectory.parameters["potential"] == "test"
        chunks = list(trajectory.position_chunks(start_frame=1, chunk_frames=1))
        assert [chunk.shape for chunk in chunks] == [(1, len(ATOMS), 3)] * 2
        np.testing.assert_allclose(chunks[1][0], ATOMS.positions + 20, atol=1e-5)


def test_a_finished_run_can_be_longer_or_shorter(tmp_path) -> None:
    writer = open_writer(tmp_path / "run.h5")
    append_frames(writer, range(0, 30, 10))
    writer.save(STATE)
    writer.finish(20)
    (tmp_path / "run.h5").unlink()  # as Snakemake does before it runs the job again
    writer = open_writer(tmp_path / "run.h5")
    assert writer.checkpoint is not None
    append_frames(writer, range(30, 50, 10))
    writer.save(Checkpoint(40, STATE.positions, STATE.momenta, None))
    writer.finish(40)
    with Trajectory(tmp_path / "run.h5") as trajectory:
        np.testing.assert_array_equal(trajectory.steps, [0, 10, 20, 30, 40])
    writer = open_writer(tmp_path / "run.h5")
    writer.finish(10)
    with Trajectory(tmp_path / "run.h5") as trajectory:
        np.testing.assert_array_equal(trajectory.steps, [0, 10])
        assert sum(len(chunk) for chunk in trajectory.position_chunks()) == 2
    writer = open_writer(tmp_path / "run.h5")
    assert writer.checkpoint is not None
    assert writer.checkpoint.step == 40
    writer.close()


def test_mdanalysis_reads_it(tmp_path) -> None:
    writer = open_writer(tmp_path / "run.h5")
    append_frames(writer, range(0, 20, 10))
    writer.save(STATE)
    writer.finish(1000)
    universe = MDAnalysis.Universe.empty(len(ATOMS), trajectory=False)
    universe.load_new(str(tmp_path / "run.h5"), format="H5MD")
    assert len(universe.trajectory) == 2
    np.testing.assert_allclose(universe.atoms.positions, ATOMS.positions, atol=1e-5)
    np.testing.assert_allclose(universe.dimensions[:3], ATOMS.cell.lengths(), rtol=1e-6)


def test_unsaved_frames_are_lost_and_saved_ones_are_not(tmp_path) -> None:
    writer = open_writer(tmp_path / "run.h5")
    append_frames(writer, range(0, 30, 10))
    writer.save(STATE)
    append_frames(writer, range(30, 50, 10))
    writer.close()  # as a kill does
    writer = open_writer(tmp_path / "run.h5")
    assert writer.checkpoint is not None
    assert writer.checkpoint.step == STATE.step
    assert writer.checkpoint.random_state == STATE.random_state
    np.testing.assert_array_equal(writer.checkpoint.momenta, STATE.momenta)
    append_frames(writer, range(30, 40, 10))
    writer.save(STATE)
    writer.finish(1000)
    with Trajectory(tmp_path / "run.h5") as trajectory:
        np.testing.assert_array_equal(trajectory.steps, [0, 10, 20, 30])


@pytest.mark.parametrize("left_behind", [False, True])
def test_a_long_run_puts_its_frames_aside(tmp_path, monkeypatch, left_behind) -> None:
    """So does one that was killed when they were put aside but not yet deleted."""
    monkeypatch.setattr(recording, "FRAMES_PER_PART", 5)
    path, part = tmp_path / "run.h5", tmp_path / "run.part.h5"
    for first in range(0, 140, 20):
        writer = open_writer(path)
        append_frames(writer, range(first, first + 20, 10))
        writer.save(Checkpoint(first + 10, STATE.positions, STATE.momenta, None))
        writer.close()
        if left_behind and part.exists():
            kept = part.read_bytes()
        elif left_behind:
            part.write_bytes(kept)
    assert (tmp_path / "run.earlier.h5").exists()
    writer = open_writer(path)
    assert writer.checkpoint.step == 130
    writer.finish(130)
    with Trajectory(path) as trajectory:
        np.testing.assert_array_equal(trajectory.steps, np.arange(0, 140, 10))
        positions = np.concatenate(list(trajectory.position_chunks()))
    expected = ATOMS.positions + np.arange(0, 140, 10)[:, None, None]
    np.testing.assert_allclose(positions, expected, rtol=1e-5, atol=1e-4)
    assert not part.exists()


def test_a_run_with_other_settings_starts_anew(tmp_path) -> None:
    writer = open_writer(tmp_path / "run.h5", temperature_K=300)
    append_frames(writer, range(0, 30, 10))
    writer.save(STATE)
    writer.close()
    writer = open_writer(tmp_path / "run.h5", temperature_K=310)
    assert writer.checkpoint is None
    writer.close()
    assert (tmp_path / "run.part.h5.old").exists()
    assert not (tmp_path / "run.part.h5").exists()


@pytest.mark.parametrize(
    "changed",
    [
        System(START.atoms, np.full(len(ATOMS), "water"), START.fixed),
        System(START.atoms, START.region, ~START.fixed),
        System(water_layer(seed=1), START.region, START.fixed),
    ],
)
def test_a_run_of_another_start_starts_anew(tmp_path, monkeypatch, changed) -> None:
    writer = open_writer(tmp_path / "run.h5")
    append_frames(writer, range(0, 30, 10))
    writer.save(STATE)
    writer.close()
    monkeypatch.setattr("test_trajectory.START", changed)
    writer = open_writer(tmp_path / "run.h5")
    assert writer.checkpoint is None
    writer.close()


def test_a_run_told_to_end_between_frames_continues_where_its_frames_were_put_aside(
    tmp_path, monkeypatch
) -> None:
    monkeypatch.setattr(recording, "FRAMES_PER_PART", 2)
    writer = open_writer(tmp_path / "run.h5")
    append_frames(writer, range(0, 30, 10))
    writer.save(STATE)
    writer.save(Checkpoint(23, STATE.positions, STATE.momenta, None))
    writer.close()
    writer = open_writer(tmp_path / "run.h5")
    assert writer.checkpoint.step == 23
    append_frames(writer, range(30, 40, 10))
    writer.save(Checkpoint(30, STATE.positions, STATE.momenta, None))
    writer.finish(30)
    with Trajectory(tmp_path / "run.h5") as trajectory:
        np.testing.assert_array_equal(trajectory.steps, [0, 10, 20, 30])


def test_a_run_whose_beginning_is_missing_is_not_continued(tmp_path, monkeypatch) -> None:
    monkeypatch.setattr(recording, "FRAMES_PER_PART", 2)
    writer = open_writer(tmp_path / "run.h5")
    append_frames(writer, range(0, 20, 10))
    writer.save(Checkpoint(10, STATE.positions, STATE.momenta, None))
    append_frames(writer, range(20, 30, 10))
    writer.save(STATE)
    writer.close()
    (tmp_path / "run.earlier.h5").unlink()
    with pytest.raises(
        OSError, match=r"run\.earlier\.h5: missing, and run\.part\.h5 begins at step 20"
    ):
        open_writer(tmp_path / "run.h5")


@pytest.mark.parametrize("length", [0, 400, -300])
def test_a_truncated_part_is_named_and_left_alone(tmp_path, length) -> None:
    writer = open_writer(tmp_path / "run.h5")
    append_frames(writer, range(0, 30, 10))
    writer.save(STATE)
    writer.close()
    part = tmp_path / "run.part.h5"
    damaged = part.read_bytes()[:length]
    part.write_bytes(damaged)
    with pytest.raises(
        OSError, match=r"run\.part\.h5: .* cannot be read .* away to start the run anew"
    ):
        open_writer(tmp_path / "run.h5")
    assert part.read_bytes() == damaged
    part.unlink()
    open_writer(tmp_path / "run.h5").close()


def save_on_a_full_disk(path, before: bytes) -> None:
    writer = open_writer(path)
    append_frames(writer, range(30, 3000, 10))
    limit = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (len(before) + 10_000, limit[1]))
    with pytest.raises(
        OSError, match=r"(?s)run\.h5: could not be written .* continues from step 20"
    ):
        writer.save(Checkpoint(3000, STATE.positions, STATE.momenta, None))


def test_a_full_disk_ends_the_run_and_spoils_nothing(tmp_path) -> None:
    """A limit on the size of files stands for the full disk: the system refuses to write on.

    In a process of its own, as HDF5 does not get over it.
    """
    path = tmp_path / "run.h5"
    writer = open_writer(path)
    append_frames(writer, range(0, 30, 10))
    writer.save(STATE)
    writer.close()
    before = writer.part.read_bytes()
    child = get_context("fork").Process(target=save_on_a_full_disk, args=(path, before))
    child.start()
    child.join()
    assert child.exitcode == 0
    assert writer.part.read_bytes() == before
    assert {file.name for file in tmp_path.glob("*.h5")} == {"run.part.h5"}
    writer = open_writer(path)
    assert writer.checkpoint.step == STATE.step
    writer.close()


def test_a_foreign_file_is_named(tmp_path) -> None:
    (tmp_path / "run.h5").write_bytes(b"not HDF5")
    with pytest.raises(OSError, match=r"run\.h5: not a readable trajectory .*run.earlier.h5"):
        Trajectory(tmp_path / "run.h5")
