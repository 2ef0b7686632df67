"""Datasets that grow and grids of potentials, as they are configured."""

import copy
import json
from typing import Any

import pytest
import yaml
from checkouts import ROOT
from snakemake.utils import update_config

from falsemetal.config import ConfigError, parse_config
from falsemetal.config.plan import Plan

LOOP = yaml.safe_load((ROOT / "config/smoke-learning.yaml").read_text())


def changed(path: str, value: Any) -> dict[str, Any]:
    """Copy of the smoke loop with another value of a key."""
    raw = copy.deepcopy(LOOP)
    section = raw
    *parents, key = path.split("/")
    for parent in parents:
        section = section[parent]
    section[key] = value
    return raw


FAULTS = {
    "of": (
        "datasets/gen1/of",
        "nothing",
        r"gen1\.of: there is no other 'nothing'; name one of: copper",
    ),
    "by": ("datasets/gen1/by", "nothing", r"gen1\.by: there is no other 'nothing'"),
    "campaign": ("datasets/gen1/campaign", "other", r"gen1\.campaign: there is no other 'other'"),
    "size": ("datasets/gen1/size_A", 7.0, r"not run at 7 Å of interface; .*: 6\.5, 8"),
    "itself": ("datasets/lr/of", "gen2", r"lr\.by: needs itself .*lr → gen2 → gen1 → lr"),
    "its own model": ("datasets/gen1/by", "sr-1", r"gen1\.by: needs itself .*gen1 → gen1"),
    "a later model": ("datasets/gen1/by", "sr-2", r"gen1 → gen2 → gen1"),
    "frames": ("datasets/gen1/select/n_frames", 0, r"gen1\.select\.n_frames"),
    "labeller": (
        "datasets/gen1/label",
        {"kind": "potential", "potential": "nobody"},
        r"gen1\.label\.potential: there is no potential 'nobody'",
    ),
    "no single points": (
        "datasets/gen1/label",
        {"kind": "potential", "potential": "recorded"},
        r"gen1\.label\.potential: recorded \(trajectory\) computes no single points",
    ),
    "functional": (
        "datasets/gen1/label",
        {"kind": "engine", "engine": {"kind": "cp2k"}, "functional": "B4LYP"},
        r"gen1\.label\.functional: B4LYP",
    ),
    "output": ("datasets/gen1/label", {"kind": "files"}, r"gen1\.label\.output: required"),
    "first labels": (
        "datasets/copper",
        {"kind": "labelled", "source": "revpbe0-d3-water"},
        r"lr\.label\.kind: the first dataset was labelled by others",
    ),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_loop_that_cannot_be_made_is_told_before_anything_runs(fault) -> None:
    path, value, told = FAULTS[fault]
    raw = changed(path, value)
    if fault == "no single points":
        raw["potentials"]["recorded"] = {"kind": "trajectory", "files": {"interface": {6.5: ["a"]}}}
    if fault == "first labels":
        raw["potentials"].pop("reference")
    with pytest.raises(ConfigError, match=told) as error:
        parse_config(raw, source="smoke-learning.yaml")
    # both of the two that share the key
    assert len(str(error.value).splitlines()) == (2 if fault == "frames" else 1)


def test_a_name_that_is_not_there_is_told_wherever_it_stands() -> None:
    raw = changed("datasets/gen1/of", "nothing")
    raw["datasets"] = dict(reversed(raw["datasets"].items()))
    with pytest.raises(ConfigError, match=r"gen1\.of: there is no other 'nothing'"):
        parse_config(raw, source="x")


def test_labels_of_an_extension_are_those_of_the_first_dataset() -> None:
    config = parse_config(LOOP, source="smoke-learning.yaml")
    assert config.labels["gen2"] is config.datasets["copper"]
    plan = Plan(config, {})
    assert plan.charges("sr-2").own_e == plan.charges("sr-mace").own_e == -0.8476
    assert plan.extended == ["lr", "gen1", "gen2"]
    assert {"tableS9", "generations", "figS4b", "learning"} <= set(plan.wanted)


def test_each_frame_is_a_job_where_electrons_label(monkeypatch) -> None:
    engine = {"kind": "engine", "engine": {"kind": "cp2k"}}
    plan = Plan(parse_config(changed("datasets/gen1/label", engine), source="x"), {})
    kind = type(plan.config.datasets["gen1"].label.engine)
    monkeypatch.setattr(kind, "find_fault", lambda _: None)
    assert len(plan.labels("gen1")) == 5
    monkeypatch.setattr(kind, "find_fault", lambda _: "not here")
    assert len(plan.labels("gen1")) == 5, "on whatever machine"
    assert len(plan.labels("gen2")) == 1


GRID = {"of": "sr-mace", "over": {"dataset": ["copper", "gen2"], "layers": [1, 2]}}


def with_grid(**changes: Any) -> dict[str, Any]:
    return copy.deepcopy(LOOP) | {"grids": {"depth": GRID | changes}}


def test_a_grid_is_all_values_with_all() -> None:
    config = parse_config(with_grid(), source="x")
    members = {name: p for name, p in config.potentials.items() if p.grid == "depth"}
    assert list(members) == ["depth-copper-1", "depth-copper-2", "depth-gen2-1", "depth-gen2-2"]
    assert members["depth-gen2-2"].layers == 2
    assert members["depth-gen2-2"].dataset == "gen2"
    assert members["depth-gen2-2"].by_campaign == config.potentials["sr-mace"].by_campaign
    assert "sr-mace: dataset gen2, layers 2" in members["depth-gen2-2"].label


def test_a_configuration_that_was_laid_out_reads_as_itself() -> None:
    config = parse_config(with_grid(), source="x")
    again = parse_config(json.loads(config.model_dump_json()), source="x")
    assert again == config


def test_grids_are_shown_by_their_figures_alone() -> None:
    plan = Plan(parse_config(with_grid(), source="x"), {})
    shown = {name: set(plan.product(name).potentials) for name in plan.wanted}
    assert {name for name, of in shown.items() if "depth-copper-1" in of} == {
        *("figS4b", "tableS8", "learning")
    }
    assert not [path for path in plan.inputs("fig1") if "depth" in path]
    assert [path for path in plan.inputs("figS4b") if "depth-gen2-2" in path]


def test_figures_of_learning_are_made_where_something_learns() -> None:
    raw = copy.deepcopy(LOOP)
    for name in ("lr", "gen1", "gen2"):
        raw["datasets"].pop(name)
    for name in ("sr-1", "sr-2"):
        raw["potentials"].pop(name)
    plan = Plan(parse_config(raw, source="x"), {})
    assert not {"tableS9", "generations", "figS4b", "learning", "tableS8"} & set(plan.wanted)


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"of": "nobody"}, r"grids\.depth\.of: there is no potential 'nobody'"),
        ({"over": {"depth": [1]}}, r"grids\.depth\.over\.depth: sr-mace has no such setting"),
        ({"over": {"kind": ["mace"]}}, r"grids\.depth\.over\.kind: .* no such setting"),
        ({"over": {"layers": []}}, r"grids\.depth\.over\.layers: give distinct values"),
        ({"over": {"radial_mlp": [[16], [8]]}}, r"grids\.depth\.over\.radial_mlp: holds lists"),
        ({"over": {"layers": [1, 1]}}, r"grids\.depth\.over\.layers: give distinct values"),
        ({"over": {"layers": [0]}}, r"potentials\.depth-0\.layers: Input should be greater"),
        ({"over": {"dataset": ["no"]}}, r"potentials\.depth-no\.dataset: there is no dataset 'no'"),
        ({"above": 1}, r"grids\.depth\.above: unknown key"),
    ],
)
def test_a_grid_that_cannot_be_laid_out_is_told(changes, told) -> None:
    with pytest.raises(ConfigError, match=told):
        parse_config(with_grid(**changes), source="x")


