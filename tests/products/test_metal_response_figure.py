"""The figure of what a field does to water on a metal: what it shows, what it makes of frames."""

import numpy as np
import pandas as pd
import pytest
import yaml
from checkouts import ROOT

from falsemetal.config import parse_config
from falsemetal.config.plan import Plan
from falsemetal.potentials.metal_response import COLUMNS
from falsemetal.potentials.specs import (
    BARE,
    LAYER_CHARGE,
    METAL_FIELD_V_PER_A,
    PROFILE,
    SLOPE,
    SPREAD,
)
from falsemetal.products import metal_response

RAW = yaml.safe_load((ROOT / "config/smoke-conductor.yaml").read_text())
SIZE_A, HEIGHT_A = 6.5, 2.07
AT_A = np.arange(-8.0, 14.0)


def plan_of(*left_out: str, **potentials: dict) -> Plan:
    kept = {name: p for name, p in RAW["potentials"].items() if name not in left_out}
    return Plan(parse_config(RAW | {"potentials": kept | potentials}, source="test"), {})


def frames(n_frames: int = 2) -> pd.DataFrame:
    """Of a conductor, whose layers' charges are a hundredth to either side of their mean."""
    rows = []
    for frame in range(n_frames):
        scatter = 0.01 * (-1) ** frame
        charges = (-1.1 - scatter, 1.1 + scatter)
        rows += [
            (frame, LAYER_CHARGE, 1, -HEIGHT_A, charges[0]),
            (frame, LAYER_CHARGE, 2, 0.0, charges[1]),
            (frame, SPREAD, 0, np.nan, 3.0),
            (frame, SLOPE, 0, np.nan, 0.9),
        ]
        profile = -0.9 * METAL_FIELD_V_PER_A * AT_A.clip(min=0.0)
        rows += [(frame, PROFILE, n, *at) for n, at in enumerate(zip(AT_A, profile, strict=True))]
    return pd.DataFrame(rows, columns=list(COLUMNS))


def tables(n_frames: int = 2) -> dict[tuple[str, float], pd.DataFrame]:
    return {(name, SIZE_A): frames(n_frames) for name in ("reference", "response")}


def test_means_and_standard_errors_are_over_frames() -> None:
    table = metal_response.tabulate(tables(), plan_of().product("metal_response"))
    assert tuple(table.columns) == metal_response.COLUMNS
    of_layers = table["quantity"] == LAYER_CHARGE
    rows = table[(table["potential"] == "response") & of_layers]
    np.testing.assert_allclose(rows["value"], [-1.1, 1.1])
    np.testing.assert_allclose(rows["standard_error"], 0.01)
    assert set(rows["n_frames"]) == {2}
    assert set(rows["unit"]) == {"ε0 E A"}
    single = metal_response.tabulate(tables(1), plan_of().product("metal_response"))
    assert single.loc[single["potential"] == "response", "standard_error"].isna().all()


def test_charges_that_do_not_answer_leave_the_bare_field() -> None:
    """By construction: of no frame, and no job computes it."""
    plan = plan_of()
    assert plan.inputs("metal_response") == [
        f"<results>/responses/{name}/interface/6.5A/metal_response.csv"
        for name in ("reference", "response")
    ]
    table = metal_response.tabulate(tables(), plan.product("metal_response"))
    bare = table[table["potential"] == "unpolarisable"].set_index("quantity")["value"]
    assert set(bare[LAYER_CHARGE]) == {0.0}
    assert bare[SLOPE] == 1.0
    assert bare[SPREAD] == bare[BARE] == pytest.approx(1e3 * METAL_FIELD_V_PER_A * 2.0727, abs=0.01)


def test_the_force_field_answers_where_its_metal_is_a_conductor() -> None:
    plan = plan_of()
    answers = {name: plan.answers(name, "interface") for name in RAW["potentials"]}
    assert answers == {"reference": True, "unpolarisable": False, "response": True}
    spec = plan.metal_response("reference", "interface")
    assert list(spec.force_field.known_metals) == ["Cu"]
    assert spec.n_layers == 2
    assert plan.metal_response("response", "interface").force_field is None
    truncated = {"kind": "force_field", "dataset": "copper", "coulomb": {"kind": "damped_shifted"}}
    runs = {"runs": {"interface": {"duration_ps": 0.4}}}
    assert plan_of(cut=truncated | runs).answers("cut", "interface") is False


def test_without_a_model_that_answers_there_is_no_figure() -> None:
    plan = plan_of("response")
    assert "metal_response" not in plan.wanted
    assert plan.inputs("metal_response") == []


def test_it_draws_potentials_beside_the_bare_field_and_an_ideal_conductor() -> None:
    figure, table = metal_response.draw(tables(), plan_of().product("metal_response"))
    left, right = figure.axes
    labels = [text.get_text() for text in figure.legends[0].get_texts()]
    assert labels == [metal_response.BARE_LABEL, "Reference", "Response"]
    guide = next(line for line in left.lines if line.get_label() == metal_response.BARE_LABEL)
    slope = np.polyfit(*guide.get_data(), 1)[0]
    assert slope == pytest.approx(-METAL_FIELD_V_PER_A)
    assert [text.get_text() for text in left.texts] == [
        "Cu",
        "grey where charges do not answer: No\nresponse",
    ]
    ends = [path.vertices[0, 1] for path in right.collections[0].get_paths()]
    assert ends == [-1.0, 1.0]
    assert figure.get_supxlabel() == ""
    assert set(table["potential"]) == set(RAW["potentials"])


def test_what_could_not_be_made_is_named_below() -> None:
    failed = {"response/interface/6.5": "respond_of_metal failed"}
    there = {key: table for key, table in tables().items() if key[0] == "reference"}
    spec = plan_of().product("metal_response", failed)
    figure, _ = metal_response.draw(there, spec)
    assert "respond_of_metal failed: Response 6.5 Å" in figure.get_supxlabel().replace("\n", " ")
