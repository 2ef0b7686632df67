"""The configuration: what is valid, and what each fault says."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from falsemetal.config import ConfigError, load_config, parse_config, schema

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
        ("potentials.spce.duration_ps", [1.0], "potentials.spce.duration_ps: 1 values for 2"),
        ("potentials.spce.duration_ps", 0.05, "leaves fewer than 10 frames"),
        ("potentials.sr-mace.l_max", 1, "l_max needs at least two layers"),
        ("potentials.sr-mace.kind", "mase", "potentials.sr-mace"),
        ("datasets.spce.split.test", 0.9, "leave nothing to train on"),
        ("datasets.spce.sampling.bulk.molality_mol_per_kg", 1.0, "belongs to kind: brine"),
        ("dynamics", {"temperature_K": "warm"}, "dynamics.temperature_K"),
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
    assert config.n_steps("spce", 12.4) == 60000


def test_seeds_of_jobs_differ_and_repeat(raw) -> None:
    config = parse_config(raw, source="my.yaml")
    seeds = {config.run_seed("spce", "9.3", str(replica)) for replica in range(50)}
    assert len(seeds) == 50
    assert config.run_seed("spce", "9.3", "0") in seeds
