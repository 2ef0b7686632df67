"""Langevin dynamics of a model: right ensemble, exact continuation, honest neighbour list."""

import os
import re
import signal
import threading
from multiprocessing import get_context

import h5py
import numpy as np
import pytest
import torch
from ase import Atoms, units
from ase.calculators.calculator import Calculator, all_changes
from checkouts import SHARED, with_shared_data
from small_models import small_model, water_layer

from falsemetal.electrostatics.multipoles import ElectrostaticsError
from falsemetal.interruption import InterruptedRunError, Interruption
from falsemetal.potentials.bpnnp.committee import load_bpnnp
from falsemetal.potentials.calculator import ModelCalculator
from falsemetal.potentials.charges import local_response
from falsemetal.potentials.charges.equilibration import EquilibrationError
from falsemetal.potentials.graph import build_graph
from falsemetal.potentials.mace.model import predict
from falsemetal.potentials.runners import AseRunner, RunSpec
from falsemetal.simulation import ase_engine, driver
from falsemetal.simulation.ase_engine import AseLangevin
from falsemetal.simulation.driver import simulate
from falsemetal.simulation.settings import Conditions, RunLimits
from falsemetal.simulation.trajectory import Trajectory
from falsemetal.specs import Origin
from falsemetal.systems.system import System

ANYTHING_GOES = RunLimits(temperature_K=1e9, force_eV_per_A=1e9, broken_fraction=0.999)
ORIGIN = Origin(name="test", sha256="0", seed=7)
RUNNER = AseRunner(factory="tests:none", friction_per_fs=0.01, dtype="float64")
ALLOWED_SIGMAS = 5.0


class KilledError(Exception):
    """Stands for a kill."""


class Springs(Calculator):
    """Independent harmonic springs: Langevin dynamics has a known answer."""

    implemented_properties = ["energy", "forces"]  # noqa: RUF012
    stiffness_eV_per_A2 = 5.0

    def calculate(self, atoms=None, properties=None, system_changes=all_changes) -> None:
        """Evaluate the springs."""
        super().calculate(atoms, properties, system_changes)
        displacement = self.atoms.positions - self.atoms.info["sites"]
        self.results = {
            "energy": 0.5 * self.stiffness_eV_per_A2 * float((displacement**2).sum()),
            "forces": -self.stiffness_eV_per_A2 * displacement,
        }


def run(
    path,
    calculator,
    n_steps=60,
    start=None,
    stop_at=None,
    progress=None,
    interrupted=lambda: False,
    runner=RUNNER,
    fixed=None,
    **changes,
) -> None:
    def stop(step: int) -> None:
        if step == stop_at:
            raise KilledError

    settings = {
        "temperature_K": 300.0,
        "timestep_fs": 0.5,
        "hydrogen_mass_u": 1.008,
        "frame_interval_steps": 2,
        "seed": 7,
        "limits": ANYTHING_GOES,
    }
    conditions = Conditions(n_steps=n_steps, **settings | changes)
    region = "ion" if isinstance(calculator, Springs) else "water"
    system = System.of(start if start is not None else water_layer(), region)
    if fixed is not None:
        system = System(system.atoms, system.region, np.array(fixed))
    spec = RunSpec(origin=ORIGIN, conditions=conditions, runner=runner)
    simulate(
        system,
        AseLangevin(system, calculator, conditions, friction_per_fs=runner.friction_per_fs),
        conditions,
        path=path,
        identity=spec.identity(extent=False),
        interrupted=interrupted,
        progress=progress or stop,
    )


def calculator_of(name) -> ModelCalculator:
    if name == "committee":
        weights = SHARED / "bpnnp-bulkH2O-jcp2020"
        return ModelCalculator(load_bpnnp(weights, dtype=torch.float64))
    return ModelCalculator(small_model(name))


def assert_same(path, other) -> None:
    with Trajectory(path) as one, Trajectory(other) as two:
        np.testing.assert_array_equal(one.steps, two.steps)
        np.testing.assert_array_equal(one.potential_energy_eV, two.potential_energy_eV)
        np.testing.assert_array_equal(one.temperature_K, two.temperature_K)
        for some, others in zip(one.position_chunks(), two.position_chunks(), strict=True):
            np.testing.assert_array_equal(some, others)


@pytest.mark.parametrize(
    "name", ["mace-1", "split-2", pytest.param("committee", marks=with_shared_data)]
)
def test_resumed_run_is_bitwise_the_uninterrupted_one(name, tmp_path, monkeypatch) -> None:
    monkeypatch.setattr(ase_engine, "CHECKPOINT_FRAMES", 5)
    run(tmp_path / "whole.h5", calculator_of(name))
    with pytest.raises(KilledError):
        run(tmp_path / "parts.h5", calculator_of(name), stop_at=34)
    run(tmp_path / "parts.h5", calculator_of(name))
    assert_same(tmp_path / "parts.h5", tmp_path / "whole.h5")
    with Trajectory(tmp_path / "parts.h5") as parts:
        np.testing.assert_array_equal(parts.steps, np.arange(0, 61, 2))


