"""Invariances and consistency of the potentials."""

import numpy as np
import pytest
import torch
from ase import Atoms
from mace.modules.models import ScaleShiftMACE
from small_models import SETTINGS, STATISTICS, energy_and_forces, small_model, water_layer

from falsemetal.potentials.graph import build_graph, collate, neighbour_edges
from falsemetal.potentials.mace.model import ShortRangedMACE, predict
from falsemetal.potentials.mace.polarization import polarization
from falsemetal.potentials.mace.split_charge import SplitChargeMACE
from falsemetal.potentials.store import ModelError, build_model, load_model, save_model

ENERGY_TOLERANCE_EV = 1e-8
FORCE_TOLERANCE_EV_PER_A = 1e-7
CHARGE_TOLERANCE_E = 1e-10


def moved(atoms: Atoms, change: str) -> tuple[Atoms, np.ndarray, np.ndarray]:
    """Return an equivalent structure, the order of its atoms, and how its forces turn."""
    other, order, turn = atoms.copy(), np.arange(len(atoms)), np.eye(3)
    match change:
        case "translation":
            other.positions += [0.7, -1.9, 2.3]
        case "wrapping in x and y":
            other.positions[::3] += other.cell[0] - 2.0 * other.cell[1]
        case "order of atoms":
            order = np.random.default_rng(1).permutation(len(atoms))
            other = other[order]
        case "rotation about z":
            other.rotate(90.0, "z", rotate_cell=True)
            turn = np.array([[0.0, -1.0, 0.0], [1.0, 0.0, 0.0], [0.0, 0.0, 1.0]])
    return other, order, turn


@pytest.mark.parametrize(
    "change", ["translation", "wrapping in x and y", "order of atoms", "rotation about z"]
)
def test_energy_is_invariant_and_forces_follow(model: ShortRangedMACE, change: str) -> None:
    atoms = water_layer()
    other, order, turn = moved(atoms, change)
    energy, forces = energy_and_forces(model, atoms)
    other_energy, other_forces = energy_and_forces(model, other)
    assert other_energy == pytest.approx(energy, abs=ENERGY_TOLERANCE_EV)
    np.testing.assert_allclose(other_forces, forces[order] @ turn.T, atol=FORCE_TOLERANCE_EV_PER_A)


@pytest.mark.parametrize("slab", [True, False])
def test_forces_are_the_gradient_of_the_energy(model: ShortRangedMACE, slab: bool) -> None:
    atoms = water_layer(slab=slab)
    _, forces = energy_and_forces(model, atoms)
    step = 1e-4
    for atom, axis in ((0, 0), (4, 2), (10, 1)):
        energies = []
        for sign in (1, -1):
            displaced = atoms.copy()
            displaced.positions[atom, axis] += sign * step
            energies.append(energy_and_forces(model, displaced)[0])
        assert -(energies[0] - energies[1]) / (2 * step) == pytest.approx(
            forces[atom, axis], abs=1e-6
        )


def test_energy_matches_mace_torch() -> None:
    """Our assembly of mace-torch's blocks gives what its own model gives."""
    for name in ("mace-1", "mace-2"):
        model = small_model(name)
        atoms = water_layer(slab=False)
        graph = build_graph(atoms, model.elements, model.r_cut_A)
        assert isinstance(model.mace, ScaleShiftMACE)
        reference = model.mace(
            {
                "positions": graph.positions.clone().requires_grad_(True),
                "node_attrs": torch.nn.functional.one_hot(graph.species, 2).double(),
                "edge_index": graph.edge_index,
                "shifts": graph.shifts,
                "unit_shifts": torch.zeros_like(graph.shifts),
                "cell": graph.cells[0],
                "batch": graph.batch,
                "ptr": torch.tensor([0, len(atoms)]),
            }
        )
        energy, forces = energy_and_forces(model, atoms)
        assert energy == pytest.approx(reference["energy"].item(), abs=ENERGY_TOLERANCE_EV)
        np.testing.assert_allclose(
            forces, reference["forces"].detach().numpy(), atol=FORCE_TOLERANCE_EV_PER_A
        )


def test_batch_equals_its_members(model: ShortRangedMACE) -> None:
    structures = [water_layer(6), water_layer(4, seed=1), water_layer(9, slab=False, seed=2)]
    graphs = [build_graph(s, model.elements, model.r_cut_A) for s in structures]
    together, forces = predict(model, collate(graphs))
    alone = [predict(model, graph) for graph in graphs]
    np.testing.assert_allclose(together, torch.cat([e for e, _ in alone]), atol=ENERGY_TOLERANCE_EV)
    np.testing.assert_allclose(
        forces, torch.cat([f for _, f in alone]), atol=FORCE_TOLERANCE_EV_PER_A
    )


@pytest.mark.parametrize("name", ["split-1", "split-2"])
def test_total_charge_is_that_of_the_formal_charges(name: str) -> None:
    model = small_model(name)
    assert isinstance(model, SplitChargeMACE)
    for structure in (water_layer(), water_layer()[:-1]):
        multipoles = model.multipoles(build_graph(structure, model.elements, model.r_cut_A))
        formal = sum(model.settings.formal_charges_e[symbol] for symbol in structure.symbols)
        assert float(multipoles.charges.sum()) == pytest.approx(formal, abs=CHARGE_TOLERANCE_E)
        assert float(multipoles.transfers.abs().max()) > 1e-4


