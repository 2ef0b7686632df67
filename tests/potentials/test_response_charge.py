"""The model with split charges that answer: derivatives, limits, surroundings, training."""

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
    structure,
)
from small_models import SETTINGS, STATISTICS, small_model, water_layer

from falsemetal.electrostatics.matrix import open_matrix
from falsemetal.electrostatics.reciprocal import ElectrostaticsError, kspace_cutoff
from falsemetal.potentials.calculator import ModelCalculator
from falsemetal.potentials.charges import local_response
from falsemetal.potentials.evaluation import error_table
from falsemetal.potentials.graph import collate
from falsemetal.potentials.mace.dielectric import born_charges, dielectric_tensor, polarisability
from falsemetal.potentials.mace.model import predict_all
from falsemetal.potentials.mace.response_charge import ResponseChargeMACE
from falsemetal.potentials.mace.split_charge import SplitChargeMACE
from falsemetal.potentials.store import build_model

DIELECTRICS, METAL = ["response-1", "response-2"], "metal-2"
NEUTRAL = [s for s in SURROUNDINGS if "charged" not in s and "ion" not in s]
CASES = [(name, s) for name in DIELECTRICS for s in NEUTRAL] + [(METAL, s) for s in SURROUNDINGS]


def answering(name: str, dtype: torch.dtype = torch.float64) -> ResponseChargeMACE:
    """Untrained model whose charges answer strongly; in the metal all oxygens are one conductor."""
    model = small_model(name, dtype)
    assert isinstance(model, ResponseChargeMACE)
    model.readouts_of_response.scale_e2_per_eV = 1.0
    if model.common_electronegativity is not None:
        model.common_electronegativity.fill_(4.5)
    return model.eval()


@pytest.mark.parametrize("training", [False, True], ids=["evaluation", "training"])
@pytest.mark.parametrize(("name", "surroundings"), CASES)
def test_forces_are_the_gradient_of_the_energy(name, surroundings, training) -> None:
    model, atoms = answering(name).train(training), structure(surroundings)
    prediction, forces = predict_all(model, model.graph_of(atoms))
    total = atoms.info.get("total_charge", 0.0)
    assert float(prediction.charges.sum()) == pytest.approx(total, abs=1e-12)
    for atom, axis in ((0, 2), (4, 0), (7, 1)):
        expected = force_by_differences(model, atoms, atom, axis)
        # what an energy at charges that are off by 10⁻⁶ e leaves
        tolerance = FORCE_TOLERANCE_EV_PER_A if training else 1e-5
        assert float(forces[atom, axis]) == pytest.approx(expected, abs=tolerance)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=["single", "double"])
@pytest.mark.parametrize("fast", [False, True], ids=["plain", "fast"])
@pytest.mark.parametrize("name", DIELECTRICS)
def test_without_a_susceptibility_it_is_split_charges_to_the_last_bit(name, fast, dtype) -> None:
    model = small_model(name, dtype)
    settings = SETTINGS["split-1" if name == "response-1" else "split-2"]
    plain = build_model(settings, model.statistics, dtype=dtype, seed=0).requires_grad_(False)
    weights = {k: v for k, v in model.state_dict().items() if k in plain.state_dict()}
    plain.load_state_dict(weights)
    model.readouts_of_response.scale_e2_per_eV = 0.0
    if model.readouts_of_response.polarisability is not None:
        model.readouts_of_response.polarisability.bias.fill_(-torch.inf)
    for slab in (True, False):
        found = []
        for one in (model.eval(), plain.eval()):
            atoms = water_layer(4, slab=slab)
            if fast:
                atoms.calc = ModelCalculator(one)
                found.append((atoms.get_potential_energy(), atoms.get_forces()))
            else:
                prediction, forces = predict_all(one, one.graph_of(atoms))
                found.append((float(prediction.energies), forces.numpy()))
        assert isinstance(plain, SplitChargeMACE)
        assert found[0][0] == found[1][0]
        np.testing.assert_array_equal(found[0][1], found[1][1])


