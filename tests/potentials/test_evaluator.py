"""The fast form of a model gives the numbers of the plain one."""

import numpy as np
import pytest
import torch
from small_models import SETTINGS, STATISTICS, small_model, water_layer
from torch._dynamo.utils import counters

from falsemetal.potentials.calculator import ModelCalculator
from falsemetal.potentials.fast import evaluator, rows
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
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("name", SETTINGS)
def test_energies_and_forces_are_those_of_the_plain_model(name, dtype, slab) -> None:
    model = polar(small_model(name, dtype))
    compare(model, ModelCalculator(model), slab=slab)


@pytest.mark.parametrize("kind", [MACEKind, SplitChargeKind])
def test_an_architecture_with_every_kind_of_path(kind) -> None:
    name = "mace" if kind is MACEKind else "split_charge"
    settings = kind(kind=name, **LARGE)
    model = build_model(settings, STATISTICS, dtype=torch.float64, seed=4).requires_grad_(False)
    compare(polar(model), ModelCalculator(model), slab=True)


def test_compiled() -> None:
    model = polar(small_model("split-1", torch.float32))
    calculator = ModelCalculator(model, compiled=True)
    assert calculator.compiled, "the tests need a C++ compiler"
    counters.clear()
    compare(model, calculator, slab=True)
    assert counters["stats"]["unique_graphs"] == 1

    atoms, before = calculator.atoms.copy(), calculator.neighbours
    forces = calculator.get_forces(atoms)
    calculator.neighbours = NeighbourState(before.origin, before.slots + 8)
    np.testing.assert_allclose(calculator.get_forces(atoms), forces, atol=1e-5)
    assert calculator.neighbours.slots == before.slots + 8
    assert counters["stats"]["unique_graphs"] == 1, "longer rows need nothing new"

    counters.clear()
    compare(model, calculator, slab=True, n_molecules=20)
    compare(model, calculator, slab=False, n_molecules=16)
    assert not counters["aot_autograd"]["autograd_cache_miss"], "nor do other sizes and bulk"


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


@pytest.mark.parametrize("compiled", [False, True])
def test_rows_in_chunks_give_the_same(monkeypatch, compiled) -> None:
    """Chunks bound the memory of large cells; 7 rows do not divide 36 atoms."""
    monkeypatch.setattr(evaluator, "chunk_size", lambda *_: 7)
    name = "split-1" if compiled else "split-2"
    model = polar(small_model(name))
    compare(model, ModelCalculator(model, compiled=compiled), slab=True)


def test_chunks_fill_the_memory_they_may(monkeypatch) -> None:
    monkeypatch.setattr(rows, "BYTES_AT_ONCE", 12e6)
    assert rows.chunk_size(100, slots=50, width=100, bytes_per_number=4) is None
    assert rows.chunk_size(1000, slots=50, width=100, bytes_per_number=4) == 200
    assert rows.chunk_size(1000, slots=50, width=100, bytes_per_number=8) == 100
