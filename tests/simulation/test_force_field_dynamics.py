import numpy as np
import pytest

from falsemetal.config import WaterForceField
from falsemetal.simulation.force_field import run_force_field
from falsemetal.simulation.trajectory import Trajectory
from falsemetal.systems import water_slab

N_STEPS = 200
INTERVAL = 20
TEMPERATURE_SIGMAS = 5.0


class KilledError(Exception):
    """Stands for a kill in the middle of a run."""


@pytest.fixture
def start():
    return water_slab(9, cross_section_A=9.3, cell_height_A=30.0, seed=1)


def run(start, path, *, n_steps=N_STEPS, progress=None, **changes):
    settings = {
        "frame_interval_steps": INTERVAL,
        "timestep_fs": 1.0,
        "temperature_K": 300.0,
        "friction_per_fs": 0.01,
        "hydrogen_mass_u": 1.008,
        "seed": 7,
        "checkpoint_interval_steps": 60,
    } | changes
    run_force_field(
        start, WaterForceField(), n_steps=n_steps, path=path, progress=progress, **settings
    )


def frames(path):
    with Trajectory(path) as trajectory:
        positions = np.concatenate(list(trajectory.position_chunks()))
        return trajectory.steps, positions, trajectory.temperature_K, trajectory.pbc


def test_a_killed_run_resumes_to_the_same_trajectory(start, tmp_path):
    def kill(step):
        if step == 140:
            raise KilledError

    with pytest.raises(KilledError):
        run(start, tmp_path / "killed.h5", progress=kill)
    assert not (tmp_path / "killed.h5").exists()
    reports = []
    run(start, tmp_path / "killed.h5", progress=reports.append)
    assert reports == [120, 140, 160, 180, 200]
    run(start, tmp_path / "whole.h5")
    steps, positions, temperatures, pbc = frames(tmp_path / "killed.h5")
    assert steps.tolist() == list(range(0, N_STEPS + 1, INTERVAL))
    assert pbc.tolist() == [True, True, False]
    expected = frames(tmp_path / "whole.h5")
    assert np.array_equal(positions, expected[1])
    assert np.array_equal(temperatures, expected[2])


def test_the_centre_of_mass_rests(start, tmp_path):
    run(start, tmp_path / "a.h5")
    _, positions, _, _ = frames(tmp_path / "a.h5")
    masses = start.get_masses()
    centres = np.einsum("a,fax->fx", masses, positions) / masses.sum()
    # free it would wander 0.2 Å; the random forces of single steps leave some 1e-3 Å
    assert np.ptp(centres, axis=0).max() < 0.01


@pytest.mark.parametrize(("timestep_fs", "hydrogen_mass_u"), [(1.0, 1.008), (2.0, 4.0)])
def test_temperature(start, tmp_path, timestep_fs, hydrogen_mass_u):
    length_ps = 30.0
    run(
        start,
        tmp_path / "t.h5",
        n_steps=round(1000.0 * length_ps / timestep_fs),
        timestep_fs=timestep_fs,
        hydrogen_mass_u=hydrogen_mass_u,
        checkpoint_interval_steps=5000,
    )
    steps, _, temperatures, _ = frames(tmp_path / "t.h5")
    settled = temperatures[steps * timestep_fs > 1000.0]
    # the kinetic energy forgets within the thermostat's 100 fs
    independent = 1000.0 * length_ps / 100.0
    sigma = 300.0 * np.sqrt(2.0 / (3 * len(start) - 3) / independent)
    assert abs(settled.mean() - 300.0) < TEMPERATURE_SIGMAS * sigma


def test_steps_must_fill_whole_intervals(start, tmp_path):
    with pytest.raises(ValueError, match="not a multiple of frame_interval_steps: 20"):
        run(start, tmp_path / "a.h5", n_steps=30)
