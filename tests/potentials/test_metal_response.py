"""What a field does to water on a metal, by the force field's conductor and by models."""

import numpy as np
import pandas as pd
import pytest
import torch
from interfaces import CONDUCTOR, equilibrated
from small_models import ARCHITECTURE

from falsemetal.potentials.answers_to_fields import answer_of_force_field, answer_of_model
from falsemetal.potentials.force_field.solids import COPPER
from falsemetal.potentials.kinds import (
    FixedPointKind,
    QEqKind,
    ResponseChargeKind,
    SplitChargeKind,
)
from falsemetal.potentials.mace.model import DatasetStatistics
from falsemetal.potentials.metal_response import COLUMNS, STEP_A, metal_responses
from falsemetal.potentials.model import Model, graph_for
from falsemetal.potentials.specs import (
    BARE,
    ELECTRONS,
    ELECTRONS_SPREAD,
    LAYER_CHARGE,
    LAYER_POTENTIAL,
    METAL_FIELD_V_PER_A,
    PROFILE,
    SLOPE,
    SPREAD,
    UNITS,
    MetalResponseSpec,
)
from falsemetal.potentials.store import build_model, save_model
from falsemetal.specs import Origin
from falsemetal.systems.labels import in_field_along_z
from falsemetal.systems.system import System
from falsemetal.units import EPSILON_0

N_LAYERS = 3
SPEC = MetalResponseSpec(
    origin=Origin(name="test", sha256="", seed=1), device="cpu", n_layers=N_LAYERS
)
OF_FORCE_FIELD = SPEC.model_copy(update={"force_field": CONDUCTOR.beside(("Cu",))})
STATISTICS = DatasetStatistics(elements=(1, 8, 29), force_rms_eV_per_A=1.0, mean_neighbours=12.0)
SMALL = ARCHITECTURE | {"layers": 1, "l_max": 0, "smearing_A": 0.8}
FORMAL = {"formal_charges_e": {"H": 1, "O": -2, "Cu": 0}}
KINDS = {
    "response": ResponseChargeKind(kind="response_charge", conductors=["Cu"], **FORMAL, **SMALL),
    "polarisable": ResponseChargeKind(
        kind="response_charge",
        conductors=["Cu"],
        polarisable_atoms=True,
        **FORMAL,
        **SMALL | {"layers": 2, "l_max": 1},
    ),
    "qeq": QEqKind(kind="qeq", **SMALL),
    "bent": FixedPointKind(kind="fixed_point", **SMALL),
    "split": SplitChargeKind(kind="split_charge", **FORMAL, **SMALL),
}


def film() -> System:
    return equilibrated("frozen metal")


def model_of(name: str) -> Model:
    return build_model(KINDS[name], STATISTICS, dtype=torch.float64, seed=3).requires_grad_(False)


def response_of(name: str, folder) -> pd.DataFrame:
    save_model(model_of(name), KINDS[name], folder, stamp={})
    return metal_responses(folder, [film()], SPEC, threads=1)


def values(table: pd.DataFrame, quantity: str) -> np.ndarray:
    return table.loc[table["quantity"] == quantity, "value"].to_numpy()


def test_the_reference_is_a_conductor_below_water_that_does_not_answer() -> None:
    table = metal_responses(None, [film(), film()], OF_FORCE_FIELD, threads=1)
    assert tuple(table.columns) == COLUMNS
    assert set(table["quantity"]) == set(UNITS)
    for _, frame in table.groupby("frame"):
        np.testing.assert_allclose(values(frame, LAYER_CHARGE), [-1.0, 0.0, 1.0], atol=0.02)
        assert values(frame, SPREAD) < 1e-3 * values(frame, BARE)
        assert values(frame, ELECTRONS_SPREAD) < 1e-3 * values(frame, BARE)
        np.testing.assert_allclose(values(frame, SLOPE), 1.0, atol=1e-6)
    layers = table[(table["quantity"] == LAYER_CHARGE) & (table["frame"] == 0)]
    assert list(layers["place"]) == [1, 2, 3]
    height_A = np.ptp(film().atoms.positions[film().within("metal"), 2])
    np.testing.assert_allclose(layers["distance_A"], [-height_A, -0.5 * height_A, 0.0], atol=1e-9)
    np.testing.assert_allclose(values(table, BARE), 1e3 * METAL_FIELD_V_PER_A * height_A)


