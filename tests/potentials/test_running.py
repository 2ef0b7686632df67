"""A run as the workflow starts it: from files and a specification, by whichever calculator."""

import json

import pytest
import torch
from ase.calculators.lj import LennardJones
from small_models import SETTINGS, STATISTICS, water_layer

from falsemetal.potentials.runners import AseRunner, RunSpec
from falsemetal.potentials.running import run
from falsemetal.potentials.store import build_model, save_model
from falsemetal.simulation.settings import Conditions, RunLimits
from falsemetal.simulation.trajectory import Trajectory
from falsemetal.specs import Origin
from falsemetal.systems.system import System

STAMP = {"made": "by a test"}


def lennard_jones(runner, conditions, *, folder, threads):
    """Make a calculator as the factory of a plugin does."""
    return LennardJones(**runner.arguments)


def specification(factory, n_steps=4, **changes):
    runner = AseRunner(factory=factory, friction_per_fs=0.01, dtype="float64", **changes)
    conditions = Conditions(
        temperature_K=300.0,
        timestep_fs=0.5,
        hydrogen_mass_u=1.008,
        frame_interval_steps=2,
        seed=7,
        n_steps=n_steps,
        limits=RunLimits(temperature_K=1e9, force_eV_per_A=1e9, broken_fraction=1.0),
    )
    origin = Origin(name="test", sha256="0", seed=1)
    return RunSpec(origin=origin, conditions=conditions, runner=runner)


def save(folder, seed):
    model = build_model(SETTINGS["mace-1"], STATISTICS, dtype=torch.float64, seed=seed)
    save_model(model, SETTINGS["mace-1"], folder, stamp={})


@pytest.fixture
def start(tmp_path):
    path = tmp_path / "start.extxyz"
    System.of(water_layer(), "water").write(path)
    return path


def test_a_model_is_run_and_a_longer_run_continues_it(start, tmp_path):
    folder, path = tmp_path / "model", tmp_path / "run.h5"
    save(folder, seed=1)
    factory = "falsemetal.potentials.calculator:calculator_of_folder"
    spec = specification(factory)
    run(spec, start, folder, path, threads=1, stamp=STAMP)
    with Trajectory(path) as trajectory:
        assert trajectory.steps.tolist() == [0, 2, 4]
        assert trajectory.failure is None
        assert trajectory.provenance == STAMP
        assert trajectory.parameters["runner"] == spec.identity()["runner"]
        weights = json.loads((folder / "model.json").read_text())["weights_sha256"]
        assert trajectory.parameters["engine"] == {"weights_sha256": weights}
    longer = specification(factory, n_steps=8, neighbour_skin_A=0.5, compile="never")
    run(longer, start, folder, path, threads=1, stamp=STAMP)
    assert not list(tmp_path.glob("*.old"))
    save(folder, seed=2)
    run(longer, start, folder, path, threads=1, stamp=STAMP)
    assert list(tmp_path.glob("*.old"))
    with Trajectory(path) as trajectory:
        assert trajectory.steps.tolist() == [0, 2, 4, 6, 8]


def test_a_calculator_of_ase_is_run(start, tmp_path):
    path, arguments = tmp_path / "run.h5", {"sigma": 0.5, "epsilon": 0.01}
    spec = specification("test_running:lennard_jones", arguments=arguments)
    run(spec, start, tmp_path / "none", path, threads=1, stamp=STAMP)
    with Trajectory(path) as trajectory:
        assert trajectory.steps.tolist() == [0, 2, 4]
        assert trajectory.parameters["engine"] == {"calculator": "LennardJones"}
        assert trajectory.parameters["runner"]["arguments"] == arguments
