"""Water in all surroundings, its labels by models, slopes by differences, training, and runs."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from ase import Atoms
from small_models import SETTINGS, water_layer

from falsemetal.arrays import FloatArray
from falsemetal.potentials.calculator import ModelCalculator
from falsemetal.potentials.mace.model import predict, predict_all
from falsemetal.potentials.model import Model
from falsemetal.potentials.training.batches import (
    batch_errors,
    fit_atomic_energies,
    join,
    label_graphs,
)
from falsemetal.potentials.training.loop import train
from falsemetal.potentials.training.settings import Training
from falsemetal.potentials.training.spec import TrainSpec
from falsemetal.specs import Origin

SURROUNDINGS = ["bulk", "charged bulk", "film", "film in a field", "cluster", "ion in a field"]
FORCE_TOLERANCE_EV_PER_A = 1e-7


def structure(surroundings: str, n_molecules: int = 4) -> Atoms:
    atoms = water_layer(n_molecules, slab="bulk" not in surroundings)
    if "cluster" in surroundings or "ion" in surroundings:
        atoms.pbc, atoms.cell = False, None
    if "charged" in surroundings or "ion" in surroundings:
        atoms.info["total_charge"] = 1.0
    if "film in" in surroundings:
        atoms.info["external_field"] = [0.0, 0.0, 0.1]
    if "ion in" in surroundings:
        atoms.info["external_field"] = [0.05, -0.02, 0.1]
    return atoms


def energy_of(model: Model, atoms: Atoms) -> float:
    return float(predict(model, model.graph_of(atoms))[0])


def force_by_differences(model: Model, atoms: Atoms, atom: int, axis: int) -> float:
    energies = []
    for step in (-2e-3, -1e-3, 1e-3, 2e-3):
        moved = atoms.copy()
        moved.positions[atom, axis] += step
        energies.append(energy_of(model, moved))
    two_back, back, on, two_on = energies
    return -(8.0 * (on - back) - (two_on - two_back)) / (12.0 * 1e-3)


def check_gradient_of_loss(
    model: Model, frames: Sequence[Atoms], weights: Sequence[str], *, step: float = 1e-4
) -> None:
    """Compare the slope of a loss of all labels by the steepest component of each weight."""
    batch = join(label_graphs(frames, model))
    training = Training(epochs=1, charge_weight=1000.0, dipole_weight=30.0, fermi_weight=2.0)

    def loss() -> torch.Tensor:
        return batch_errors(model, batch, create_graph=True).loss(training)

    named = dict(model.named_parameters())
    model.requires_grad_(True)
    slopes = torch.autograd.grad(loss(), [named[name] for name in weights])
    for name, slope in zip(weights, slopes, strict=True):
        flat, place = named[name].data.view(-1), int(slope.flatten().abs().argmax())
        found, before = [], flat[place].clone()
        for k in (-2, -1, 1, 2):
            flat[place] = before + k * step
            found.append(loss().item())
        flat[place] = before
        expected = (8.0 * (found[2] - found[1]) - (found[3] - found[0])) / (12.0 * step)
        assert slope.flatten()[place].item() == pytest.approx(expected, rel=1e-6)


def check_start_by_total_charges(model: Model) -> None:
    """Frames that differ in nothing but their charge start electronegativities; one frame none."""
    electronegativity = model.common_electronegativity
    assert electronegativity is not None
    # a hydroxide has formal charges, whose sum no conductor holds
    for left_out, isolated_eV in ((0, {}), (1, {}), (1, dict.fromkeys(model.elements, 100.0))):
        model.atomic_energies_eV.fill_(0.0)
        before = electronegativity.clone()
        electronegativity += 18.0
        frames = []
        for charge_e in (0.0, 1.0, 2.0):
            atoms = structure("charged bulk")
            del atoms[len(atoms) - left_out :]
            atoms.info["total_charge"] = charge_e
            own = float(model.evaluate(model.graph_of(atoms)).energies[0])
            atoms.info["REF_energy"] = own + 100.0 * len(atoms)
            atoms.arrays["REF_forces"] = np.zeros((len(atoms), 3))
            frames.append(atoms)
        electronegativity.copy_(before)
        fit_atomic_energies(model, label_graphs(frames[:1], model), batch_size=2)
        assert torch.equal(electronegativity, before)
        model.atomic_energies_eV.fill_(0.0)
        fit_atomic_energies(
            model, label_graphs(frames, model), batch_size=2, isolated_eV=isolated_eV
        )
        assert (electronegativity - before).numpy() == pytest.approx(18.0)
        for frame in frames:
            found = float(model.evaluate(model.graph_of(frame)).energies[0])
            assert found == pytest.approx(frame.info["REF_energy"], abs=1e-6)


def check_no_start_by_composition(model: Model) -> None:
    """Charges that the composition decides start no electronegativity, whatever the rounding."""
    electronegativity, frames = model.common_electronegativity, []
    assert electronegativity is not None
    before = electronegativity.fill_(-0.3).clone()
    for left_out in (0, 1, 2, 0, 1, 2):
        atoms = structure("charged bulk")
        atoms.rattle(0.05, seed=len(frames))
        del atoms[len(atoms) - left_out :]
        energy_eV = -12345.678 * len(atoms) + 0.1 * len(frames)
        atoms.info |= {"total_charge": float(-left_out), "REF_energy": energy_eV}
        atoms.arrays["REF_forces"] = np.zeros((len(atoms), 3))
        frames.append(atoms)
    fit_atomic_energies(model, label_graphs(frames, model), batch_size=2)
    assert torch.equal(electronegativity, before)


def labelled_by(teacher: Model, n_frames: int) -> list[Atoms]:
    """Frames of every boundary with a model's labels, every other one with those of charges."""
    frames = []
    for index in range(n_frames):
        atoms = structure(SURROUNDINGS[index % len(SURROUNDINGS)], 3)
        atoms.rattle(0.05, seed=index)
        prediction, forces = predict_all(teacher, teacher.graph_of(atoms))
        atoms.info |= {"REF_energy": float(prediction.energies), "config_type": "any"}
        atoms.arrays["REF_forces"] = forces.numpy()
        if index % 2:
            atoms.arrays["REF_charges"] = prediction.charges.numpy()
            atoms.info["REF_dipole"] = prediction.dipoles[0].nan_to_num(7.0).numpy()
            atoms.info["REF_fermi_eV"] = float(prediction.fermi_levels_eV)
        frames.append(atoms)
    return frames