@pytest.mark.parametrize(("name", "surroundings"), CASES)
def test_runs_and_trainings_find_the_same(name, surroundings) -> None:
    """The fast form against the plain one, iterations against matrices."""
    model, atoms = answering(name), structure(surroundings)
    expected, forces = predict_all(model.train(), model.graph_of(atoms))
    atoms.calc = ModelCalculator(model)
    assert atoms.get_potential_energy() == pytest.approx(float(expected.energies), abs=1e-9)
    np.testing.assert_allclose(atoms.get_forces(), forces.numpy(), atol=1e-5)
    np.testing.assert_allclose(atoms.get_charges(), expected.charges, atol=2e-6)
    np.testing.assert_allclose(atoms.get_dipole_moment(), expected.dipoles[0], atol=1e-4)
    level = atoms.calc.results["fermi_level_eV"]
    assert level == pytest.approx(float(expected.fermi_levels_eV), abs=1e-5, nan_ok=True)
    assert np.isfinite(level) == (name == METAL)


def test_fermi_level_is_the_energy_of_one_electron_more() -> None:
    model = answering(METAL).train()
    for surroundings in ("charged bulk", "ion in a field"):
        atoms, energies = structure(surroundings), []
        for charge in (0.99, 1.01):
            atoms.info["total_charge"] = charge
            energies.append(energy_of(model, atoms))
        atoms.info["total_charge"] = 1.0
        level = model.evaluate(model.graph_of(atoms)).fermi_levels_eV
        expected = -(energies[1] - energies[0]) / 0.02
        assert float(level) == pytest.approx(expected, abs=1e-8)


def test_fermi_level_of_a_film_does_not_see_the_cell() -> None:
    model, atoms = answering(METAL).train(), structure("film")
    levels = []
    for shift, height in ((0.0, 26.0), (4.0, 26.0), (1.0, 50.0)):
        moved = atoms.copy()
        moved.cell[2, 2] = height
        moved.translate([0.0, 0.0, shift])
        levels.append(float(model.evaluate(model.graph_of(moved)).fermi_levels_eV))
    assert np.ptp(levels) < 1e-3


@pytest.mark.parametrize("name", [*DIELECTRICS, METAL])
def test_dipole_is_minus_the_derivative_by_the_field(name) -> None:
    model = answering(name).train()
    for atoms, axes in ((structure("film"), [2]), (structure("cluster"), [0, 1, 2])):
        graph = model.graph_of(atoms)
        dipole = model.evaluate(graph).dipoles[0]
        whole = model.charges_and_dipole(graph)[1][0]
        assert [axis for axis in range(3) if torch.isfinite(dipole[axis])] == axes
        for axis in axes:
            energies = []
            for sign in (1.0, -1.0):
                atoms.info["external_field"] = 1e-3 * sign * np.eye(3)[axis]
                energies.append(energy_of(model, atoms))
            slope = (energies[0] - energies[1]) / 2e-3
            assert float(dipole[axis]) == pytest.approx(-slope, abs=1e-8)
            assert float(whole[axis]) == pytest.approx(-slope, abs=1e-8)


@pytest.mark.parametrize("name", DIELECTRICS)
def test_polarization_does_not_see_how_atoms_are_wrapped(name) -> None:
    model, atoms = answering(name), structure("bulk")
    found = []
    for shift in (0.0, 2.7):
        moved = atoms.copy()
        moved.translate([shift, -shift, 0.3 * shift])
        molecules = moved.positions.reshape(-1, 3, 3)
        # whole molecules into the cell, each by its oxygen
        molecules -= (np.floor(molecules[:, :1] / 9.0) * 9.0).repeat(3, axis=1)
        moved.positions = molecules.reshape(-1, 3)
        found.append(model.charges_and_dipole(model.graph_of(moved))[1][0])
    torch.testing.assert_close(*found, rtol=0.0, atol=1e-5)


