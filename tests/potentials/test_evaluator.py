"""The fast form of a model gives the numbers of the plain one."""

import numpy as np
import pytest
import torch
from small_models import SETTINGS, STATISTICS, small_model, water_layer

from falsemetal.potentials.calculator import ModelCalculator
from falsemetal.potentials.fast import convolution
from falsemetal.potentials.graph import build_graph
from falsemetal.potentials.kinds import MACEKind, SplitChargeKind
from falsemetal.potentials.mace.model import ShortRangedMACE, predict
from falsemetal.potentials.mace.split_charge import SplitChargeMACE
from falsemetal.potentials.store import build_model
from falsemetal.simulation.checkpoint import NeighbourState

FORCE_TOLERANCE = {torch.float64: 1e-9, torch.float32: 1e-5}

LARGE = {
    "dataset": "water",
    "r_cut_A": 4.5,
    "channels": 6,
    "layers": 3,
    "l_max": 2,
    "max_ell": 3,
    "correlation": 3,
}


def polar(model: ShortRangedMACE) -> ShortRangedMACE:
    """Let an untrained model transfer charges worth comparing."""
    if isinstance(model, SplitChargeMACE):
        for layer in model.transfer_layers:
            layer.readout.weight *= 5.0
    return model


def compare(
    model: ShortRangedMACE, calculator: ModelCalculator, *, slab: bool, n_molecules: int = 12
) -> None:
    atoms = water_layer(n_molecules, slab=slab)
    atoms.calc = calculator
    energies, forces = predict(model, build_graph(atoms, model.elements, model.r_cut_A))
    assert forces.abs().max() > 0.01
    tolerance = FORCE_TOLERANCE[next(model.parameters()).dtype]
    assert atoms.get_potential_energy() == pytest.approx(float(energies[0]), abs=50 * tolerance)
    assert np.abs(atoms.get_forces() - forces.numpy()).max() < tolerance


@pytest.mark.parametrize("slab", [True, False])
@pytest.mark.parametrize("compiled", [True, False])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("name", SETTINGS)
def test_energies_and_forces_are_those_of_the_plain_model(name, dtype, compiled, slab) -> None:
    model = polar(small_model(name, dtype))
    compare(model, ModelCalculator(model, compiled=compiled), slab=slab)


@pytest.mark.parametrize("compiled", [True, False])
@pytest.mark.parametrize("kind", [MACEKind, SplitChargeKind])
def test_an_architecture_with_every_kind_of_path(kind, compiled) -> None:
    name = "mace" if kind is MACEKind else "split_charge"
    settings = kind(kind=name, **LARGE)
    model = build_model(settings, STATISTICS, dtype=torch.float64, seed=4).requires_grad_(False)
    compare(polar(model), ModelCalculator(model, compiled=compiled), slab=True)


def test_another_instruction_set_is_told(caplog) -> None:
    calculator = ModelCalculator(small_model("mace-1"))
    atoms = water_layer(4)
    calculator.get_potential_energy(atoms)
    state = calculator.neighbours
    with caplog.at_level("WARNING", logger="falsemetal"):
        calculator.neighbours = state
        assert not caplog.records
        calculator.neighbours = NeighbourState(state.origin, "another")
    assert "begun on a processor with another, continued on one with" in caplog.text


def test_one_element_alone() -> None:
    model = small_model("mace-2")
    atoms = water_layer(4)
    del atoms[[atom.index for atom in atoms if atom.symbol == "H"]]
    atoms.calc = ModelCalculator(model)
    energies, _ = predict(model, build_graph(atoms, model.elements, model.r_cut_A))
    assert atoms.get_potential_energy() == pytest.approx(float(energies[0]), abs=1e-9)


def test_a_lonely_atom_has_its_own_energy() -> None:
    model = small_model("mace-1")
    atoms = water_layer(1)[:1]
    atoms.calc = ModelCalculator(model)
    energies, _ = predict(model, build_graph(atoms, model.elements, model.r_cut_A))
    assert atoms.get_potential_energy() == pytest.approx(float(energies[0]), abs=1e-9)
    assert np.array_equal(atoms.get_forces(), np.zeros((1, 3)))


def test_the_plain_form_in_chunks_gives_the_same(monkeypatch) -> None:
    """Chunks bound the memory of large cells."""
    monkeypatch.setattr(convolution, "NUMBERS_AT_ONCE", 10_000)
    model = polar(small_model("split-2"))
    compare(model, ModelCalculator(model, compiled=False), slab=True)


def test_positions_that_are_no_numbers_give_none() -> None:
    """A run that has blown up must be told, not crash."""
    calculator = ModelCalculator(small_model("split-1"))
    atoms = water_layer(4)
    calculator.get_potential_energy(atoms)
    system, neighbours = calculator._system, calculator._neighbours
    positions = neighbours.origin.copy()
    positions[2, 1] = np.nan
    energy, forces = system.evaluate(positions, neighbours.edges)
    assert np.isnan(energy)
    assert np.isnan(forces).any()