@pytest.mark.parametrize("name", ["mace-2", "split-1"])
def test_a_run_told_to_end_saves_where_it_is_and_continues_bitwise(name, tmp_path) -> None:
    """Between two frames and in the middle of a neighbour list's life, three times."""
    moments = iter([7, 18, 39])
    run(tmp_path / "whole.h5", ModelCalculator(small_model(name)))
    for steps in (7, 11, 21):
        asked = iter(range(1, 61))
        with pytest.raises(InterruptedRunError) as ended:
            run(
                tmp_path / "parts.h5",
                ModelCalculator(small_model(name)),
                interrupted=lambda asked=asked, steps=steps: next(asked) == steps,
            )
        assert ended.value.code == 128 + signal.SIGTERM
        with h5py.File(tmp_path / "parts.part.h5") as file:
            assert file["checkpoint"].attrs["step"] == next(moments)
    run(tmp_path / "parts.h5", ModelCalculator(small_model(name)))
    assert_same(tmp_path / "parts.h5", tmp_path / "whole.h5")


def test_sigterm_is_remembered_and_the_handler_given_back() -> None:
    before = signal.getsignal(signal.SIGTERM)
    with Interruption() as interrupted:
        assert not interrupted()
        os.kill(os.getpid(), signal.SIGTERM)
        assert interrupted()
    assert signal.getsignal(signal.SIGTERM) is before


def run_and_be_killed(path, start, n_steps, first, last, delay_s) -> None:
    """Run until SIGKILL: some milliseconds after the first of two steps, at the last one anyway."""

    def progress(step: int) -> None:
        if step >= last:
            os.kill(os.getpid(), signal.SIGKILL)
        if step >= first:
            threading.Timer(delay_s, os.kill, (os.getpid(), signal.SIGKILL)).start()

    run(path, Springs(), n_steps=n_steps, start=start, progress=progress)


def test_twenty_kills_at_random_moments(tmp_path, monkeypatch) -> None:
    """SIGKILL, also while the file is written: no frame is missing, double or different."""
    monkeypatch.setattr(ase_engine, "CHECKPOINT_FRAMES", 2)
    n_steps, kills = 3000, 20
    whole, parts = tmp_path / "whole.h5", tmp_path / "parts.h5"
    start = Atoms("O" * 40, np.full((40, 3), 12.0), cell=[24, 24, 24], pbc=[1, 1, 0])
    start.info["sites"] = start.positions.copy()
    run(whole, Springs(), n_steps=n_steps, start=start)
    generator = np.random.default_rng(9)
    lasts = np.linspace(0, n_steps, kills + 2)[1:-1]
    for last in lasts:
        first, delay_s = last - generator.uniform(10, 40), generator.uniform(0.0, 0.005)
        child = get_context("fork").Process(
            target=run_and_be_killed, args=(parts, start, n_steps, first, last, delay_s)
        )
        child.start()
        child.join()
        assert child.exitcode == -signal.SIGKILL
        assert not parts.exists()
    run(parts, Springs(), n_steps=n_steps, start=start)
    assert_same(parts, whole)
    with Trajectory(parts) as trajectory:
        np.testing.assert_array_equal(trajectory.steps, np.arange(0, n_steps + 1, 2))


def test_equipartition(tmp_path) -> None:
    """Temperature and spring energy agree with k_B T/2 per degree of freedom."""
    generator = np.random.default_rng(0)
    start = Atoms("O" * 40, generator.uniform(8, 17, (40, 3)), cell=[9, 9, 26], pbc=[1, 1, 0])
    start.info["sites"] = start.positions.copy()
    run(
        tmp_path / "springs.h5",
        Springs(),
        n_steps=20_000,
        start=start,
        runner=RUNNER.model_copy(update={"friction_per_fs": 0.05}),
        timestep_fs=1.0,
        frame_interval_steps=20,
        limits=RunLimits(),
    )
    with Trajectory(tmp_path / "springs.h5") as trajectory:
        energies = trajectory.potential_energy_eV[100:]
        temperatures = trajectory.temperature_K[100:]
    degrees = 3 * 40 - 3
    expected = 0.5 * degrees * units.kB * 300.0
    # frames 20 fs apart at a friction of 1/(20 fs) are nearly independent; allow for two lags
    error = np.sqrt(2.0 / degrees) / np.sqrt(len(energies) / 4)
    assert abs(energies.mean() / expected - 1.0) < ALLOWED_SIGMAS * error
    assert abs(temperatures.mean() / 300.0 - 1.0) < ALLOWED_SIGMAS * error


