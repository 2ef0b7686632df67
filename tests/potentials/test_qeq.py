"""The model with equilibrated charges: derivatives, surroundings, training, results."""

import numpy as np
import pytest
import torch
from ase import Atoms
from charged_structures import (
    FORCE_TOLERANCE_EV_PER_A,
    SURROUNDINGS,
    check_gradient_of_loss,
    check_no_start_by_composition,
    check_start_by_total_charges,
    energy_of,
    force_by_differences,
    labelled_by,
    learn_charges,
    run_without_memory,
    structure,
)
from small_models import SETTINGS, small_model

from falsemetal.electrostatics.reciprocal import ElectrostaticsError
from falsemetal.potentials.calculator import ModelCalculator
from falsemetal.potentials.charge_states import charge_states
from falsemetal.potentials.charges import response
from falsemetal.potentials.evaluation import error_table
from falsemetal.potentials.graph import build_graph, collate
from falsemetal.potentials.mace.model import predict_all
from falsemetal.potentials.mace.qeq import QEqMACE
from falsemetal.potentials.store import save_model
from falsemetal.potentials.training.batches import label_graphs
from falsemetal.potentials.training.spec import EvaluateSpec
from falsemetal.specs import Origin

QEQ = ["qeq-1", "qeq-2"]


def qeq(name: str) -> QEqMACE:
    """Untrained model, as for evaluation, that charges its atoms well."""
    model = small_model(name)
    assert isinstance(model, QEqMACE)
    model.charge_readouts.electronegativity_eV.copy_(torch.tensor([0.0, 4.0]))
    readouts = model.charge_readouts
    for layer in (readouts.last_electronegativity, readouts.charge_readout):
        if layer is not None:
            for parameter in layer.parameters():
                parameter.mul_(3.0)
    return model.eval()


@pytest.mark.parametrize("training", [False, True], ids=["evaluation", "training"])
@pytest.mark.parametrize("surroundings", SURROUNDINGS)
@pytest.mark.parametrize("name", QEQ)
def test_forces_are_the_gradient_of_the_energy(name, surroundings, training) -> None:
    model, atoms = qeq(name).train(training), structure(surroundings)
    prediction, forces = predict_all(model, model.graph_of(atoms))
    assert float(prediction.charges.abs().max()) > 0.1
    total = atoms.info.get("total_charge", 0.0)
    assert float(prediction.charges.sum()) == pytest.approx(total, abs=1e-12)
    for atom, axis in ((0, 2), (4, 0), (7, 1)):
        expected = force_by_differences(model, atoms, atom, axis)
        assert float(forces[atom, axis]) == pytest.approx(expected, abs=FORCE_TOLERANCE_EV_PER_A)


@pytest.mark.parametrize("surroundings", ["bulk", "charged bulk", "film in a field"])
@pytest.mark.parametrize("name", QEQ)
def test_iterations_give_what_matrices_give(name, surroundings, monkeypatch) -> None:
    """The mesh is off by some 10⁻⁵ V; forces that follow the charges, too."""
    model, atoms = qeq(name), structure(surroundings, 9)
    dense, dense_forces = predict_all(model, model.graph_of(atoms))
    monkeypatch.setattr(response, "DENSE_UP_TO_ATOMS", 0)
    found, forces = predict_all(model, model.graph_of(atoms))
    torch.testing.assert_close(found.charges, dense.charges, rtol=0.0, atol=2e-6)
    torch.testing.assert_close(found.energies, dense.energies, rtol=0.0, atol=2e-5)
    torch.testing.assert_close(found.fermi_levels_eV, dense.fermi_levels_eV, rtol=0.0, atol=5e-5)
    torch.testing.assert_close(forces, dense_forces, rtol=0.0, atol=5e-5)


