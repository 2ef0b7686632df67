"""Charges of a long-ranged model and its polarization against their definitions."""

import numpy as np
import pytest
import torch
from small_models import SETTINGS, small_model, water_layer

from falsemetal.potentials.graph import build_graph
from falsemetal.potentials.learned_charges import learned_charges
from falsemetal.potentials.specs import LearnedChargesSpec
from falsemetal.potentials.store import save_model
from falsemetal.specs import Origin
from falsemetal.systems.molecule import WATER

CHARGE_O_E = -0.8476
SPEC = LearnedChargesSpec(
    origin=Origin(name="test", sha256="", seed=1),
    dtype="float64",
    device="cpu",
    liquid=WATER,
    charge_e=CHARGE_O_E,
)


def frame(config_type: str, **settings):
    atoms = water_layer(**settings)
    atoms.info["config_type"] = config_type
    return atoms


@pytest.mark.parametrize("name", ["split-1", "split-2"])
def test_without_periodic_images_the_polarization_is_the_dipole_of_the_charges(name) -> None:
    model, atoms = small_model(name), water_layer(4)
    atoms.cell[:] = 60.0 * np.eye(3)
    graph = build_graph(atoms, model.elements, model.r_cut_A)
    charges, dipole = model.charges_and_dipole(graph)
    assert float(charges.sum()) == pytest.approx(0.0, abs=1e-12)
    expected = (charges[:, None] * graph.positions).sum(0)
    atomic = model.multipoles(graph).dipoles
    if atomic is not None:
        expected = expected + atomic.sum(0)
    torch.testing.assert_close(dipole[0], expected)


def test_a_row_per_frame_of_whole_molecules(tmp_path) -> None:
    save_model(small_model("split-2"), SETTINGS["split-2"], tmp_path, stamp={})
    broken, brine = frame("broken"), frame("brine")
    broken.positions[1] += 3.0
    brine.symbols[:2] = "Na", "Cl"
    frames = [frame("slab"), broken, brine, frame("bulk", slab=False, seed=1)]
    table = learned_charges(tmp_path, frames, SPEC, threads=1)
    assert list(table["config_type"]) == ["slab", "bulk"]
    np.testing.assert_allclose(table["charge_O_e"] + 2 * table["charge_H_e"], 0.0, atol=1e-12)
    atoms = frames[0]
    fixed = np.where(atoms.numbers == 8, CHARGE_O_E, -0.5 * CHARGE_O_E) @ atoms.positions
    np.testing.assert_allclose(table.filter(like="eq1").iloc[0], fixed, atol=1e-9)


def test_wrapping_a_frame_leaves_its_dipole_alone(tmp_path) -> None:
    save_model(small_model("split-1"), SETTINGS["split-1"], tmp_path, stamp={})
    whole, wrapped = frame("bulk", slab=False), frame("bulk", slab=False)
    wrapped.wrap()
    assert not np.allclose(whole.positions, wrapped.positions)
    table = learned_charges(tmp_path, [whole, wrapped], SPEC, threads=1)
    dipoles = table.filter(regex="^dipole").to_numpy()
    np.testing.assert_allclose(dipoles[0], dipoles[1], atol=1e-6)


def test_without_frames_there_are_columns_all_the_same(tmp_path) -> None:
    save_model(small_model("split-1"), SETTINGS["split-1"], tmp_path, stamp={})
    table = learned_charges(tmp_path, [], SPEC, threads=1)
    assert {"config_type", "charge_O_e", "dipole_eq1_z_e_A"} <= set(table.columns)


def test_a_model_without_charges_is_refused(tmp_path) -> None:
    save_model(small_model("mace-1"), SETTINGS["mace-1"], tmp_path, stamp={})
    with pytest.raises(ValueError, match="a model without charges"):
        learned_charges(tmp_path, [frame("slab")], SPEC, threads=1)