def learn_charges(
    name: str, frames: Sequence[Atoms], folder: Path, **training: object
) -> tuple[Model, pd.DataFrame]:
    """Train on all frames but the last four, and see that their charges are learned."""
    of_charges = {"charge_weight": 1000.0, "ema_decay": 0.5, "dtype": "float64"}
    spec = TrainSpec(
        origin=Origin(name="a", sha256="", seed=2),
        potential=SETTINGS[name],
        training=Training(batch_size=2, device="cpu", **of_charges | training),
        seed=2,
        label=name,
    )
    model, history = train(
        spec, frames[:-4], frames[-4:], checkpoint=folder / "c.pt", report=lambda *_: None
    )
    errors = history["validation_rmse_charge_me"]
    assert errors.iloc[-1] < 0.5 * errors.iloc[0]
    return model.requires_grad_(False).eval(), history


def run_without_memory(model: Model, atoms: Atoms) -> tuple[float, FloatArray, FloatArray]:
    """Energy, forces and charges by a calculator, the same to the last bit after other steps."""
    found, calculator = [], ModelCalculator(model)
    for moved in (False, True):
        if moved:
            before = atoms.copy()
            before.rattle(0.02, seed=1)
            before.calc = calculator
            before.get_forces()
            calculator.neighbours = None
        again = atoms.copy()
        again.calc = calculator
        found.append((again.get_potential_energy(), again.get_forces(), again.get_charges()))
    for one, other in zip(*found, strict=True):
        np.testing.assert_array_equal(one, other)
    return found[0]