def test_the_name_of_a_grid_is_told_where_it_stands() -> None:
    raw = copy.deepcopy(LOOP) | {"grids": {"d d": GRID}}
    with pytest.raises(ConfigError, match=r"grids\.d d: write letters"):
        parse_config(raw, source="x")


def test_a_grid_does_not_take_anothers_name() -> None:
    raw = with_grid()
    raw["potentials"]["depth-copper-1"] = copy.deepcopy(raw["potentials"]["sr-mace"])
    with pytest.raises(ConfigError, match=r"there is a potential 'depth-copper-1'; rename"):
        parse_config(raw, source="x")


def test_the_papers_grid_and_loop_are_planned() -> None:
    raw: dict[str, Any] = {}
    for name in ("interfaces-paper", "overlays/learning-interfaces"):
        update_config(raw, yaml.safe_load((ROOT / f"config/{name}.yaml").read_text()))
    plan = Plan(parse_config(raw, source="x"), {})
    models = [p for p in plan.config.potentials.values() if p.grid]
    assert len(models) == 24, "24 trainings of Figure S4b"
    assert {(p.layers, p.l_max) for p in models} == {
        (n, order) for n in (2, 3, 4) for order in (0, 1)
    }
    steps = [plan.config.datasets[name].select.n_frames for name in plan.extended]
    assert steps == [547, 95, 227, 210], "Table S9"
