import numpy as np
import pytest
from ase.md.velocitydistribution import Stationary, thermalize_momenta
from checkouts import SHARED, with_cp2k, with_shared_data

from falsemetal.datasets.runner import read_runner
from falsemetal.interruption import InterruptedRunError
from falsemetal.potentials.bpnnp.fetch import fetch_committee
from falsemetal.potentials.bpnnp.md import Cp2kMD
from falsemetal.potentials.kinds import BPNNPKind
from falsemetal.potentials.store import describe
from falsemetal.simulation.driver import simulate
from falsemetal.simulation.settings import Conditions, RunLimits
from falsemetal.simulation.trajectory import Trajectory
from falsemetal.systems.system import System

MEMBER = SHARED / "bpnnp-bulkH2O-jcp2020" / "nnp-1"
"""One member of the committee: faster than eight."""

pytestmark = [
    with_shared_data,
    with_cp2k,
]

TEMPERATURE_SIGMAS = 5.0


class KilledError(Exception):
    """Stands for a kill in the middle of a run."""


@pytest.fixture(scope="module")
def start():
    atoms = read_runner(SHARED / "revpbe0-d3-water" / "input.data")[0]
    thermalize_momenta(atoms, temperature_K=300.0, rng=np.random.default_rng(5))
    Stationary(atoms)
    return atoms


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """Run of a start, in a function."""
    folder = tmp_path_factory.mktemp("model")
    kind = BPNNPKind(kind="bpnnp", path=str(MEMBER), engine="cp2k")
    describe(folder, kind, fetch_committee(kind, folder, folder))

    def run(
        start,
        path,
        *,
        progress=lambda _: None,
        interrupted=lambda: False,
        segment_steps=4,
        csvr_time_fs=5.0,
        **changes,
    ):
        settings = {
            "n_steps": 8,
            "frame_interval_steps": 2,
            "timestep_fs": 1.0,
            "temperature_K": 300.0,
            "hydrogen_mass_u": 2.0,
            "seed": 7,
        }
        system, conditions = System.of(start, "water"), Conditions(**settings | changes)
        engine = Cp2kMD(
            system,
            folder,
            conditions,
            csvr_time_fs=csvr_time_fs,
            scratch=path.with_suffix(".cp2k"),
            n_ranks=1,
            segment_steps=segment_steps,
        )
        simulate(
            system,
            engine,
            conditions,
            path=path,
            identity=conditions.identity(extent=False) | {"csvr_time_fs": csvr_time_fs},
            progress=progress,
            interrupted=interrupted,
        )

    return run


def frames(path):
    with Trajectory(path) as trajectory:
        positions = np.concatenate(list(trajectory.position_chunks()))
        return trajectory.steps, positions, trajectory.temperature_K, trajectory.failure


@pytest.fixture(scope="module")
def whole(run, start, tmp_path_factory):
    path = tmp_path_factory.mktemp("whole") / "whole.h5"
    run(start, path)
    return path


def test_frames(start, whole):
    steps, positions, temperatures, failure = frames(whole)
    assert failure is None
    assert steps.tolist() == [0, 2, 4, 6, 8]
    # unwrapped, as the start is: molecules lie some cells away
    assert np.array_equal(positions[0], start.positions.astype(np.float32))
    assert np.abs(positions - positions[0]).max() < 1.0
    sigma = 300.0 * np.sqrt(2.0 / (3 * len(start) - 3))
    assert np.abs(temperatures - 300.0).max() < TEMPERATURE_SIGMAS * sigma
    assert not whole.with_suffix(".cp2k").exists()


def test_the_thermostat_heats_within_its_time_constant(run, start, tmp_path):
    cold = start.copy()
    cold.set_momenta(np.sqrt(0.5) * start.get_momenta())
    ends = {}
    for time_fs in (2.0, 2000.0):
        path = tmp_path / f"{time_fs:g}.h5"
        run(cold, path, csvr_time_fs=time_fs, segment_steps=8)
        ends[time_fs] = frames(path)[2][-1]
    # 150 K at first, and the liquid's potential energy is that of 300 K, which gives some kelvin;
    # a kinetic energy of 575 degrees of freedom scatters by 6 %
    assert ends[2.0] == pytest.approx(300.0, abs=60.0)
    assert ends[2000.0] < 235.0


def test_a_killed_run_resumes_to_the_same_trajectory(run, start, whole, tmp_path):
    def kill(step):
        if step >= 4:
            raise KilledError

    path = tmp_path / "killed.h5"
    with pytest.raises(KilledError):
        run(start, path, progress=kill)
    assert not path.exists()
    with pytest.raises(InterruptedRunError):
        run(start, path, interrupted=lambda: True)
    reports = []
    run(start, path, progress=reports.append)
    assert (reports[0], reports[-1]) == (4, 8)
    for found, expected in zip(frames(path), frames(whole), strict=True):
        assert np.array_equal(found, expected)


def test_the_seed_is_that_of_the_noise(run, start, whole, tmp_path):
    run(start, tmp_path / "a.h5", n_steps=2, seed=8)
    _, positions, temperatures, _ = frames(tmp_path / "a.h5")
    _, expected, reference, _ = frames(whole)
    assert np.array_equal(positions[0], expected[0])
    assert temperatures[1] != reference[1]


def test_heavy_hydrogens_do_not_heat_the_start(start, whole):
    _, _, temperatures, _ = frames(whole)
    degrees = 3 * len(start) - 3
    expected_K = start.get_temperature() * 3 * len(start) / degrees
    # short of the motion of the centre that the new masses' momentum would have
    assert temperatures[0] == pytest.approx(expected_K, rel=1e-2)


def test_a_failed_run_stops_and_tells(run, start, tmp_path):
    path = tmp_path / "a.h5"
    run(start, path, timestep_fs=15.0)
    steps, _, _, failure = frames(path)
    assert steps.tolist() == list(range(0, 2 * len(steps), 2))
    assert failure.startswith(f"step {2 * len(steps)}: ")
    assert "dynamics.limits" in failure


def test_with_other_limits_a_failed_run_continues(run, start, whole, tmp_path):
    path = tmp_path / "a.h5"
    run(start, path, limits=RunLimits(temperature_K=10.0))
    steps, _, _, failure = frames(path)
    assert steps.tolist() == [0]
    assert failure.startswith("step 0: a temperature of")
    run(start, path, n_steps=4)
    assert np.array_equal(frames(path)[1], frames(whole)[1][:3])


def test_refused_settings(run, start, tmp_path):
    with pytest.raises(ValueError, match="not a multiple of frame_interval_steps: 2"):
        run(start, tmp_path / "a.h5", n_steps=3)
    still = start.copy()
    del still.arrays["momenta"]
    with pytest.raises(ValueError, match="start: has no velocities"):
        run(still, tmp_path / "a.h5")
