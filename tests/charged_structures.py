"""Water in all surroundings, and slopes by finite differences."""

from collections.abc import Sequence

import pytest
import torch
from ase import Atoms
from small_models import water_layer

from falsemetal.potentials.mace.model import predict
from falsemetal.potentials.model import Model
from falsemetal.potentials.training.batches import batch_errors, join, label_graphs
from falsemetal.potentials.training.settings import Training

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
