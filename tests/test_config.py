"""The configuration: what is valid, and what each fault says."""

import math
from pathlib import Path
from typing import Any

import pytest
import yaml

from falsemetal.config import ConfigError, load_config, parse_config, schema
from falsemetal.units import water_number_density

ROOT = Path(__file__).parents[1]
CONFIGS = sorted((ROOT / "config").glob("*.yaml"))


@pytest.fixture
def raw() -> dict[str, Any]:
    return yaml.safe_load((ROOT / "config/smoke.yaml").read_text())


@pytest.mark.parametrize("path", CONFIGS, ids=lambda path: path.stem)
def test_shipped_configurations_are_valid(path: Path) -> None:
    assert load_config(path).name == path.stem


def test_schema_is_the_one_generated_from_the_model() -> None:
    kept = (ROOT / "config/schema.json").read_text()
    assert kept == schema(), "run: python -m falsemetal.config > config/schema.json"


def change(raw: dict[str, Any], key: str, value: Any) -> None:
    *parents, last = key.split(".")
    for parent in parents:
        raw = raw[parent]
    if value is None:
        del raw[last]
    else:
        raw[last] = value


def frame_set(**changes: Any) -> dict[str, Any]:
    frames = {"potential": "spce", "size_A": 6.3, "targets_V": [0.0]}
    return {"frames": {"some": frames | changes}}


@pytest.mark.parametrize(
    ("key", "value", "message"),
    [
        ("potentials.sr-mace.chanels", 8, "potentials.sr-mace.chanels: unknown key"),
        ("datasets.spce.sampling.bulk.n_frame", 8, "datasets.spce.sampling.bulk.n_frame: unknown"),
        ("potentials.sr-mace.dataset", None, "potentials.sr-mace.dataset: required key is missing"),
        ("potentials.sr-mace.dataset", "dft", "potentials.sr-mace.dataset: there is no dataset"),
        ("slabs.thicknesses_A", [6.3, 30.0], "30 Å does not fit cell_height_A: 32 Å"),
        ("slabs.thicknesses_A", [9.3, 6.3], "thicknesses_A must increase"),
        ("slabs.thicknesses_A", [0.05], "holds no molecule"),
        ("slabs.thicknesses_A", [9.3333333], "more than six digits"),
        (
            "potentials.spce.runs.slabs.duration_ps",
            [1.0],
            "potentials.spce.runs.slabs.duration_ps: 1 values for 2 thicknesses_A",
        ),
        ("potentials.spce.runs.cubic.duration_ps", {20.0: 5}, "lengths_A holds no 20; take from"),
        ("potentials.spce.runs.cubic.replicas", [1], "cubic.replicas: 1 values for 2 lengths_A"),
        ("potentials.spce.runs.slabs.duration_ps", 0.05, "leaves fewer than 10 frames"),
        (
            "potentials.spce.runs.slabs.duration_ps",
            "long",
            "potentials.spce.runs.slabs.duration_ps",
        ),
        ("elongated", None, "potentials.spce.runs.elongated: the configuration has no section"),
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
            frame_set() | {"engine": "fhi-aims"},
            "fhi_aims.species_directory: required for engine: fhi-aims",
        ),
        (
            "electronic",
            frame_set() | {"engine": "fhi-aims", "fhi_aims": {"species_directory": "/nowhere"}},
            "fhi_aims.species_directory: /nowhere: no folder",
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


def test_files_that_are_no_configuration(tmp_path) -> None:
    with pytest.raises(ConfigError, match="no such file"):
        load_config(tmp_path / "nowhere.yaml")
    (tmp_path / "broken.yaml").write_text("a: [1")
    with pytest.raises(ConfigError, match="not valid YAML"):
        load_config(tmp_path / "broken.yaml")
    (tmp_path / "list.yaml").write_text("- 1")
    with pytest.raises(ConfigError, match="expected a mapping"):
        load_config(tmp_path / "list.yaml")


def test_counts_follow_from_density_and_timestep(raw) -> None:
    raw["slabs"] = {"cell_height_A": 60.0, "thicknesses_A": [12.4, 24.9, 37.3]}
    config = parse_config(raw, source="my.yaml")
    assert [config.slabs.n_molecules(t) for t in config.slabs.thicknesses_A] == [64, 128, 192]
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


def test_seeds_of_jobs_differ_and_repeat(raw) -> None:
    config = parse_config(raw, source="my.yaml")
    seeds = {config.run_seed("spce", "9.3", str(replica)) for replica in range(50)}
    assert len(seeds) == 50
    assert config.run_seed("spce", "9.3", "0") in seeds