@pytest.mark.parametrize("name", DIELECTRICS)
def test_polarisability_is_the_slope_of_the_dipole(name) -> None:
    """And Born charges are those of the forces."""
    model, atoms = answering(name).train(), structure("cluster")
    response, born = polarisability(model, atoms), born_charges(model, atoms)
    for axis in range(3):
        dipoles, forces = [], []
        for sign in (1.0, -1.0):
            atoms.info["external_field"] = 1e-2 * sign * np.eye(3)[axis]
            prediction, force = predict_all(model, model.graph_of(atoms))
            dipoles.append(prediction.dipoles[0])
            forces.append(force)
        slope = (dipoles[0] - dipoles[1]) / 2e-2
        torch.testing.assert_close(response[:, axis], slope, rtol=0.0, atol=1e-5)
        slope = (forces[0] - forces[1]) / 2e-2
        torch.testing.assert_close(born[:, axis], slope, rtol=0.0, atol=1e-7)
    torch.testing.assert_close(born.sum(0), torch.zeros_like(born[0]), rtol=0.0, atol=1e-9)


def test_permittivity_of_bulk_is_symmetric_and_positive() -> None:
    model, atoms = answering("response-2"), structure("bulk", 9)
    permittivity = dielectric_tensor(model, atoms)
    torch.testing.assert_close(permittivity, permittivity.T, rtol=0.0, atol=1e-5)
    assert float(torch.linalg.eigvalsh(permittivity)[0]) > 1.0
    born = born_charges(model, atoms)
    torch.testing.assert_close(born.sum(0), torch.zeros_like(born[0]), rtol=0.0, atol=1e-8)
    with pytest.raises(ValueError, match="only bulk"):
        dielectric_tensor(model, structure("film"))
    with pytest.raises(ValueError, match="conductor"):
        polarisability(answering(METAL), atoms)


def test_born_charges_are_not_defined_where_a_conductor_has_no_polarization() -> None:
    model = answering(METAL)
    for surroundings, defined in (("bulk", []), ("film", [2]), ("cluster", [0, 1, 2])):
        born = born_charges(model, structure(surroundings))
        known = torch.zeros(3, dtype=torch.bool).index_fill(0, torch.tensor(defined).long(), True)
        assert bool(born[:, ~known].isnan().all())
        assert bool(born[:, known].isfinite().all())


def test_polarisability_of_a_film_is_that_by_its_potential() -> None:
    model, atoms = answering("response-1"), structure("film", 9)
    response = polarisability(model, atoms)
    by_field = []
    for sign in (1.0, -1.0):
        atoms.info["external_field"] = [0.0, 0.0, 1e-2 * sign]
        by_field.append(model.evaluate(model.graph_of(atoms)).dipoles[0, 2])
    slope = (by_field[0] - by_field[1]) / 2e-2
    assert float(response[2, 2]) == pytest.approx(float(slope), abs=1e-4)


def test_a_batch_of_all_boundaries_equals_its_members() -> None:
    for name, surroundings in ((METAL, SURROUNDINGS), ("response-2", NEUTRAL)):
        model = answering(name).train()
        graphs = [model.graph_of(structure(s, n)) for n, s in enumerate(surroundings, start=2)]
        together, forces = predict_all(model, collate(graphs))
        alone = [predict_all(model, graph) for graph in graphs]
        for field in ("energies", "charges", "fermi_levels_eV", "dipoles"):
            joined = torch.cat([getattr(prediction, field) for prediction, _ in alone])
            found = getattr(together, field)
            torch.testing.assert_close(found, joined, rtol=0.0, atol=1e-9, equal_nan=True)
        torch.testing.assert_close(forces, torch.cat([f for _, f in alone]), rtol=0.0, atol=1e-8)


@pytest.mark.parametrize(
    ("surroundings", "info", "message"),
    [
        ("film", {"total_charge": 1.0}, "slab with a total charge"),
        ("bulk", {"total_charge": 1.0}, "no conductor to hold the rest"),
        ("bulk", {"external_field": [0.0, 0.0, 0.1]}, "along z the system is periodic"),
    ],
)
def test_what_has_no_defined_charges_is_refused(surroundings, info, message) -> None:
    atoms = structure(surroundings)
    atoms.info |= info
    with pytest.raises(ElectrostaticsError, match=message):
        answering("response-1").graph_of(atoms)
    atoms.calc = ModelCalculator(answering("response-1"))
    with pytest.raises(ElectrostaticsError, match=message):
        atoms.get_potential_energy()


