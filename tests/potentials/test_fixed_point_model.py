"""The model with self-consistent charges: derivatives, its quadratic limit, surroundings."""

import numpy as np
import pytest
import torch
from charged_structures import (
    FORCE_TOLERANCE_EV_PER_A,
    SURROUNDINGS,
    check_gradient_of_loss,
    force_by_differences,
    labelled_by,
    learn_charges,
    run_without_memory,
    structure,
)
from small_models import SETTINGS, STATISTICS, small_model

from falsemetal.potentials.charges.fixed_point import FixedPointError, Search
from falsemetal.potentials.graph import collate
from falsemetal.potentials.kinds import QEqKind
from falsemetal.potentials.mace.fixed_point import FixedPointMACE, FixedPointReadouts
from falsemetal.potentials.mace.model import predict_all
from falsemetal.potentials.mace.qeq import QEqMACE
from falsemetal.potentials.mace.settings import FixedPointArchitecture
from falsemetal.potentials.store import build_model

BENT, STRAIGHT = -2.0, -100.0
"""Before softplus: 16 units of 0.13 e, or none."""


def readouts_of(model: QEqMACE) -> FixedPointReadouts:
    assert isinstance(model.charge_readouts, FixedPointReadouts)
    return model.charge_readouts


def fixed_point_model(bend: float = BENT) -> FixedPointMACE:
    """Untrained model, as for evaluation, that charges its atoms well."""
    model = small_model("fixed-point-2")
    assert isinstance(model, FixedPointMACE)
    readouts = readouts_of(model)
    readouts.electronegativity_eV.copy_(torch.tensor([0.0, 4.0]))
    readouts.bend.fill_(bend)
    readouts.search = Search(tolerance_e=1e-12)
    return model.eval()


@pytest.mark.parametrize("surroundings", SURROUNDINGS)
def test_forces_are_the_gradient_of_the_energy(surroundings) -> None:
    model, atoms = fixed_point_model(), structure(surroundings)
    prediction, forces = predict_all(model, model.graph_of(atoms))
    total = atoms.info.get("total_charge", 0.0)
    assert float(prediction.charges.sum()) == pytest.approx(total, abs=1e-11)
    for atom, axis in ((0, 2), (4, 0), (7, 1)):
        expected = force_by_differences(model, atoms, atom, axis)
        assert float(forces[atom, axis]) == pytest.approx(expected, abs=FORCE_TOLERANCE_EV_PER_A)
    # the bend matters
    other = fixed_point_model(STRAIGHT)
    change = prediction.charges - other.evaluate(other.graph_of(atoms)).charges
    assert float(change.abs().max()) > 0.05


@pytest.mark.parametrize("surroundings", SURROUNDINGS)
def test_without_a_bend_charges_equilibrate(surroundings) -> None:
    model, atoms = fixed_point_model(STRAIGHT), structure(surroundings)
    settings = SETTINGS["fixed-point-2"].model_dump(exclude={"wide_A", "bend_width"})
    equilibrating = build_model(
        QEqKind(**settings | {"kind": "qeq"}), STATISTICS, dtype=torch.float64, seed=0
    )
    known = equilibrating.state_dict()
    known.update({name: value for name, value in model.state_dict().items() if name in known})
    equilibrating.load_state_dict(known)
    equilibrating.requires_grad_(False).eval()
    found, forces = predict_all(model, model.graph_of(atoms))
    expected, expected_forces = predict_all(equilibrating, equilibrating.graph_of(atoms))
    for field in ("energies", "charges", "fermi_levels_eV"):
        torch.testing.assert_close(
            getattr(found, field), getattr(expected, field), rtol=0.0, atol=1e-9
        )
    torch.testing.assert_close(forces, expected_forces, rtol=0.0, atol=1e-8)


