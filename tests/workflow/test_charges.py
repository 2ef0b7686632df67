"""Models with charges, learned from labels of others, and their errors beside published ones."""

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import yaml
from checkouts import ROOT, SHARED, snakemake, with_shared_data

from falsemetal.products.published import published_sets

pytestmark = pytest.mark.workflow

CHAINS = SHARED / "charges-4g/Carbon_chain_4G.data"
SMALL = {"layers": 1, "l_max": 0, "channels": 2, "max_ell": 1, "correlation": 1, "r_cut_A": 3.0}


def shipped(name: str) -> dict[str, Any]:
    """Shrink the models and the training of a configuration that is shipped."""
    raw = yaml.safe_load((ROOT / f"config/{name}.yaml").read_text())
    raw["training"]["epochs"] = 2
    raw["potentials"] = {name: kind | SMALL for name, kind in raw["potentials"].items()}
    return raw


def run(checkout: Path, raw: dict[str, Any], *arguments: str) -> subprocess.CompletedProcess:
    (checkout / "charges.yaml").write_text(yaml.safe_dump(raw, sort_keys=False))
    return snakemake(checkout, *arguments, "--configfile", "charges.yaml")


@with_shared_data
def test_chains_stand_beside_published_errors(checkout) -> None:
    raw = shipped("charges-4g")
    raw["datasets"] = {"chains": raw["datasets"]["chains"] | {"path": str(CHAINS)}}
    raw["datasets"]["chains"]["split"]["maximum_frames"] = 60
    raw["potentials"] = {"chains-local": raw["potentials"]["chains-local"]}
    raw["grids"] = {"seeds": {"of": "chains-local", "over": {"seed": [2]}}}
    done = run(checkout, raw, "--cores", "2")
    assert done.returncode == 0, done.stderr[-3000:]
    results = checkout / "results/charges-4g"
    table = pd.read_csv(results / "tables/table_published.csv").set_index("seed")
    card = json.loads((results / "datasets/chains/card.json").read_text())
    assert table["n_frames"].dropna().unique() == [card["counts"]["test"]["total"]]
    assert list(table.index[:3]) == ["1", "2", "mean of 2"]
    assert table["rmse_charge_me"]["1"] != table["rmse_charge_me"]["2"]
    assert table["maximum_total_charge_error_e"]["mean of 2"] < 1e-12
    published = [row.model for row in published_sets()["C10H2-C10H3"]]
    assert list(table["model"][3:]) == published
    html = (results / "report.html").read_text()
    assert "table_published" in html
    assert not (results / "checks").exists(), "of models that know no water"


def test_charges_that_are_known_are_measured_and_not_shown(checkout) -> None:
    raw = shipped("charges-known")
    path = raw["datasets"]["clusters"]["path"]
    missing = run(checkout, raw, "--cores", "1", "table_errors")
    assert missing.returncode != 0
    assert f"datasets.clusters.path: {path}: no such file" in missing.stderr
    command = [sys.executable, checkout / "tools/make_clusters.py", path]
    subprocess.run(command, cwd=checkout, check=True)
    done = run(checkout, raw, "--cores", "1", "table_errors")
    assert done.returncode == 0, done.stderr[-3000:]
    table = pd.read_csv(checkout / "results/charges-known/tables/table_errors.csv").iloc[0]
    assert 0.0 < table["rmse_charge_me_low"] < table["rmse_charge_me"]
    assert not (checkout / "results/charges-known/datasets/clusters/rejected.csv").read_text()[40:]


def test_the_full_sets_are_named_files(checkout) -> None:
    raw = shipped("charges-4g-full")
    missing = run(checkout, raw, "--dry-run")
    assert missing.returncode != 0
    for name, dataset in raw["datasets"].items():
        assert f"datasets.{name}.path: {dataset['path']}: no such file" in missing.stdout
        path = checkout / dataset["path"]
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    found = run(checkout, raw, "--dry-run", "table_published")
    assert found.returncode == 0, found.stderr
    assert re.search(r"^train +12$", found.stdout, re.MULTILINE)
