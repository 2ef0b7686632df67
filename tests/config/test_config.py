"""The configuration: what is valid, and what each fault says."""

import math
import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from checkouts import ROOT

from falsemetal.config import ConfigError, load_config, parse_config, schema
from falsemetal.config.plan import Plan
from falsemetal.potentials.kinds import SplitChargeKind
from falsemetal.units import water_number_density

CONFIGS = sorted((ROOT / "config").glob("*.yaml"))


@pytest.fixture
def raw() -> dict[str, Any]:
    return yaml.safe_load((ROOT / "config/smoke.yaml").read_text())


@pytest.mark.parametrize("path", CONFIGS, ids=lambda path: path.stem)
def test_shipped_configurations_are_valid(path: Path) -> None:
    assert load_config(path).name == path.stem


def test_schema_is_the_one_generated_from_the_model() -> None:
    kept = (ROOT / "config/schema.json").read_text()
    assert kept == schema(), "run: python -m falsemetal.config --schema > config/schema.json"


def change(raw: dict[str, Any], key: str, value: Any) -> None:
    *parents, last = key.split(".")
    for parent in parents:
        raw = raw[parent]
    if value is None:
        del raw[last]
    else:
        raw[last] = value


def frame_set(**changes: Any) -> dict[str, Any]:
    frames = {"potential": "spce", "campaign": "slabs", "size_A": 6.3, "targets_V": [0.0]}
    return {"frames": {"some": frames | changes}}


@pytest.mark.parametrize(
    ("key", "value", "message"),
    [
        ("potentials.sr-mace.chanels", 8, "potentials.sr-mace.chanels: unknown key"),
        ("datasets.spce.sampling.bulk.n_frame", 8, "datasets.spce.sampling.bulk.n_frame: unknown"),
        ("potentials.sr-mace.dataset", None, "potentials.sr-mace.dataset: required key is missing"),
        ("potentials.sr-mace.dataset", "dft", "potentials.sr-mace.dataset: there is no dataset"),
        ("campaigns.slabs.sizes_A", [6.3, 30.0], "30 Å does not fit cell_height_A: 32 Å"),
        ("campaigns.slabs.sizes_A", [9.3, 6.3], "sizes_A must increase"),
        ("campaigns.slabs.sizes_A", [0.05], "holds no molecule"),
        ("campaigns.slabs.sizes_A", [9.3333333], "more than six digits"),
        (
            "potentials.spce.runs.slabs.duration_ps",
            [1.0],
            "potentials.spce.runs.slabs.duration_ps: 1 values for 2 sizes_A",
        ),
        ("potentials.spce.runs.cubic.duration_ps", {20.0: 5}, "sizes_A holds no 20; take from"),
        ("potentials.spce.runs.cubic.replicas", [1], "cubic.replicas: 1 values for 2 sizes_A"),
        ("potentials.spce.runs.slabs.duration_ps", 0.05, "leaves fewer than 10 frames"),
        (
            "potentials.spce.runs.slabs.duration_ps",
            "long",
            "potentials.spce.runs.slabs.duration_ps",
        ),
        ("campaigns.elongated", None, "potentials.spce.runs.elongated: there is no campaign"),
        (
            "liquid",
            {"region": "ammonia", "centres": ["N"]},
            "potentials.spce.runs.slabs: liquid: kind water_slab is filled with water, and not",
        ),
        ("plugins", [5], "plugins[0]"),
        ("training", None, "training: required, as sr-mace is trained"),
        ("datasets.spce.kind", "labelled", "datasets.spce"),
        ("potentials.sr-mace.l_max", 1, "l_max needs at least two layers"),
        ("potentials.sr-mace.kind", "mase", "potentials.sr-mace"),
        ("datasets.spce.split.test", 0.9, "leave nothing to train on"),
        ("datasets.spce.sampling.bulk.molality_mol_per_kg", 1.0, "belongs to kind: brine"),
        ("dynamics", {"temperature_K": "warm"}, "dynamics.temperature_K"),
        (
            "electronic",
            frame_set(potential="gap"),
            "electronic.frames.some.potential: there is no potential 'gap'",
        ),
        (
            "electronic",
            frame_set(size_A=7.0),
            "some.size_A: spce is not run at 7 Å of slabs; sizes at which it is: 6.3, 9.3",
        ),
        (
            "electronic",
            frame_set(quantiles=[0.5]),
            "electronic.frames.some: give either targets_V or quantiles",
        ),
        (
            "electronic",
            frame_set(campaign="elongated", size_A=9.3, field_V_per_A=0.02),
            "a field needs vacuum",
        ),
        (
            "electronic",
            frame_set() | {"engine": {"kind": "fhi-aims"}},
            "species_directory",
        ),
        (
            "electronic",
            frame_set() | {"engine": {"kind": "fhi-aims", "species_directory": "/nowhere"}},
            "species_directory: /nowhere: no folder",
        ),
    ],
)
def test_each_fault_is_one_line_that_names_file_and_key(raw, key, value, message) -> None:
    change(raw, key, value)
    with pytest.raises(ConfigError) as caught:
        parse_config(raw, source="my.yaml")
    lines = str(caught.value).splitlines()
    assert len(lines) == 1
    assert lines[0].startswith("my.yaml: ")
    assert message in lines[0]


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("potentials.sr-mace.r_cut_A", 0.4),
        ("potentials.sr-mace.r_cut_A", 40.0),
        ("potentials.sr-mace.label", "SPC/E"),
        ("potentials.sr-mace.label", r"$\frac{$"),
        ("potentials.sr-mace.label", "_hidden"),
        ("potentials.sr-mace.label", "SPC/E "),
        ("potentials.sr-mace.label", "  "),
        ("potentials.sr-mace.label", "two\nlines"),
        ("potentials.sr-mace.label", "x" * 500),
        ("datasets.spce.sampling.bulk.n_frames", 10**9),
        ("datasets.spce.sampling.bulk.interval_ps", 1e-9),
        ("datasets.spce.sampling.bulk.pressure_bar", -1e9),
        ("datasets.spce.checks", {"minimum_distance_A": {"Xx-O": 1.0}}),
        ("datasets.spce.checks", {"minimum_distance_A": {}}),
        ("potentials.spce.charge_e", True),
        ("potentials.spce.charge_e", 400.0),
        ("potentials.spce.runs.slabs.duration_ps", math.inf),
        ("potentials.spce.runs.slabs.duration_ps", 1e12),
        ("datasets.spce.sampling.bulk.n_molecules", 10**8),
        ("campaigns.slabs.density_g_per_cm3", 997.0),
        ("campaigns.slabs.cell_height_A", 1e7),
        ("campaigns.slabs.cross_section_A", 0.5),
        ("campaigns.slabs.cross_section_A", 2.0),
        ("campaigns.cubic.sizes_A", [1e6]),
        ("dynamics.temperature_K", 25.0),
        ("dynamics.timestep_fs", 50.0),
        ("dynamics.timestep_fs", math.nan),
        ("training.epochs", True),
    ],
)
def test_what_is_absurd_is_refused(raw, key, value) -> None:
    change(raw, key, value)
    with pytest.raises(ConfigError, match=re.escape(key.rsplit(".", 2)[0])):
        parse_config(raw, source="my.yaml")