def test_a_batch_of_all_boundaries_equals_its_members() -> None:
    model = fixed_point_model()
    graphs = [model.graph_of(structure(s, n)) for n, s in enumerate(SURROUNDINGS, start=2)]
    together, forces = predict_all(model, collate(graphs))
    alone = [predict_all(model, graph) for graph in graphs]
    for field in ("energies", "charges", "fermi_levels_eV"):
        joined = torch.cat([getattr(prediction, field) for prediction, _ in alone])
        torch.testing.assert_close(getattr(together, field), joined, rtol=0.0, atol=1e-9)
    torch.testing.assert_close(forces, torch.cat([f for _, f in alone]), rtol=0.0, atol=1e-8)


def test_a_cluster_turns_with_its_field_and_a_film_may_be_moved() -> None:
    model, atoms = fixed_point_model(), structure("ion in a field")
    prediction, forces = predict_all(model, model.graph_of(atoms))
    turned = atoms.copy()
    turned.rotate(50.0, (1.0, 2.0, 3.0))
    turn = np.linalg.lstsq(atoms.positions, turned.positions, rcond=None)[0]
    turned.info["external_field"] = np.asarray(atoms.info["external_field"]) @ turn
    other, other_forces = predict_all(model, model.graph_of(turned))
    torch.testing.assert_close(other.charges, prediction.charges, rtol=0.0, atol=1e-10)
    np.testing.assert_allclose(other_forces, forces.numpy() @ turn, atol=1e-8)

    atoms = structure("film in a field")
    prediction, forces = predict_all(model, model.graph_of(atoms))
    atoms.positions[:, 2] += 5.0
    other, other_forces = predict_all(model, model.graph_of(atoms))
    torch.testing.assert_close(other.charges, prediction.charges, rtol=0.0, atol=1e-9)
    torch.testing.assert_close(other.energies, prediction.energies, rtol=0.0, atol=1e-8)


@pytest.mark.parametrize("surroundings", ["charged bulk", "film in a field", "ion in a field"])
def test_runs_have_what_the_model_has(surroundings) -> None:
    """The calculator's fast form, with no memory of earlier steps."""
    model, atoms = fixed_point_model(), structure(surroundings)
    expected, forces = predict_all(model, model.graph_of(atoms))
    energy, of_atoms, charges = run_without_memory(model, atoms)
    assert energy == pytest.approx(float(expected.energies), abs=1e-8)
    np.testing.assert_allclose(of_atoms, forces.numpy(), atol=1e-7)
    np.testing.assert_allclose(charges, expected.charges, atol=1e-9)


def test_gradient_of_a_loss_is_that_of_finite_differences() -> None:
    """Of energies, forces and charges, by weights before the charges and of the bend."""
    model = fixed_point_model().train()
    frames = []
    for surroundings in ("bulk", "ion in a field"):
        atoms = structure(surroundings, 2)
        atoms.info |= {"REF_energy": 0.3, "config_type": "any"}
        atoms.arrays["REF_forces"] = np.full((len(atoms), 3), 0.1)
        atoms.arrays["REF_charges"] = np.tile([-0.6, 0.3, 0.3], 2)
        frames.append(atoms)
    weights = [
        "charge_readouts.electronegativity_eV",
        "charge_readouts.hardness",
        "charge_readouts.bend",
        "charge_readouts.bend_by_felt",
        "charge_readouts.bend_of_features.weight",
        "mace.node_embedding.linear.weight",
    ]
    check_gradient_of_loss(model, frames, weights, step=1e-3)


@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_training_learns_charges(dtype, tmp_path) -> None:
    frames = labelled_by(fixed_point_model(), 12)
    learn_charges("fixed-point-2", frames, tmp_path, epochs=5, learning_rate=0.05, dtype=dtype)


def test_charges_that_are_not_found_are_an_error() -> None:
    model = fixed_point_model()
    readouts_of(model).search = Search(max_evaluations=10)
    with pytest.raises(FixedPointError, match="after 10 evaluations"):
        model.evaluate(model.graph_of(structure("bulk")))


def test_the_other_width_is_wider() -> None:
    with pytest.raises(ValueError, match="wide_A: 1 Å is not wider than smearing_A"):
        FixedPointArchitecture(wide_A=1.0, smearing_A=1.5)