def test_atomic_dipoles_turn_with_the_structure() -> None:
    """Dipoles of l = 1 features are Cartesian x, y, z."""
    model = small_model("split-2")
    atoms = water_layer()
    other, _, turn = moved(atoms, "rotation about z")
    dipoles, turned = (
        model.multipoles(build_graph(s, model.elements, model.r_cut_A)).dipoles
        for s in (atoms, other)
    )
    assert float(dipoles.abs().max()) > 1e-3
    np.testing.assert_allclose(turned, dipoles.numpy() @ turn.T, atol=1e-9)


def test_polarization_of_a_model_is_the_dipole_of_its_multipoles() -> None:
    model = small_model("split-2")
    atoms = water_layer(3)
    atoms.positions += [2.0, 2.0, 0.0]
    atoms.set_cell([40.0, 40.0, 40.0])
    graph = build_graph(atoms, model.elements, model.r_cut_A)
    multipoles = model.multipoles(graph)
    result = polarization(
        model.formal_charges_e[graph.species],
        multipoles.dipoles,
        multipoles.transfers,
        graph.edge_vectors(),
        graph.positions,
        graph.batch,
        graph.batch[graph.edge_index[0]],
        1,
    )
    expected = (multipoles.charges[:, None] * graph.positions + multipoles.dipoles).sum(0)
    np.testing.assert_allclose(result[0], expected, atol=1e-9)


def test_neighbour_list_leaves_the_cell_of_a_slab_alone() -> None:
    atoms = water_layer()
    graph = build_graph(atoms, (1, 8), 4.0)
    np.testing.assert_array_equal(graph.cells[0], atoms.cell.array)
    assert bool(graph.slab[0])


def test_edges_match_brute_force_for_unwrapped_atoms() -> None:
    """Atoms that have left the cell, as in a long run, keep their neighbours."""
    generator = np.random.default_rng(4)
    cell, pbc, cutoff = np.diag([6.0, 7.0, 9.0]), np.array([True, True, False]), 4.0
    positions = generator.uniform(-12.0, 18.0, (20, 3))
    edge_index, shifts = neighbour_edges(positions, cell, pbc, cutoff)
    found = {(i, j, *np.round(s, 6)) for i, j, s in zip(*edge_index, shifts, strict=True)}
    expected = set()
    for i in range(20):
        for j in range(20):
            for a in range(-8, 9):
                for b in range(-8, 9):
                    shift = np.array([a * 6.0, b * 7.0, 0.0])
                    distance = np.linalg.norm(positions[j] - positions[i] + shift)
                    if distance < cutoff and not (i == j and a == b == 0):
                        expected.add((i, j, *np.round(shift, 6)))
    assert found == expected


def test_model_survives_saving(model: ShortRangedMACE, tmp_path) -> None:
    save_model(model, model.settings, tmp_path, stamp={})
    atoms = water_layer()
    again = load_model(tmp_path, dtype=torch.float64)
    assert energy_and_forces(again, atoms)[0] == energy_and_forces(model.eval(), atoms)[0]


def test_single_precision_agrees_with_double(model: ShortRangedMACE, tmp_path) -> None:
    save_model(model, model.settings, tmp_path, stamp={})
    atoms = water_layer()
    single = load_model(tmp_path, dtype=torch.float32)
    _, forces = predict(single, build_graph(atoms, single.elements, single.r_cut_A))
    _, expected = energy_and_forces(model, atoms)
    np.testing.assert_allclose(forces, expected, atol=1e-4 * np.abs(expected).max())


def test_foreign_weights_are_refused(tmp_path) -> None:
    save_model(small_model("mace-1"), SETTINGS["mace-1"], tmp_path, stamp={})
    (tmp_path / "weights.pt").write_bytes(b"not weights")
    with pytest.raises(ModelError, match=r"weights\.pt.*train again"):
        load_model(tmp_path, dtype=torch.float64)
    with pytest.raises(ModelError, match="not the description of a model"):
        load_model(tmp_path / "nowhere", dtype=torch.float64)
    (tmp_path / "model.json").write_text('{"architecture": "something else"}')
    with pytest.raises(ModelError, match="it lacks settings, weights_sha256"):
        load_model(tmp_path, dtype=torch.float64)


def test_unknown_element_and_missing_formal_charge_are_named() -> None:
    with pytest.raises(ValueError, match="knows H, O but the structure holds Cu"):
        build_graph(Atoms("Cu", cell=[9, 9, 9], pbc=True), (1, 8), 4.0)
    with pytest.raises(ValueError, match="without atoms"):
        build_graph(Atoms(cell=[9, 9, 9], pbc=True), (1, 8), 4.0)
    settings = SETTINGS["split-1"].model_copy(update={"formal_charges_e": {"H": 1.0}})
    with pytest.raises(ValueError, match="formal_charges_e lacks O"):
        build_model(settings, STATISTICS, dtype=torch.float64)
    settings = SETTINGS["response-1"].model_copy(update={"conductors": ["Cu"]})
    with pytest.raises(ValueError, match="conductors names Cu, of which the dataset holds no"):
        build_model(settings, STATISTICS, dtype=torch.float64)
