import re

import numpy as np
import pytest

from falsemetal.interruption import InterruptedRunError
from falsemetal.potentials.force_field.md import LammpsMD
from falsemetal.potentials.force_field.settings import WaterForceField
from falsemetal.simulation.driver import simulate
from falsemetal.simulation.settings import Conditions, RunLimits
from falsemetal.simulation.trajectory import Trajectory
from falsemetal.systems.molecule import Bond, Molecule
from falsemetal.systems.system import System
from falsemetal.systems.water import water_slab

N_STEPS = 200
INTERVAL = 20
TEMPERATURE_SIGMAS = 5.0


class KilledError(Exception):
    """Stands for a kill in the middle of a run."""


@pytest.fixture
def start():
    return System.of(water_slab(9, cross_section_A=9.3, cell_height_A=30.0, seed=1), "water")


def run(
    start,
    path,
    *,
    progress=lambda _: None,
    interrupted=lambda: False,
    segment_steps=60,
    **changes,
):
    settings = {
        "n_steps": N_STEPS,
        "frame_interval_steps": INTERVAL,
        "timestep_fs": 1.0,
        "temperature_K": 300.0,
        "hydrogen_mass_u": 1.008,
        "seed": 7,
    }
    conditions = Conditions(**settings | changes)
    engine = LammpsMD(
        start, WaterForceField(), conditions, friction_per_fs=0.01, segment_steps=segment_steps
    )
    simulate(
        start,
        engine,
        conditions,
        path=path,
        identity=conditions.identity(extent=False),
        progress=progress,
        interrupted=interrupted,
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
    masses = start.atoms.get_masses()
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
        segment_steps=5000,
    )
    steps, _, temperatures, _ = frames(tmp_path / "t.h5")
    settled = temperatures[steps * timestep_fs > 1000.0]
    # the kinetic energy forgets within the thermostat's 100 fs
    independent = 1000.0 * length_ps / 100.0
    sigma = 300.0 * np.sqrt(2.0 / (3 * len(start.atoms) - 3) / independent)
    assert abs(settled.mean() - 300.0) < TEMPERATURE_SIGMAS * sigma


def test_steps_must_fill_whole_intervals(start, tmp_path):
    with pytest.raises(ValueError, match="not a multiple of frame_interval_steps: 20"):
        run(start, tmp_path / "a.h5", n_steps=30)


def test_a_run_told_to_end_loses_a_segment_at_most_and_continues_to_the_same_bits(start, tmp_path):
    path, asked = tmp_path / "parts.h5", []

    def end_at_140() -> bool:
        asked.append(1)
        return len(asked) == 140 // INTERVAL

    with pytest.raises(InterruptedRunError):
        run(start, path, interrupted=end_at_140)
    assert not path.exists()
    reports = []
    run(start, path, progress=reports.append)
    assert reports[0] == 120
    run(start, tmp_path / "whole.h5")
    for found, expected in zip(frames(path), frames(tmp_path / "whole.h5"), strict=True):
        assert np.array_equal(found, expected)


@pytest.mark.parametrize(
    ("limits", "step", "reason"),
    [
        ({"temperature_K": 100.0}, 0, "a temperature of .* K exceeds .*temperature_K: 100"),
        ({"force_eV_per_A": 0.1}, 0, "a force of .* exceeds .*force_eV_per_A: 0.1"),
        ({"broken_fraction": 0.2}, INTERVAL, "100 % of the molecules are broken"),
    ],
)
def test_a_run_beyond_its_limits_fails_with_the_reason(start, tmp_path, limits, step, reason):
    path = tmp_path / "failed.h5"
    liquid = Molecule(bonds=[Bond(element="H", count=2, cutoff_A=0.7)])
    run(start, path, limits=RunLimits(**limits), liquid=liquid)
    with Trajectory(path) as trajectory:
        assert re.match(f"step {step}: {reason}", trajectory.failure)
        assert trajectory.steps.tolist() == [0]


def test_with_other_limits_or_more_steps_a_run_continues(start, tmp_path):
    path, reports = tmp_path / "a.h5", []
    run(start, path, n_steps=120)
    run(start, path, limits=RunLimits(temperature_K=1900.0), progress=reports.append)
    assert reports == [120, 140, 160, 180, 200]
    run(start, tmp_path / "whole.h5")
    assert np.array_equal(frames(path)[1], frames(tmp_path / "whole.h5")[1])


def test_fixed_atoms_rest_and_have_no_temperature(start, tmp_path):
    mask = np.arange(len(start.atoms)) < 9
    path = tmp_path / "a.h5"
    run(System(start.atoms, start.region, mask), path, n_steps=400)
    with Trajectory(path) as trajectory:
        positions = np.concatenate(list(trajectory.position_chunks()))
        temperatures = trajectory.temperature_K[1:]
    assert np.abs(positions[:, mask] - positions[0, mask]).max() < 1e-5
    assert np.abs(positions[-1, ~mask] - positions[0, ~mask]).min() > 1e-3
    # of 18 mobile atoms; of all 27 it would be 200 K
    assert abs(temperatures.mean() - 300.0) < TEMPERATURE_SIGMAS * 300.0 * np.sqrt(2 / 54 / 4)