@pytest.mark.parametrize(
    ("key", "value", "message"),
    [
        ("name", "my run", "name: write letters, digits, '.', '_' and '-'"),
        ("name", 5, "name: should be text; put it in quotes"),
        ("name", "x" * 300, "name: .*at most 100"),
        ("potentials.spce.label", 5, "label: should be text; put it in quotes"),
        ("potentials.spce.dataset", "nowhere", "there is no dataset 'nowhere'; name one of: spce"),
    ],
)
def test_faults_say_what_to_write(raw, key, value, message) -> None:
    change(raw, key, value)
    with pytest.raises(ConfigError, match=message):
        parse_config(raw, source="my.yaml")


def test_the_least_duration_is_one_that_is_taken(raw) -> None:
    change(raw, "dynamics.discard_ps", 1234.5632)
    change(raw, "potentials.spce.runs.slabs.duration_ps", 1.0)
    with pytest.raises(ConfigError, match=r"give .* or more") as told:
        parse_config(raw, source="my.yaml")
    least = float(re.search(r"give (\S+) or more", str(told.value))[1])
    change(raw, "potentials.spce.runs.slabs.duration_ps", least)
    try:
        parse_config(raw, source="my.yaml")
    except ConfigError as error:
        assert "potentials.spce.runs.slabs" not in str(error)


def test_labels_may_hold_mathtext_and_a_lone_dollar(raw) -> None:
    for label in (r"SPC/E, $q_\mathrm{O}$", "5 $"):
        change(raw, "potentials.spce.label", label)
        assert parse_config(raw, source="my.yaml").potentials["spce"].label == label


def test_files_that_are_no_configuration(tmp_path) -> None:
    with pytest.raises(ConfigError, match="no such file"):
        load_config(tmp_path / "nowhere.yaml")
    (tmp_path / "broken.yaml").write_text("a: [1")
    with pytest.raises(ConfigError, match=r"broken\.yaml:1"):
        load_config(tmp_path / "broken.yaml")
    (tmp_path / "list.yaml").write_text("- 1")
    with pytest.raises(ConfigError, match="expected a mapping"):
        load_config(tmp_path / "list.yaml")


