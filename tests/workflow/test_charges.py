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


def charge_states_of(calculator: dict[str, Any]) -> dict[str, Any]:
    """Shrink the configuration of silica, and label rock salt by a calculator instead."""
    raw = shipped("silica")
    cubic = {"name": "NaCl", "crystalstructure": "rocksalt", "a": 4.0, "cubic": True}
    salt = {"builder": "ase.build:bulk", "kwargs": cubic, "n_geometries": 12}
    vacancy = salt | {"remove": [1], "total_charges_e": [0.0, 1.0, 2.0]}
    raw["datasets"] = {"silica": raw["datasets"]["silica"]}
    raw["datasets"]["silica"]["structures"] = {"perfect": salt, "vacancy": vacancy}
    raw["potentials"] = {"qeq-reads": raw["potentials"]["qeq-reads"]}
    raw["potentials"]["gfn1"] = {"kind": "ase"} | calculator
    return raw


def test_charge_states_are_labelled_learned_and_shown(checkout) -> None:
    springs = {"module": "tests/learning/charged_springs.py", "factory": "ChargedSprings"}
    done = run(checkout, charge_states_of(springs), "--cores", "2")
    assert done.returncode == 0, done.stderr[-3000:]
    results = checkout / "results/silica"
    table = pd.read_csv(results / "tables/charge_states.csv")
    assert list(zip(table["structure"], table["total_charge_e"], strict=True)) == [
        ("perfect", 0.0),
        *(("vacancy", charge) for charge in (0.0, 1.0, 2.0)),
    ]
    vacancy = table[table["structure"] == "vacancy"]
    assert vacancy["energy_above_labels_eV"].to_numpy() == pytest.approx([0.0, 6.0, 14.0])
    assert vacancy["charge_beside_labels_e"].to_numpy() == pytest.approx([0.0, 1 / 7, 2 / 7])
    assert vacancy["fermi_labels_eV"].to_numpy()[1] == pytest.approx(-7.0)
    card = json.loads((results / "datasets/silica/card.json").read_text())
    assert set(card["labels"]["total_charge_e"]) == {"0", "1", "2"}
    assert "charge_states" in (results / "report.html").read_text()


def test_labels_that_cannot_be_had_fail_in_one_line(checkout) -> None:
    raw = charge_states_of({"module": "nothing.ase", "factory": "Nothing"}) | {"name": "none"}
    failed = run(checkout, raw, "--cores", "1", "charge_states")
    assert failed.returncode != 0
    assert (
        "label.potential: nothing.ase:Nothing needs nothing: pip install nothing" in failed.stderr
    )