def test_forces_with_a_kept_neighbour_list_are_those_of_a_fresh_one() -> None:
    model = small_model("split-2")
    atoms = water_layer()
    atoms.calc = ModelCalculator(model, skin_A=0.6)
    generator = np.random.default_rng(2)
    rebuilt = set()
    for _ in range(12):
        atoms.positions += generator.normal(scale=0.05, size=atoms.positions.shape)
        forces = atoms.get_forces()
        rebuilt.add(id(atoms.calc._neighbours))
        _, fresh = predict(model, build_graph(atoms, model.elements, model.r_cut_A))
        np.testing.assert_allclose(forces, fresh, atol=1e-10)
    assert 1 < len(rebuilt) < 12


def test_mass_of_hydrogen_leaves_the_temperature_alone(tmp_path) -> None:
    start = water_layer()
    generator = np.random.default_rng(3)
    start.set_momenta(
        generator.normal(size=start.positions.shape)
        * np.sqrt(units.kB * 300 * start.get_masses())[:, None]
    )
    calculator = ModelCalculator(small_model("mace-1"))
    run(tmp_path / "heavy.h5", calculator, 2, start, hydrogen_mass_u=4.0, limits=RunLimits())
    with Trajectory(tmp_path / "heavy.h5") as trajectory:
        assert trajectory.temperature_K[0] == pytest.approx(start.get_temperature(), rel=0.3)


def test_an_evaporated_atom_is_reflected(tmp_path) -> None:
    start = Atoms("O2", [[4.0, 4.0, 13.0], [4.0, 4.0, 25.9]], cell=[9, 9, 26], pbc=[1, 1, 0])
    start.info["sites"] = start.positions + np.array([[0, 0, -2.0], [0, 0, 2.0]])
    run(tmp_path / "flight.h5", Springs(), n_steps=400, start=start)
    with Trajectory(tmp_path / "flight.h5") as trajectory:
        heights = next(trajectory.position_chunks())[:, 1, 2]
    assert 26.0 < heights.max() < 26.5


def test_fixed_atoms_stay_where_they_are(tmp_path) -> None:
    start = Atoms("O4", np.arange(12.0).reshape(4, 3), cell=[12, 12, 26], pbc=[1, 1, 0])
    start.info["sites"] = start.positions + 0.1
    run(tmp_path / "fixed.h5", Springs(), start=start, fixed=[True, False, False, False])
    with Trajectory(tmp_path / "fixed.h5") as trajectory:
        moved = np.ptp(next(trajectory.position_chunks()), axis=0).max(axis=1)
        np.testing.assert_array_equal(trajectory.fixed, [True, False, False, False])
    assert moved[0] == 0.0
    assert moved[1:].min() > 0.0


def test_beside_fixed_atoms_the_centre_of_mass_of_the_others_is_as_warm_as_they_are() -> None:
    start = Atoms("O4", np.arange(12.0).reshape(4, 3), cell=[12, 12, 12], pbc=True)
    start.info["sites"] = start.positions.copy()
    system = System(start, np.full(4, "ion"), np.array([True, True, False, False]))
    conditions = Conditions(
        temperature_K=300.0,
        timestep_fs=1.0,
        hydrogen_mass_u=1.008,
        frame_interval_steps=50,
        seed=7,
        n_steps=50_000,
        limits=ANYTHING_GOES,
    )
    engine = AseLangevin(system, Springs(), conditions, friction_per_fs=0.05)
    momenta = np.array(
        [
            engine.checkpoint().momenta
            for sample in engine.run(None, conditions.n_steps, watch=lambda step: None)
            if sample.step and sample.step % 50 == 0
        ]
    )
    assert not momenta[:, :2].any()
    mass = start.get_masses()[0]
    together = momenta.sum(axis=1) ** 2 / (2 * mass) / units.kB
    alone = momenta[:, 2:] ** 2 / mass / units.kB
    # 3000 and 6000 values of a square, apart by twice their memory
    assert together.mean() == pytest.approx(300.0, rel=ALLOWED_SIGMAS * np.sqrt(2 / 3000))
    assert alone.mean() == pytest.approx(300.0, rel=ALLOWED_SIGMAS * np.sqrt(2 / 6000))


def test_charged_slab_is_refused() -> None:
    atoms = water_layer()[:-1]
    atoms.calc = ModelCalculator(small_model("split-1"))
    with pytest.raises(ElectrostaticsError, match="charge"):
        atoms.get_potential_energy()


