"""Charge states by models beside their labels."""

import numpy as np
import pandas as pd
import pytest

from falsemetal.config import parse_config
from falsemetal.config.plan import Plan
from falsemetal.products import charge_states

CHARGES_E = (0.0, 1.0, 2.0)
STRUCTURE = {"builder": "ase.build:bulk", "kwargs": {"name": "Si"}, "n_geometries": 3}


def plan() -> Plan:
    """One model of two structures, one of them in three states, and one of the other alone."""
    label = {"kind": "potential", "potential": "labels"}
    several = STRUCTURE | {"total_charges_e": list(CHARGES_E)}
    both = {"perfect": STRUCTURE, "vacancy": several}
    raw = {
        "name": "states",
        "datasets": {
            "both": {
                **{"kind": "displaced", "structures": both, "label": label},
                "checks": {"charged": "keep"},
            },
            "alone": {"kind": "displaced", "structures": {"perfect": STRUCTURE}, "label": label},
        },
        "training": {"epochs": 1},
        "potentials": {
            "labels": {"kind": "ase", "module": "ase.calculators.lj", "factory": "LennardJones"},
            "qeq": {"kind": "qeq", "dataset": "both", "label": "QEq"},
            "neutral": {"kind": "qeq", "dataset": "alone", "label": "QEq (neutral)"},
            "mace": {"kind": "mace", "dataset": "alone"},
        },
    }
    return Plan(parse_config(raw, source="states"), {})


def states(*, error_eV: float) -> pd.DataFrame:
    """Vacancies of ten atoms at three geometries, E = 5 Q + 2 Q², by the model off by a share."""
    rows = []
    for geometry in range(3):
        for charge in CHARGES_E:
            energy = geometry + 5.0 * charge + 2.0 * charge**2
            rows.append(
                {
                    "config_type": "vacancy",
                    "geometry": geometry,
                    "total_charge_e": charge,
                    "n_atoms": 10,
                    "energy_eV": energy,
                    "model_energy_eV": energy + error_eV * (1.0 + charge),
                    "force_rmse_meV_per_A": 30.0,
                    "charge_beside_e": 0.3 + 0.1 * charge,
                    "model_charge_beside_e": 0.3 + 0.2 * charge,
                    "model_fermi_eV": -5.0 - 4.0 * charge,
                }
            )
    return pd.DataFrame(rows)


def test_states_stand_beside_their_labels() -> None:
    spec = plan().product("charge_states")
    assert list(spec.potentials) == ["qeq", "neutral"], "not those that know no total charge"
    table = charge_states.tabulate({"qeq": states(error_eV=0.02)}, spec)
    table = table.set_index("total_charge_e")
    assert set(table["model"]) == {"QEq"}
    assert table["rmse_energy_meV_per_atom"].to_numpy() == pytest.approx([2.0, 4.0, 6.0])
    assert table["rmse_force_meV_per_A"].to_numpy() == pytest.approx(30.0)
    assert table["energy_above_labels_eV"].to_numpy() == pytest.approx([0.0, 7.0, 18.0])
    assert table["energy_above_model_eV"].to_numpy() == pytest.approx([0.0, 7.02, 18.04])
    assert table["energy_above_rmse_eV"].to_numpy() == pytest.approx([0.0, 0.02, 0.04])
    assert table["charge_beside_labels_e"].to_numpy() == pytest.approx([0.3, 0.4, 0.5])
    assert table["charge_beside_model_e"].to_numpy() == pytest.approx([0.3, 0.5, 0.7])
    # the central difference of a parabola is its slope
    assert table["fermi_labels_eV"][1.0] == pytest.approx(-9.0)
    assert table["fermi_labels_eV"].isna().to_list() == [True, False, True]
    assert table["fermi_model_eV"][1.0] == pytest.approx(-9.0)


def test_a_geometry_that_lacks_a_state_counts_where_it_is_whole() -> None:
    frames = states(error_eV=0.0)
    frames = frames.drop(
        index=frames.index[(frames["geometry"] == 1) & (frames["total_charge_e"] == 0.0)]
    )
    frames.loc[frames["geometry"] == 2, "model_energy_eV"] += 1.0
    table = charge_states.tabulate({"qeq": frames}, plan().product("charge_states"))
    assert list(table["n_frames"]) == [2, 3, 3]
    assert np.allclose(table["energy_above_rmse_eV"], 0.0)


def test_it_is_made_where_a_structure_has_several_states() -> None:
    assert "charge_states" in plan().wanted
    raw = plan().config.model_dump(mode="json", exclude_none=True)
    raw["datasets"]["both"]["structures"]["vacancy"]["total_charges_e"] = [1.0]
    assert "charge_states" not in Plan(parse_config(raw, source="states"), {}).wanted