def test_counts_follow_from_density_and_timestep(raw) -> None:
    slabs = {"kind": "water_slab", "cell_height_A": 60.0, "sizes_A": [12.4, 24.9, 37.3]}
    raw["campaigns"]["slabs"] = slabs
    config = parse_config(raw, source="my.yaml")
    campaign = config.campaigns["slabs"]
    assert [campaign.n_molecules(t) for t in campaign.sizes_A] == [64, 128, 192]
    assert config.n_steps("spce", "slabs", 12.4) == 60000


TABLE_S6 = {"elongated": [105, 210, 315, 420], "cubic": [920, 3105, 5400]}


@pytest.mark.parametrize("name", TABLE_S6)
def test_cells_of_the_paper_hold_the_molecules_of_table_S6_at_waters_density(name) -> None:
    """920 molecules are 2760 atoms, for which the printed table says 840."""
    campaign = load_config(ROOT / "config/paper.yaml").campaigns[name]
    counts = [campaign.n_molecules(size) for size in campaign.sizes_A]
    assert counts == TABLE_S6[name]
    for size, count in zip(campaign.sizes_A, counts, strict=True):
        density = count / math.prod(campaign.cell_lengths(size)) / water_number_density(1.0)
        assert density == pytest.approx(campaign.density_g_per_cm3, rel=3e-4)


def test_runs_take_durations_and_replicas_by_size(raw) -> None:
    raw["potentials"]["spce"]["runs"]["cubic"] = {
        "duration_ps": {9.3: 5.0, 10.0: 7.0},
        "replicas": {10.0: 3},
    }
    config = parse_config(raw, source="my.yaml")
    assert config.durations_ps("spce", "cubic") == {9.3: 5.0, 10.0: 7.0}
    assert [config.n_replicas("spce", "cubic", size) for size in (9.3, 10.0)] == [1, 3]
    assert config.durations_ps("sr-mace", "cubic") == {}


def test_released_slabs_tell_how_long_no_thinner_ones_of_the_same_cell_remember(raw) -> None:
    def released(potential: str, campaign: str, size: str) -> list[str]:
        plan = Plan(parse_config(raw, source="my.yaml"), {})
        return plan.released(potential, campaign, size)

    raw["campaigns"]["released"]["sizes_A"] = [7.0, 8.0]
    folder = "<results>/trajectories/spce/released/8A"
    assert released("spce", "slabs", "9.3") == [f"{folder}/0.h5", f"{folder}/1.h5"]
    assert released("spce", "slabs", "6.3") == []
    assert released("spce", "elongated", "9.3") == []
    assert released("spce", "released", "8") == []
    assert released("sr-mace", "slabs", "9.3") == []
    raw["campaigns"]["released"]["cell_height_A"] = 40.0
    assert released("spce", "slabs", "9.3") == []


def test_seeds_of_jobs_differ_and_repeat(raw) -> None:
    plan = Plan(parse_config(raw, source="my.yaml"), {})
    seeds = {plan.seed("spce", "9.3", str(replica)) for replica in range(50)}
    assert len(seeds) == 50
    assert plan.seed("spce", "9.3", "0") in seeds


def charged_dataset(raw: dict[str, Any], **checks: str) -> None:
    """Let the models be trained on a set of others that is extended, and keeps some frames."""
    chains = {"kind": "labelled", "source": "carbon-chain-4g", "checks": checks}
    visited = {"campaign": "slabs", "size_A": 6.3, "select": {"n_frames": 2}}
    label = {"kind": "potential", "potential": "spce"}
    raw["datasets"]["chains"] = chains
    raw["datasets"]["grown"] = {"kind": "extended", "of": "chains", "by": "spce"} | visited
    raw["datasets"]["grown"]["label"] = label
    raw["potentials"]["lr-mace"]["dataset"] = "grown"


@pytest.mark.parametrize(
    ("key", "what"),
    [("charged", "charged frames"), ("clusters", "frames that are"), ("fields", "frames in a")],
)
def test_only_kinds_that_know_total_charges_are_trained_on_charged_frames(
    raw: dict[str, Any], monkeypatch: pytest.MonkeyPatch, key: str, what: str
) -> None:
    charged_dataset(raw)
    parse_config(raw, source="test")
    charged_dataset(raw, **{key: "keep"})
    message = (
        rf"potentials.lr-mace.dataset: chains keeps {what}.*"
        rf"\(datasets.chains.checks.{key}: keep\), which kind split_charge does not know"
    )
    with pytest.raises(ConfigError, match=message):
        parse_config(raw, source="test")
    monkeypatch.setattr(SplitChargeKind, "knows_total_charge", True, raising=False)
    parse_config(raw, source="test")