@pytest.mark.parametrize("surroundings", ["charged bulk", "ion in a field"])
def test_fermi_level_is_the_energy_of_one_electron_more(surroundings) -> None:
    model, atoms = qeq("qeq-1"), structure(surroundings)
    energies = []
    for charge in (0.99, 1.01):
        atoms.info["total_charge"] = charge
        energies.append(energy_of(model, atoms))
    atoms.info["total_charge"] = 1.0
    prediction = model.evaluate(model.graph_of(atoms))
    expected = -(energies[1] - energies[0]) / 0.02
    assert float(prediction.fermi_levels_eV) == pytest.approx(expected, abs=1e-9)


def test_dipole_is_minus_the_derivative_by_the_field() -> None:
    model = qeq("qeq-1")
    film, cluster = structure("film"), structure("cluster")
    for atoms, axes in ((film, [2]), (cluster, [0, 1, 2])):
        dipole = model.evaluate(model.graph_of(atoms)).dipoles[0]
        assert [axis for axis in range(3) if torch.isfinite(dipole[axis])] == axes
        for axis in axes:
            energies = []
            for sign in (1.0, -1.0):
                atoms.info["external_field"] = 1e-3 * sign * np.eye(3)[axis]
                energies.append(energy_of(model, atoms))
            slope = (energies[0] - energies[1]) / 2e-3
            assert float(dipole[axis]) == pytest.approx(-slope, abs=1e-8)


def test_a_cluster_turns_with_its_field() -> None:
    model, atoms = qeq("qeq-2"), structure("ion in a field")
    prediction, forces = predict_all(model, model.graph_of(atoms))
    turned = atoms.copy()
    turned.rotate(50.0, (1.0, 2.0, 3.0))
    turn = np.linalg.lstsq(atoms.positions, turned.positions, rcond=None)[0]
    turned.info["external_field"] = np.asarray(atoms.info["external_field"]) @ turn
    other, other_forces = predict_all(model, model.graph_of(turned))
    assert float(other.energies) == pytest.approx(float(prediction.energies), abs=1e-9)
    torch.testing.assert_close(other.charges, prediction.charges, rtol=0.0, atol=1e-10)
    np.testing.assert_allclose(other_forces, forces.numpy() @ turn, atol=1e-8)
    # a charge q moved along the field gains −q E·Δr
    moved = atoms.copy()
    moved.translate([1.0, 0.0, 0.0])
    assert energy_of(model, moved) == pytest.approx(energy_of(model, atoms) - 0.05, abs=1e-9)


def test_a_batch_of_all_boundaries_equals_its_members() -> None:
    model = qeq("qeq-2")
    graphs = [model.graph_of(structure(s, n)) for n, s in enumerate(SURROUNDINGS, start=2)]
    together, forces = predict_all(model, collate(graphs))
    alone = [predict_all(model, graph) for graph in graphs]
    for field in ("energies", "charges", "fermi_levels_eV"):
        joined = torch.cat([getattr(prediction, field) for prediction, _ in alone])
        torch.testing.assert_close(getattr(together, field), joined, rtol=0.0, atol=1e-9)
    torch.testing.assert_close(forces, torch.cat([f for _, f in alone]), rtol=0.0, atol=1e-8)


def test_a_large_cell_is_like_none() -> None:
    """A cluster alone and in a large box, charged: points in a background, corrected to 1/L."""
    model, atoms = qeq("qeq-1"), structure("cluster", 2)
    boxed = atoms.copy()
    boxed.set_cell(40.0 * np.eye(3))
    boxed.pbc = True
    charges = [model.evaluate(model.graph_of(a)).charges for a in (atoms, boxed)]
    torch.testing.assert_close(*charges, rtol=0.0, atol=1e-3)


@pytest.mark.parametrize(
    ("surroundings", "info", "message"),
    [
        ("film", {"total_charge": 1.0}, "slab with a total charge"),
        ("film", {"external_field": [0.1, 0.0, 0.0]}, "along x the system is periodic"),
        ("bulk", {"external_field": [0.0, 0.0, 0.1]}, "along z the system is periodic"),
    ],
)
def test_what_has_no_defined_charges_is_refused(surroundings, info, message) -> None:
    check_refused(surroundings, info, ElectrostaticsError, message)