@pytest.mark.parametrize(
    ("limits", "step", "reason"),
    [
        (
            {"temperature_K": 50.0},
            0,
            "temperature of .* K exceeds dynamics.limits.temperature_K: 50",
        ),
        (
            {"force_eV_per_A": 1e-4},
            0,
            "a force of .* exceeds dynamics.limits.force_eV_per_A: 0.0001",
        ),
        ({"broken_fraction": 1e-9}, 2, "broken, more than dynamics.limits.broken_fraction: 1e-09"),
    ],
)
def test_a_failed_run_ends_with_its_frames_and_the_reason(
    limits, step, reason, tmp_path, monkeypatch
) -> None:
    monkeypatch.setattr(ase_engine, "CHECKPOINT_FRAMES", 3)
    start = water_layer()
    start.set_momenta(np.full((len(start), 3), 0.3))
    start.positions[1] += 2.0
    path = tmp_path / "broken.h5"
    allowed = ANYTHING_GOES.model_dump() | limits
    calculator = ModelCalculator(small_model("mace-1"))
    run(path, calculator, start=start, limits=RunLimits(**allowed))
    with Trajectory(path) as trajectory:
        assert re.search(rf"^step {step}: .*{reason}", trajectory.failure)
        np.testing.assert_array_equal(trajectory.steps, [0])
    run(path, ModelCalculator(small_model("mace-1")), start=start)
    with Trajectory(path) as trajectory:
        assert trajectory.failure is None
        assert trajectory.steps[-1] == 60


def test_a_run_that_fails_late_continues_from_its_checkpoint(tmp_path, monkeypatch) -> None:
    monkeypatch.setattr(ase_engine, "CHECKPOINT_FRAMES", 3)
    health = iter([None] * 16 + ["it broke"])
    monkeypatch.setattr(driver, "find_failure", lambda *_, **__: next(health))
    path, calculator = tmp_path / "late.h5", ModelCalculator(small_model("mace-1"))
    run(path, calculator)
    with Trajectory(path) as trajectory:
        assert trajectory.failure == "step 16: it broke"
        np.testing.assert_array_equal(trajectory.steps, np.arange(0, 15, 2))
    monkeypatch.setattr(driver, "find_failure", lambda *_, **__: None)
    reached = []
    run(path, calculator, interrupted=lambda: reached.append(1))
    assert len(reached) == 60 - 12
    run(tmp_path / "whole.h5", ModelCalculator(small_model("mace-1")))
    assert_same(path, tmp_path / "whole.h5")


def test_numbers_that_are_not_finite_end_a_run_before_atoms_move_by_them(tmp_path) -> None:
    """Neighbours of atoms that are nowhere would be sought forever."""
    calculator = ModelCalculator(small_model("mace-1"))
    evaluate, calls = calculator.calculate, []

    def fail_late(*arguments) -> None:
        evaluate(*arguments)
        calls.append(1)
        if len(calls) > 5:
            calculator.results["forces"][0] = np.nan

    calculator.calculate = fail_late
    run(tmp_path / "broken.h5", calculator)
    with Trajectory(tmp_path / "broken.h5") as trajectory:
        assert trajectory.failure == "step 5: positions or forces are not finite"
        np.testing.assert_array_equal(trajectory.steps, [0, 2, 4])


def test_charges_that_do_not_settle_end_a_run_with_its_frames(tmp_path, monkeypatch) -> None:
    """But at the start they are an error: nothing was run."""
    model = small_model("response-1")
    path, calculator = tmp_path / "unsettled.h5", ModelCalculator(model)
    calls, steps = [], local_response.solve_iteratively

    def unsettled_from(call: int):
        def solve(*arguments, **settings):
            calls.append(1)
            if len(calls) >= call:
                settings["max_iterations"] = 0
            return steps(*arguments, **settings)

        return solve

    monkeypatch.setattr(local_response, "solve_iteratively", unsettled_from(6))
    run(path, calculator)
    with Trajectory(path) as trajectory:
        assert re.match("step 4: the charges of 18 atoms did not settle", trajectory.failure)
        assert "\n" not in trajectory.failure
        np.testing.assert_array_equal(trajectory.steps, [0, 2, 4])
    monkeypatch.setattr(local_response, "solve_iteratively", unsettled_from(0))
    with pytest.raises(EquilibrationError, match="did not settle"):
        run(tmp_path / "never.h5", ModelCalculator(model))


def test_where_a_model_runs_does_not_start_a_run_anew(tmp_path) -> None:
    path, calculator = tmp_path / "run.h5", ModelCalculator(small_model("mace-1"))
    run(path, calculator)
    before = path.stat().st_mtime_ns
    elsewhere = {"device": "cpu", "compile": "never", "neighbour_skin_A": 0.5}
    run(path, calculator, runner=RUNNER.model_copy(update=elsewhere))
    with Trajectory(path) as trajectory:
        assert trajectory.steps[-1] == 60
    assert path.stat().st_mtime_ns == before
