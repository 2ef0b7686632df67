"""The list of what failed comes, whatever the rest does; a whole run is tests/workflow's."""

import os
from pathlib import Path

import pytest
from checkouts import ROOT

from falsemetal import salvage
from falsemetal.config import load_config
from falsemetal.config.checks import claim
from falsemetal.config.plan import Plan
from falsemetal.progress import ERROR_SUFFIX

PLAN = Plan(load_config(ROOT / "config/smoke.yaml"), {})


@pytest.fixture
def results(tmp_path: Path) -> Path:
    """One job failed; every table is missing but those of one potential."""
    log = tmp_path / "logs/simulate/lr-mace/slabs/6.3A-0.log"
    log.parent.mkdir(parents=True)
    log.with_name(log.name + ERROR_SUFFIX).write_text("Traceback\nValueError: too hot\n")
    for name in ("fig3a", "figS8"):
        for table in PLAN.inputs(name):
            path = tmp_path / table.removeprefix("<results>/")
            path.parent.mkdir(parents=True, exist_ok=True)
            if "lr-mace" not in table:
                path.write_text("no table at all\n1\n")
    return tmp_path


def test_a_figure_that_cannot_be_drawn_hides_no_failure(results, monkeypatch, capsys) -> None:
    asked: list[list[str]] = []
    monkeypatch.setattr(salvage, "write_report", lambda config, html, made, **_: asked.append(made))
    salvage.salvage(PLAN, results, ["fig3a", "figS8"], workflow=ROOT / "Snakefile")
    said = capsys.readouterr().err
    assert "fig3a cannot be made of the rest: KeyError" in said
    assert "simulate/lr-mace/slabs/6.3A-0: ValueError: too hot" in said
    assert "fig3c" not in said  # not asked for
    assert asked == []  # a report of nothing


def test_tables_from_before_a_failure_are_not_shown(results, monkeypatch) -> None:
    """They are of other settings, for which the potential was run then."""
    for table in PLAN.inputs("fig3a"):
        (results / table.removeprefix("<results>/")).write_text("old\n1\n")
    shown = {}
    monkeypatch.setattr(salvage, "write_report", lambda *_, **__: None)
    monkeypatch.setattr(
        salvage, "make_product", lambda spec, paths, *_, **__: shown.update({spec.name: paths})
    )
    salvage.salvage(PLAN, results, ["fig3a"], workflow=ROOT / "Snakefile")
    kept = {"/".join(path.parts[-4:-1]) for path in shown["fig3a"]}
    assert "lr-mace/slabs/6.3A" not in kept
    assert {"lr-mace/slabs/9.3A", "sr-mace/slabs/6.3A"} < kept


def test_what_failed_before_this_run_is_not_told_again(results, capsys) -> None:
    claim(results, "config/smoke.yaml")
    [note] = (results / "logs").rglob(f"*{ERROR_SUFFIX}")
    os.utime(note, (1.0, 1.0))
    salvage.salvage(PLAN, results, workflow=ROOT / "Snakefile")
    assert "too hot" not in capsys.readouterr().err


def test_a_potential_does_not_answer_for_another_whose_name_begins_alike() -> None:
    failure = salvage.Failure("train/lr-mace-2", "", Path("log"))
    table = Path("observables/lr-mace/slabs/6.3A/summary.csv")
    assert salvage._reason(table, PLAN, [failure]) is None
    failure = salvage.Failure("train/lr-mace", "", Path("log"))
    assert salvage._reason(table, PLAN, [failure]) == "train failed"


def test_released_slabs_answer_for_those_whose_memory_they_tell() -> None:
    failure = salvage.Failure("simulate/spce/released/6.3A-1", "", Path("log"))
    for table, reason in [
        ("spce/slabs/9.3A", "simulate failed"),
        ("spce-truncated/slabs/9.3A", None),
        ("spce/elongated/9.3A", None),
    ]:
        path = Path(f"observables/{table}/summary.csv")
        assert salvage._reason(path, PLAN, [failure]) == reason


def test_reasons_name_the_stage_that_failed(results, monkeypatch) -> None:
    drawn = {}
    monkeypatch.setattr(salvage, "write_report", lambda *_, **__: None)
    monkeypatch.setattr(
        salvage, "make_product", lambda spec, *_, **__: drawn.update({spec.name: spec.missing})
    )
    salvage.salvage(PLAN, results, workflow=ROOT / "Snakefile")
    assert drawn["fig3a"] == {
        "lr-mace/slabs/6.3": "simulate failed",
        "lr-mace/slabs/9.3": "not made",
    }


CHARGES = Plan(load_config(ROOT / "config/smoke-charges.yaml"), {})


@pytest.mark.parametrize(
    ("failed", "reason"),
    [
        ("respond/qeq-mace/slabs/6.3A", "respond failed"),
        ("equilibrate/slabs/6.3A-1", "equilibrate failed"),
        ("train/qeq-mace", "train failed"),
        ("respond/qeq-mace/slabs/12.6A", None),
        ("simulate/qeq-mace/slabs/6.3A-0", None),
    ],
)
def test_answers_to_a_field_need_a_model_and_starts(failed, reason) -> None:
    failure = salvage.Failure(failed, "", Path("log"))
    table = Path("responses/qeq-mace/slabs/6.3A/internal_field.csv")
    assert salvage._reason(table, CHARGES, [failure]) == reason
    assert salvage._key(table) == "qeq-mace/slabs/6.3"


def test_answers_on_a_metal_have_a_rule_of_their_own() -> None:
    plan = Plan(load_config(ROOT / "config/smoke-conductor.yaml"), {})
    failure = salvage.Failure("respond_of_metal/reference/interface/6.5A", "", Path("log"))
    table = Path("responses/reference/interface/6.5A/metal_response.csv")
    assert salvage._reason(table, plan, [failure]) == "respond_of_metal failed"


LOOP = Plan(load_config(ROOT / "config/smoke-learning.yaml"), {})


@pytest.mark.parametrize(
    ("failed", "table", "reason"),
    [
        ("label/gen1/0", "datasets/gen2/added.csv", "label failed"),
        ("train/lr-mace", "datasets/gen1/added.csv", "train failed"),
        ("simulate/sr-mace/interface/6.5A-0", "models/sr-2/errors.csv", "simulate failed"),
        ("simulate/sr-mace/interface/8A-0", "models/sr-2/errors.csv", None),
        ("label/gen2/0", "datasets/gen1/added.csv", None),
        ("explore/gen2", "observables/sr-2/interface/6.5A/summary.csv", "explore failed"),
        ("explore/gen2", "observables/sr-1/interface/6.5A/summary.csv", None),
    ],
)
def test_what_a_loop_is_made_of_answers_for_it(failed, table, reason) -> None:
    failure = salvage.Failure(failed, "", Path("log"))
    assert salvage._reason(Path(table), LOOP, [failure]) == reason