@pytest.mark.parametrize(
    ("info", "message"),
    [
        ({"external_field": 0.1}, "external_field: 0.1, but a field has three components"),
        ({"external_field": "0 0 0.1"}, r"external_field: '0 0 0.1', .* \[0.0, 0.0, 0.02\] in Py"),
        ({"external_field": [0.0, 0.0, np.nan]}, "external_field is .* not finite"),
        ({"total_charge": np.nan}, "total_charge is nan, which is not finite"),
        ({"total_charge": "one"}, "total_charge: 'one' is no number"),
        ({"total_charge": None}, "total_charge: None is no number"),
    ],
)
@pytest.mark.parametrize("surroundings", ["film", "cluster"])
def test_what_is_no_charge_or_field_is_refused(surroundings, info, message) -> None:
    check_refused(surroundings, info, ValueError, message)


def check_refused(surroundings, info, error, message) -> None:
    atoms = structure(surroundings)
    atoms.info |= info
    for name in ("qeq-1", "response-1"):
        with pytest.raises(error, match=message):
            small_model(name).graph_of(atoms)
        # on the way from a structure that could be treated, too
        again = structure(surroundings)
        again.calc = ModelCalculator(small_model(name))
        again.get_potential_energy()
        again.info |= info
        with pytest.raises(error, match=message):
            again.get_potential_energy()


@pytest.mark.parametrize("name", ["mace-1", "split-1"])
@pytest.mark.parametrize("surroundings", ["charged bulk", "film in a field", "cluster"])
def test_models_without_charges_refuse_what_they_would_ignore(name, surroundings) -> None:
    model, atoms = small_model(name), structure(surroundings)
    atoms.info["REF_energy"] = 0.0
    atoms.arrays["REF_forces"] = np.zeros((len(atoms), 3))
    with pytest.raises(ValueError, match=r"frame 0 \(H8O4, .*kind qeq"):
        label_graphs([atoms], model)
    with pytest.raises(ValueError, match="kind qeq"):
        build_graph(atoms, model.elements, model.r_cut_A)
    atoms.calc = ModelCalculator(model)
    with pytest.raises(ValueError, match="kind qeq"):
        atoms.get_potential_energy()


def test_results_of_the_calculator() -> None:
    model, atoms = qeq("qeq-1"), structure("ion in a field")
    expected, forces = predict_all(model, model.graph_of(atoms))
    atoms.calc = ModelCalculator(model)
    assert atoms.get_potential_energy() == pytest.approx(float(expected.energies), abs=1e-9)
    np.testing.assert_allclose(atoms.get_forces(), forces.numpy(), atol=1e-8)
    np.testing.assert_allclose(atoms.get_charges(), expected.charges, atol=1e-10)
    np.testing.assert_allclose(atoms.get_dipole_moment(), expected.dipoles[0], atol=1e-9)
    level = atoms.calc.results["fermi_level_eV"]
    assert level == pytest.approx(float(expected.fermi_levels_eV), abs=1e-9)
    # ASE itself does not look at `info`
    atoms.info["total_charge"] = 0.0
    assert atoms.get_charges().sum() == pytest.approx(0.0, abs=1e-10)
    atoms.info["external_field"] = [0.0, 0.0, 0.0]
    neutral = model.evaluate(model.graph_of(atoms)).energies
    assert atoms.get_potential_energy() == pytest.approx(float(neutral), abs=1e-9)


@pytest.mark.parametrize("dense_up_to", [600, 0])
def test_a_continued_run_is_the_same_to_the_last_bit(dense_up_to, monkeypatch) -> None:
    """Charges do not remember earlier steps."""
    monkeypatch.setattr(response, "DENSE_UP_TO_ATOMS", dense_up_to)
    run_without_memory(qeq("qeq-2"), structure("film"))


