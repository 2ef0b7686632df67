import numpy as np
import pytest
from ase.md.velocitydistribution import Stationary, thermalize_momenta
from checkouts import SHARED, with_cp2k, with_shared_data

from falsemetal.config import RunLimits
from falsemetal.datasets.runner import read_runner
from falsemetal.simulation.cp2k import run_cp2k_nnp
from falsemetal.simulation.interruption import InterruptedRunError
from falsemetal.simulation.trajectory import Trajectory

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


def run(start, path, *, n_steps=8, progress=lambda _: None, **changes):
    settings = {
        "frame_interval_steps": 2,
        "timestep_fs": 1.0,
        "temperature_K": 300.0,
        "csvr_time_fs": 5.0,
        "hydrogen_mass_u": 2.0,
        "seed": 7,
        "limits": RunLimits(),
        "checkpoint_interval_steps": 4,
    } | changes
    run_cp2k_nnp(start, MEMBER, n_steps=n_steps, path=path, progress=progress, **settings)


def frames(path):
    with Trajectory(path) as trajectory:
        positions = np.concatenate(list(trajectory.position_chunks()))
        return trajectory.steps, positions, trajectory.temperature_K, trajectory.failure


@pytest.fixture(scope="module")
def whole(start, tmp_path_factory):
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


def test_the_thermostat_heats_within_its_time_constant(start, tmp_path):
    cold = start.copy()
    cold.set_momenta(np.sqrt(0.5) * start.get_momenta())
    ends = {}
    for time_fs in (2.0, 2000.0):
        path = tmp_path / f"{time_fs:g}.h5"
        run(cold, path, csvr_time_fs=time_fs, checkpoint_interval_steps=8)
        ends[time_fs] = frames(path)[2][-1]
    # 150 K at first, and the liquid's potential energy is that of 300 K, which gives some kelvin;
    # a kinetic energy of 575 degrees of freedom scatters by 6 %
    assert ends[2.0] == pytest.approx(300.0, abs=60.0)
    assert ends[2000.0] < 235.0


def test_a_killed_run_resumes_to_the_same_trajectory(start, whole, tmp_path):
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


def test_the_seed_is_that_of_the_noise(start, whole, tmp_path):
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


def test_a_run_that_breaks_down_stops_and_tells(start, tmp_path):
    path = tmp_path / "a.h5"
    run(start, path, timestep_fs=15.0)
    steps, _, _, failure = frames(path)
    assert steps.tolist() == list(range(0, 2 * len(steps), 2))
    assert failure.startswith(f"step {2 * len(steps)}: ")
    assert "dynamics.limits" in failure


def test_with_other_limits_a_broken_run_goes_on(start, whole, tmp_path):
    path = tmp_path / "a.h5"
    run(start, path, limits=RunLimits(temperature_K=10.0))
    steps, _, _, failure = frames(path)
    assert steps.tolist() == [0]
    assert failure.startswith("step 0: a temperature of")
    run(start, path, n_steps=4)
    assert np.array_equal(frames(path)[1], frames(whole)[1][:3])


def test_refused_settings(start, tmp_path):
    with pytest.raises(ValueError, match="not a multiple of frame_interval_steps: 2"):
        run(start, tmp_path / "a.h5", n_steps=3)
    still = start.copy()
    del still.arrays["momenta"]
    with pytest.raises(ValueError, match="start: has no velocities"):
        run(still, tmp_path / "a.h5")
