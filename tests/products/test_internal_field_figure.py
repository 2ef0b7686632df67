"""The figure of the field within films: which potentials it shows, and what it makes of frames."""

import numpy as np
import pandas as pd
import pytest
import yaml
from checkouts import ROOT

from falsemetal.config import parse_config
from falsemetal.config.plan import Plan
from falsemetal.potentials.internal_field import COLUMNS
from falsemetal.potentials.kinds import SplitChargeKind
from falsemetal.potentials.specs import NEUTRAL, OWN, SHARED
from falsemetal.products import internal_field

RAW = yaml.safe_load((ROOT / "config/smoke-charges.yaml").read_text())
SIZES_A = RAW["campaigns"]["slabs"]["sizes_A"]


def plan_of(**potentials: dict) -> Plan:
    raw = RAW | {"potentials": RAW["potentials"] | potentials}
    return Plan(parse_config(raw, source="test"), {})


def tables(name: str = "qeq-mace", n_frames: int = 2) -> dict[tuple[str, float], pd.DataFrame]:
    """Frames of a metal, and of an insulator, a hundredth to either side of their mean."""
    found = {}
    for size in SIZES_A:
        rows = [
            (frame, constraint, size, mean + 0.01 * (-1) ** frame)
            for frame in range(n_frames)
            for constraint, mean in ((SHARED, 1.5 / size), (NEUTRAL, 0.8))
        ]
        found[name, size] = pd.DataFrame(rows, columns=list(COLUMNS))
    return found


def test_means_and_standard_errors_are_over_frames() -> None:
    table = internal_field.tabulate(tables(), plan_of().product("internal_field"))
    assert tuple(table.columns) == internal_field.COLUMNS
    rows = table[table["constraint"] == SHARED]
    np.testing.assert_allclose(rows["internal_field_fraction"], 1.5 / np.array(SIZES_A))
    np.testing.assert_allclose(rows["standard_error"], 0.01)
    assert set(rows["n_frames"]) == {2}
    single = internal_field.tabulate(tables(n_frames=1), plan_of().product("internal_field"))
    assert single.loc[single["constraint"] == NEUTRAL, "standard_error"].isna().all()


def test_charges_that_do_not_answer_leave_the_field_as_it_is() -> None:
    """By construction: of no frame, and no job computes it."""
    plan = plan_of()
    table = internal_field.tabulate(tables(), plan.product("internal_field"))
    ignoring = table[table["constraint"] == internal_field.IGNORES]
    assert list(ignoring["potential"]) == ["spce"] * len(SIZES_A) + ["lr-mace"] * len(SIZES_A)
    assert list(ignoring["size_A"]) == SIZES_A * 2
    assert set(ignoring["internal_field_fraction"]) == {1.0}
    assert set(ignoring["n_frames"]) == {0}
    assert plan.inputs("internal_field") == [
        f"<results>/responses/qeq-mace/slabs/{size:g}A/internal_field.csv" for size in SIZES_A
    ]


def test_potentials_of_which_nothing_is_known_are_not_shown() -> None:
    theirs = {"kind": "ase", "module": "ase.calculators.lj", "factory": "LennardJones"}
    plan = plan_of(theirs=theirs | {"runs": {"slabs": {"duration_ps": 0.4}}})
    assert "theirs" in plan.product("fig3a").potentials
    assert list(plan.product("internal_field").potentials) == ["spce", "lr-mace", "qeq-mace"]


class Answering(SplitChargeKind):
    """Derived from a kind that ignores fields, as response_charge is."""

    knows_total_charge = True


def test_kinds_tell_whether_they_answer() -> None:
    kinds = plan_of().config.potentials
    assert {n: k.answers_to_fields for n, k in kinds.items()} == {
        "spce": False,
        "lr-mace": False,
        "qeq-mace": True,
    }
    settings = kinds["lr-mace"].model_dump(exclude_none=True)
    assert Answering(**settings).answers_to_fields


def test_without_a_potential_that_answers_there_is_no_figure() -> None:
    raw = RAW | {"potentials": {n: RAW["potentials"][n] for n in ("spce", "lr-mace")}}
    plan = Plan(parse_config(raw, source="test"), {})
    assert "internal_field" not in plan.wanted
    assert plan.inputs("internal_field") == []


def test_it_draws_each_constraint_and_the_law_of_a_conductor() -> None:
    figure, table = internal_field.draw(tables(), plan_of().product("internal_field"))
    [axes] = figure.axes
    guides = [line for line in axes.lines if line.get_linestyle() == "--" and len(line.get_xdata())]
    assert len(guides) == 1
    thickness, law = guides[0].get_data()
    np.testing.assert_allclose(law * thickness, 1.5)
    labels = [text.get_text() for text in figure.legends[0].get_texts()]
    assert labels[0] == "QEq-MACE"
    assert {"PBE", "PBE, gap closed", NEUTRAL} <= set(labels)
    assert "SPC/E, LR-MACE" in axes.texts[0].get_text()
    assert figure.get_supxlabel() == ""
    pbe = table.set_index("potential").loc["PBE"]
    assert pbe["internal_field_fraction"] == pytest.approx(0.57)
    assert pbe["n_frames"] == 2


def test_a_later_kind_whose_charges_answer_in_its_own_way_is_drawn_as_it_is() -> None:
    """It shares no chemical potential: no law of a conductor, and nothing to hold neutral."""
    own = {
        key: table[table["constraint"] == NEUTRAL].assign(constraint=OWN)
        for key, table in tables().items()
    }
    figure, table = internal_field.draw(own, plan_of().product("internal_field"))
    assert set(table["constraint"]) == {internal_field.IGNORES, OWN, "electrons"}
    assert not [line for line in figure.axes[0].lines if line.get_linestyle() == "--"]
    labels = [text.get_text() for text in figure.legends[0].get_texts()]
    assert labels == ["QEq-MACE", *internal_field.PBE]


def test_what_could_not_be_made_is_named_below() -> None:
    spec = plan_of().product("internal_field", {"qeq-mace/slabs/12.6": "respond failed"})
    there = {key: table for key, table in tables().items() if key[1] == SIZES_A[0]}
    figure, _ = internal_field.draw(there, spec)
    assert "respond failed: QEq-MACE 12.6 Å" in figure.get_supxlabel().replace("\n", " ")
