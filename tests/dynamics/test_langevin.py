"""Langevin dynamics of a model: right ensemble, exact continuation, honest neighbour list."""

import numpy as np
import pytest
from ase import Atoms, units
from ase.calculators.calculator import Calculator, all_changes
from small_models import small_model, water_layer

from falsemetal.config import Dynamics
from falsemetal.dynamics import langevin
from falsemetal.dynamics.calculator import ModelCalculator
from falsemetal.dynamics.langevin import run_langevin
from falsemetal.dynamics.trajectory import Trajectory
from falsemetal.models.electrostatics import ElectrostaticsError
from falsemetal.models.graph import build_graph
from falsemetal.models.mace import predict

DYNAMICS = Dynamics(timestep_fs=0.5, frame_interval_fs=1.0)
ALLOWED_SIGMAS = 5.0


class KilledError(Exception):
    """Stands for a kill."""


class Springs(Calculator):
    """Independent harmonic springs: Langevin dynamics has a known answer."""

    implemented_properties = ["energy", "forces"]  # noqa: RUF012
    stiffness_eV_per_A2 = 5.0
    slots = None

    def calculate(self, atoms=None, properties=None, system_changes=all_changes) -> None:
        """Evaluate the springs."""
        super().calculate(atoms, properties, system_changes)
        displacement = self.atoms.positions - self.atoms.info["sites"]
        self.results = {
            "energy": 0.5 * self.stiffness_eV_per_A2 * float((displacement**2).sum()),
            "forces": -self.stiffness_eV_per_A2 * displacement,
        }

    def forget_neighbours(self) -> None:
        """Nothing to forget."""


def run(path, calculator, n_steps=60, start=None, dynamics=DYNAMICS, stop_at=None) -> None:
    def progress(step: int) -> None:
        if step == stop_at:
            raise KilledError

    run_langevin(
        start if start is not None else water_layer(),
        calculator,
        dynamics,
        n_steps=n_steps,
        seed=7,
        path=path,
        parameters={},
        progress=progress,
    )


@pytest.mark.parametrize("name", ["mace-1", "split-2"])
def test_resumed_run_is_bitwise_the_uninterrupted_one(name, tmp_path, monkeypatch) -> None:
    monkeypatch.setattr(langevin, "CHECKPOINT_FRAMES", 5)
    run(tmp_path / "whole.h5", ModelCalculator(small_model(name)))
    with pytest.raises(KilledError):
        run(tmp_path / "parts.h5", ModelCalculator(small_model(name)), stop_at=34)
    run(tmp_path / "parts.h5", ModelCalculator(small_model(name)))
    with Trajectory(tmp_path / "whole.h5") as whole, Trajectory(tmp_path / "parts.h5") as parts:
        np.testing.assert_array_equal(parts.steps, np.arange(0, 61, 2))
        np.testing.assert_array_equal(parts.steps, whole.steps)
        for one, other in zip(whole.position_chunks(), parts.position_chunks(), strict=True):
            np.testing.assert_array_equal(one, other)


def test_equipartition(tmp_path) -> None:
    """Temperature and spring energy agree with k_B T/2 per degree of freedom."""
    generator = np.random.default_rng(0)
    start = Atoms("O" * 40, generator.uniform(8, 17, (40, 3)), cell=[9, 9, 26], pbc=[1, 1, 0])
    start.info["sites"] = start.positions.copy()
    dynamics = Dynamics(timestep_fs=1.0, frame_interval_fs=20.0, friction_per_fs=0.05)
    run(tmp_path / "springs.h5", Springs(), n_steps=20_000, start=start, dynamics=dynamics)
    with Trajectory(tmp_path / "springs.h5") as trajectory:
        energies = trajectory.potential_energy_eV[100:]
        temperatures = trajectory.temperature_K[100:]
    degrees = 3 * 40 - 3
    expected = 0.5 * degrees * units.kB * dynamics.temperature_K
    # frames 20 fs apart at a friction of 1/(20 fs) are nearly independent; allow for two lags
    error = np.sqrt(2.0 / degrees) / np.sqrt(len(energies) / 4)
    assert abs(energies.mean() / expected - 1.0) < ALLOWED_SIGMAS * error
    assert abs(temperatures.mean() / dynamics.temperature_K - 1.0) < ALLOWED_SIGMAS * error


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
    heavy = Dynamics(timestep_fs=0.5, frame_interval_fs=1.0, hydrogen_mass_u=4.0)
    run(tmp_path / "heavy.h5", ModelCalculator(small_model("mace-1")), 2, start, heavy)
    with Trajectory(tmp_path / "heavy.h5") as trajectory:
        assert trajectory.temperature_K[0] == pytest.approx(start.get_temperature(), rel=0.3)


def test_an_evaporated_atom_is_turned_back(tmp_path) -> None:
    start = Atoms("O2", [[4.0, 4.0, 13.0], [4.0, 4.0, 25.9]], cell=[9, 9, 26], pbc=[1, 1, 0])
    start.info["sites"] = start.positions + np.array([[0, 0, -2.0], [0, 0, 2.0]])
    run(tmp_path / "flight.h5", Springs(), n_steps=400, start=start)
    with Trajectory(tmp_path / "flight.h5") as trajectory:
        heights = next(trajectory.position_chunks())[:, 1, 2]
    assert 26.0 < heights.max() < 26.5


def test_charged_slab_is_refused() -> None:
    atoms = water_layer()[:-1]
    atoms.calc = ModelCalculator(small_model("split-1"))
    with pytest.raises(ElectrostaticsError, match="charge"):
        atoms.get_potential_energy()


def test_broken_potential_stops_with_the_step(tmp_path) -> None:
    start = water_layer()
    start.info["sites"] = start.positions * np.nan
    with pytest.raises(FloatingPointError, match="at step 2"):
        run(tmp_path / "broken.h5", Springs(), start=start)
