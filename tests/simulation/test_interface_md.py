"""Runs of the force field beside solids: exact continuation, atoms at rest, temperature."""

import numpy as np
import pytest
from ase.units import kB
from interfaces import INTERFACES, TEMPERATURE_K, equilibrated

from falsemetal.interruption import InterruptedRunError
from falsemetal.potentials.force_field.calculator import ForceFieldCalculator
from falsemetal.potentials.force_field.engine import LammpsEngine
from falsemetal.potentials.force_field.md import LammpsMD
from falsemetal.simulation.ase_engine import AseLangevin
from falsemetal.simulation.driver import simulate
from falsemetal.simulation.settings import Conditions
from falsemetal.simulation.trajectory import Trajectory

N_STEPS, INTERVAL, SEGMENT = 200, 20, 60
TEMPERATURE_SIGMAS = 5.0
MEMORY_FS = 100.0
"""Of the kinetic energy, by the thermostat."""

with_each_interface = pytest.mark.parametrize("name", INTERFACES)


def conditions(n_steps: int = N_STEPS, **changes) -> Conditions:
    settings = {
        "n_steps": n_steps,
        "frame_interval_steps": INTERVAL,
        "timestep_fs": 2.0,
        "temperature_K": TEMPERATURE_K,
        "hydrogen_mass_u": 4.0,
        "seed": 7,
    }
    return Conditions(**settings | changes)


def engine_of(name: str, settings: Conditions, segment_steps: int = SEGMENT) -> LammpsMD:
    return LammpsMD(
        equilibrated(name),
        INTERFACES[name][1],
        settings,
        friction_per_fs=1.0 / MEMORY_FS,
        segment_steps=segment_steps,
    )


def run(name: str, path, interrupted=lambda: False, make=engine_of, **changes) -> list[int]:
    settings, reports = conditions(**changes), []
    simulate(
        equilibrated(name),
        make(name, settings),
        settings,
        path=path,
        identity=settings.identity(extent=False),
        progress=reports.append,
        interrupted=interrupted,
    )
    return reports


def frames(path) -> tuple[np.ndarray, ...]:
    with Trajectory(path) as trajectory:
        positions = np.concatenate(list(trajectory.position_chunks()))
        return positions, trajectory.potential_energy_eV, trajectory.temperature_K, trajectory.fixed


@with_each_interface
def test_an_interrupted_run_continues_to_the_same_bits(name, tmp_path) -> None:
    asked = iter(range(1, N_STEPS))
    with pytest.raises(InterruptedRunError):
        run(name, tmp_path / "parts.h5", interrupted=lambda: next(asked) == 140 // INTERVAL)
    # from the end of a segment
    assert run(name, tmp_path / "parts.h5")[0] == 120
    run(name, tmp_path / "whole.h5")
    parts, whole = frames(tmp_path / "parts.h5"), frames(tmp_path / "whole.h5")
    for one, other in zip(parts, whole, strict=True):
        assert np.array_equal(one, other)
    positions, _, _, fixed = whole
    np.testing.assert_array_equal(fixed, equilibrated(name).fixed)
    assert fixed.any()
    moved = np.ptp(positions, axis=0).max(axis=1)
    assert not moved[fixed].any()
    assert moved[~fixed].min() > 0.01


def by_ase(name: str, settings: Conditions) -> AseLangevin:
    calculator = ForceFieldCalculator(INTERFACES[name][1])
    return AseLangevin(equilibrated(name), calculator, settings, friction_per_fs=1.0 / MEMORY_FS)


def test_a_run_by_ase_beside_atoms_at_rest_continues_to_the_same_bits(tmp_path) -> None:
    short = {"make": by_ase, "n_steps": 16, "frame_interval_steps": 2}
    asked = iter(range(1, 17))
    with pytest.raises(InterruptedRunError):
        run("rutile", tmp_path / "parts.h5", lambda: next(asked) == 7, **short)
    run("rutile", tmp_path / "parts.h5", **short)
    run("rutile", tmp_path / "whole.h5", **short)
    parts, whole = frames(tmp_path / "parts.h5"), frames(tmp_path / "whole.h5")
    for one, other in zip(parts, whole, strict=True):
        assert np.array_equal(one, other)
    moved = np.ptp(whole[0], axis=0).max(axis=1)
    np.testing.assert_array_equal(moved == 0.0, equilibrated("rutile").fixed)


@with_each_interface
def test_temperature_is_that_of_mobile_atoms(name) -> None:
    settings = conditions(600)
    start = equilibrated(name)
    masses = np.where(start.atoms.numbers == 1, 4.0, start.atoms.get_masses())
    mobile = ~start.fixed
    temperatures = []
    engine = engine_of(name, settings, segment_steps=5 * INTERVAL)
    for sample in engine.run(None, settings.n_steps, watch=lambda _: None):
        temperatures.append(sample.temperature_K)
        if sample.checkpoint is None:
            continue
        # momenta are kept by the masses of the start
        velocities = sample.checkpoint.momenta / start.atoms.get_masses()[:, None]
        assert not velocities[start.fixed].any()
        kinetic = 0.5 * (masses[:, None] * velocities**2).sum()
        expected = 2.0 * kinetic / (3 * mobile.sum() * kB)
        assert sample.temperature_K == pytest.approx(expected, rel=1e-4)
    settled = np.array(temperatures)[len(temperatures) // 4 :]
    independent = 0.75 * settings.n_steps * settings.timestep_fs / MEMORY_FS
    sigma = TEMPERATURE_K * np.sqrt(2.0 / (3 * mobile.sum()) / independent)
    assert abs(settled.mean() - TEMPERATURE_K) < TEMPERATURE_SIGMAS * sigma


@pytest.mark.parametrize("name", ["frozen metal", "moving metal"])
def test_a_recorded_energy_is_that_of_its_frame_alone(name) -> None:
    """A conductor's charges are those of its positions at each step, not of an earlier one."""
    start = equilibrated(name)
    for sample in engine_of(name, conditions(60)).run(None, 60, watch=lambda _: None):
        atoms = start.atoms.copy()
        atoms.positions = sample.positions
        with LammpsEngine(atoms, INTERFACES[name][1], fixed=start.fixed) as alone:
            alone.command("run 0 post no")
            assert sample.potential_energy_eV == pytest.approx(alone.potential_energy_eV, abs=1e-4)


@pytest.mark.parametrize("name", ["frozen metal", "between faces"])
def test_water_stays_outside_the_metal(name) -> None:
    settings = conditions()
    n_solid = len(INTERFACES[name][0].slab())
    *_, last = engine_of(name, settings).run(None, N_STEPS, watch=lambda _: None)
    oxygens = last.positions[n_solid::3, 2]
    solid = last.positions[:n_solid, 2]
    height = equilibrated(name).atoms.cell[2, 2] if name == "between faces" else np.inf
    assert (oxygens - solid.max()).min() > 1.8
    assert (solid.min() + height - oxygens).min() > 1.8
