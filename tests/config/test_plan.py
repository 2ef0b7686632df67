"""Which products a configuration has, what they are called, and what they show."""

import yaml
from checkouts import ROOT

from falsemetal.config import parse_config
from falsemetal.config.plan import Plan

FREE, BULK = ("fig3b", "figS1", "figS9"), ("figS11",)


def raw(name: str) -> dict:
    return yaml.safe_load((ROOT / f"config/{name}.yaml").read_text())


def plan_of(config: dict) -> Plan:
    return Plan(parse_config(config, source="test"), {})


def frames_shown(plan: Plan, product: str) -> set[str]:
    paths = [path.split("/") for path in plan.inputs(product)]
    return {parts[2] for parts in paths if parts[1] == "electronic"}


def with_frames(on_request: bool) -> dict:
    """Frames of the larger layer beside those of the one on request."""
    config = raw("interfaces")
    larger = {"potential": "truncated", "campaign": "interface", "size_A": 24.2, "quantiles": [0.5]}
    config["electronic"]["frames"]["larger"] = larger
    config["campaigns"]["interface"]["on_request"] = on_request
    return config


def test_jobs_are_shown_by_what_their_liquid_lies_between() -> None:
    plan = plan_of(raw("interfaces"))
    assert frames_shown(plan, "table_jobs") == frames_shown(plan, "band_edges") == {"copper"}
    for product in (*FREE, *BULK, "fig2b"):
        assert plan.inputs(product) == []


def test_all_runs_no_job_that_is_on_request() -> None:
    plan = plan_of(raw("interfaces"))
    assert not any("/electronic/" in path for name in plan.wanted for path in plan.inputs(name))
    plan = plan_of(with_frames(on_request=False))
    assert {"table_jobs", "band_edges"} <= set(plan.wanted)
    assert frames_shown(plan, "table_jobs") == frames_shown(plan, "band_edges") == {"larger"}
    # where all is on request, all is shown
    plan = plan_of(with_frames(on_request=True))
    assert "table_jobs" not in plan.wanted
    assert frames_shown(plan, "table_jobs") == {"larger", "copper"}


def test_the_one_campaign_that_is_not_on_request_keeps_the_bare_name() -> None:
    plan = plan_of(raw("interfaces"))
    assert plan.targets["fig1"].campaigns == ("interface",)
    assert plan.targets["fig1-small"].campaigns == ("small",)
    assert "fig1" in plan.wanted
    assert "fig1-small" not in plan.wanted
    several = raw("interfaces")
    several["campaigns"]["small"]["on_request"] = False
    plan = plan_of(several)
    assert {"fig1-interface", "fig1-small"} <= set(plan.wanted)
    assert "fig1" not in plan.targets
    plan = plan_of(with_frames(on_request=True))
    assert {"fig1-interface", "fig1-small"} <= plan.targets.keys()
    assert "fig1" not in plan.targets


def test_both_engines_compute_the_same_frames_of_the_paper() -> None:
    overlays = [
        yaml.safe_load((ROOT / f"config/overlays/{engine}-interfaces.yaml").read_text())
        for engine in ("cp2k", "fhi-aims")
    ]
    by_cp2k, by_aims = (overlay["electronic"] for overlay in overlays)
    engine = by_cp2k.pop("engine")
    assert by_aims.pop("engine")["kind"] == "fhi-aims"
    assert by_cp2k == by_aims
    assert (engine["cutoff_Ry"], engine["rel_cutoff_Ry"]) == (400, 50)
    plan = plan_of(raw("interfaces-paper") | {"electronic": by_cp2k | {"engine": engine}})
    assert {"fig2a", "fig2c", "figS1b", "figS6", "table_jobs"} <= set(plan.wanted)