def test_the_reference_may_be_another_metal_than_the_one_that_is_always_known() -> None:
    atoms = film().atoms.copy()
    atoms.symbols[film().within("metal")] = "Au"
    golden = CONDUCTOR.model_copy(update={"metals": {"Au": COPPER}}).beside(("Au",))
    of_gold = answer_of_force_field(golden)(atoms)
    of_copper = answer_of_force_field(CONDUCTOR)(film().atoms)
    torch.testing.assert_close(of_gold.charges, of_copper.charges, rtol=0.0, atol=1e-9)
    with pytest.raises(ValueError, match="metals of the film: none"):
        answer_of_force_field(CONDUCTOR)(atoms[np.asarray(atoms.symbols) != "Au"])


@pytest.mark.parametrize("name", ["response", "polarisable", "qeq"])
def test_electrons_of_a_solution_share_one_potential(name, tmp_path) -> None:
    """Whatever the weights; the electrostatic potential is shared less, by J."""
    table = response_of(name, tmp_path)
    assert values(table, ELECTRONS_SPREAD) < 2e-3
    np.testing.assert_allclose(values(table, ELECTRONS), 0.0, atol=2e-3)
    assert values(table, ELECTRONS_SPREAD) < 1e-2 * values(table, SPREAD) < values(table, BARE)
    potentials = values(table, LAYER_POTENTIAL)
    assert np.ptp(potentials) == pytest.approx(values(table, SPREAD)[0])


def test_water_is_a_metal_by_charges_that_all_atoms_share(tmp_path) -> None:
    slopes = {}
    for name in ("response", "qeq"):
        (tmp_path / name).mkdir()
        slopes[name] = values(response_of(name, tmp_path / name), SLOPE)[0]
    assert abs(slopes["qeq"]) < 0.2 < slopes["response"] < 1.0


@pytest.mark.parametrize("name", ["response", "polarisable", "qeq", "bent"])
def test_the_profile_drops_by_the_field_and_the_dipole_that_it_makes(name, tmp_path) -> None:
    table = response_of(name, tmp_path)
    profile = table[table["quantity"] == PROFILE]
    at_A, potential = profile["distance_A"].to_numpy(), profile["value"].to_numpy()
    np.testing.assert_allclose(np.diff(at_A), STEP_A)
    model, atoms = model_of(name).eval(), film().atoms
    up, down = (
        float(model.evaluate(graph_for(model, in_field_along_z(atoms, field))).dipoles[0, 2])
        for field in (METAL_FIELD_V_PER_A, -METAL_FIELD_V_PER_A)
    )
    area_A2 = np.prod(atoms.cell.lengths()[:2])
    rise = 0.5 * (up - down) / (EPSILON_0 * area_A2)
    dropped = potential[-1] - potential[0]
    assert dropped == pytest.approx(rise - METAL_FIELD_V_PER_A * (at_A[-1] - at_A[0]), abs=1e-6)
    # in both vacua the field is the applied one
    for ends in (slice(0, 5), slice(-5, None)):
        np.testing.assert_allclose(
            np.diff(potential[ends]), -METAL_FIELD_V_PER_A * STEP_A, rtol=1e-3, atol=1e-6
        )


def test_an_answer_without_a_hardness_tells_no_potential_of_electrons(tmp_path) -> None:
    assert not {ELECTRONS, ELECTRONS_SPREAD} & set(response_of("bent", tmp_path)["quantity"])


def test_charges_that_do_not_answer_are_refused() -> None:
    with pytest.raises(ValueError, match="SplitChargeMACE: its charges do not answer"):
        answer_of_model(model_of("split"))(film().atoms)


def test_layers_hold_equally_many_atoms() -> None:
    broken = System.of(film().atoms[1:], film().region[1:])
    with pytest.raises(ValueError, match="47 atoms of the metal in 3 layers"):
        metal_responses(None, [broken], OF_FORCE_FIELD, threads=1)