def labelled(n_frames: int) -> list[Atoms]:
    teacher = qeq("qeq-1")
    teacher.charge_readouts.electronegativity_eV.copy_(torch.tensor([0.0, 7.0]))
    return labelled_by(teacher, n_frames)


def test_gradient_of_a_loss_is_that_of_finite_differences() -> None:
    """Of energies, forces and charges, by weights before and behind the charges."""
    model = qeq("qeq-2").train()
    weights = [
        "charge_readouts.electronegativity_eV",
        "charge_readouts.hardness",
        "charge_readouts.hardness_layer.weight",
        "charge_readouts.last_electronegativity.0.weight",
        "charge_readouts.charge_readout.0.weight",
        "mace.node_embedding.linear.weight",
    ]
    check_gradient_of_loss(model, labelled(4), weights)


def test_training_learns_charges_from_some_frames(tmp_path) -> None:
    frames = labelled(12)
    model, history = learn_charges("qeq-1", frames, tmp_path, epochs=12, learning_rate=0.05)
    table = error_table(model, frames[8:], device=torch.device("cpu"), seed=0)
    best = history.loc[history["validation_loss"].idxmin()]
    of_all = table.iloc[-1]
    assert of_all["rmse_charge_me"] == pytest.approx(best["validation_rmse_charge_me"])
    assert of_all["rmse_charge_me_low"] < of_all["rmse_charge_me"] < of_all["rmse_charge_me_high"]
    assert of_all["maximum_total_charge_error_e"] < 1e-12
    for frame in frames:
        frame.arrays.pop("REF_charges", None)
    unknown = error_table(model, frames[8:], device=torch.device("cpu"), seed=0)
    assert "rmse_charge_me" not in unknown
    assert unknown["rmse_force_meV_per_A"].equals(table["rmse_force_meV_per_A"])


def test_total_charges_start_the_electronegativities() -> None:
    check_start_by_total_charges(qeq("qeq-1"))
    check_no_start_by_composition(small_model("qeq-1", torch.float32))
    assert qeq("fixed-point-2").common_electronegativity is None


def test_charge_states_are_told_beside_their_labels(tmp_path) -> None:
    teacher = qeq("qeq-2")
    save_model(teacher, SETTINGS["qeq-2"], tmp_path, stamp={})
    frames = []
    for charge_e in (0.0, 1.0):
        atoms = structure("charged bulk")
        atoms.info |= {"total_charge": charge_e, "config_type": "ion", "geometry": 3}
        prediction, forces = predict_all(teacher, teacher.graph_of(atoms))
        atoms.info |= {"REF_energy": float(prediction.energies), "beside_removed": np.array([0, 2])}
        atoms.arrays["REF_forces"] = forces.numpy()
        atoms.arrays["REF_charges"] = prediction.charges.numpy()
        frames.append(atoms)
    origin = Origin(name="test", sha256="", seed=1)
    spec = EvaluateSpec(origin=origin, dtype="float64", device="cpu", seed=1)
    table = charge_states(tmp_path, frames, spec, threads=1)
    assert list(table["total_charge_e"]) == [0.0, 1.0]
    assert set(table["geometry"]) == {3}
    assert table["model_energy_eV"].to_numpy() == pytest.approx(table["energy_eV"].to_numpy())
    assert table["force_rmse_meV_per_A"].to_numpy() == pytest.approx(0.0, abs=1e-6)
    beside = [frame.arrays["REF_charges"][[0, 2]].mean() for frame in frames]
    assert table["charge_beside_e"].to_numpy() == pytest.approx(np.array(beside))
    assert table["model_charge_beside_e"].to_numpy() == pytest.approx(np.array(beside))
    assert np.isfinite(table["model_fermi_eV"]).all()