def test_formal_charges_of_many_atoms_add_up_in_single_precision() -> None:
    settings = SETTINGS["response-1"].model_copy(
        update={"formal_charges_e": {"H": 0.4238, "O": -0.8476}}
    )
    model = build_model(settings, STATISTICS, dtype=torch.float32, seed=3)
    sorted_by_element = Atoms("O2000H4000", pbc=True, cell=40.0 * np.eye(3))
    model.check(sorted_by_element)
    with pytest.raises(ElectrostaticsError, match=r"sum to -0\.4238 e"):
        model.check(sorted_by_element[:-1])


def test_dipoles_that_only_answer_have_the_wave_vectors_of_others() -> None:
    settings = SETTINGS["response-1"].model_copy(update={"polarisable_atoms": True})
    model = build_model(settings, STATISTICS, dtype=torch.float64, seed=3)
    assert model.electrostatics.cutoff_per_A == kspace_cutoff(settings.smearing_A, 1)
    plain = small_model("response-1").electrostatics
    assert plain.cutoff_per_A == kspace_cutoff(settings.smearing_A, 0)


@pytest.mark.parametrize("name", [*DIELECTRICS, METAL])
def test_the_matrix_of_a_cluster_is_made_once_for_all_steps(name, monkeypatch) -> None:
    made = []

    def counted(*args, **more):
        made.append(1)
        return open_matrix(*args, **more)

    monkeypatch.setattr(local_response, "open_matrix", counted)
    model = answering(name)
    model.evaluate(model.graph_of(structure("cluster")))
    # one for the steps, one for the energy
    assert len(made) == 2


def test_gradient_of_a_loss_is_that_of_finite_differences() -> None:
    """Of energies, forces and charges, by weights before and behind the charges."""
    model = small_model(METAL).train()
    weights = [
        "readouts_of_response.hardness",
        "readouts_of_response.electronegativity_eV",
        "readouts_of_response.readout.weight",
        "readouts_of_response.atoms.0.weight",
        "transfer_layers.0.readout.weight",
        "mace.node_embedding.linear.weight",
    ]
    check_gradient_of_loss(model, labelled_by(answering(METAL).train(), 4), weights)


def test_training_learns_charges_from_some_frames(tmp_path) -> None:
    frames = labelled_by(answering(METAL).train(), 12)
    model, _ = learn_charges(METAL, frames, tmp_path, epochs=12, learning_rate=0.02)
    table = error_table(model, frames[8:], device=torch.device("cpu"), seed=0)
    assert np.isfinite(table["rmse_charge_me"].iloc[-1])


def test_total_charges_start_the_electronegativity_of_a_conductor() -> None:
    """Formal charges that differ from the total leave nothing to its atoms' energies alone."""
    check_start_by_total_charges(answering(METAL))
    check_no_start_by_composition(answering(METAL, torch.float32))
    assert answering("response-1").common_electronegativity is None


def test_electronegativity_of_a_conductor_of_two_elements_is_their_mean_by_hardness() -> None:
    """As of charges that one level decides: Σ(χ/J)/Σ(1/J)."""
    settings = SETTINGS[METAL].model_copy(update={"conductors": ["H", "O"]})
    readouts = build_model(settings, STATISTICS, dtype=torch.float64, seed=3).readouts_of_response
    with torch.no_grad():
        readouts.electronegativity_eV.copy_(torch.tensor([2.0, 5.0]))
        readouts.hardness.copy_(torch.tensor([3.0, 1.0]).expm1().log())
    species = torch.tensor([0, 0, 1])
    found = readouts.electronegativity_V(species, readouts.mobilities(species))
    assert found.item() == pytest.approx((2.0 / 3.0 + 2.0 / 3.0 + 5.0) / (2.0 / 3.0 + 1.0))
