"""A committee of networks through the workflow, natively and by CP2K."""

import shutil
from pathlib import Path

import pandas as pd
import pytest
import yaml
from checkouts import ROOT, SHARED, path_without_cp2k, snakemake, with_cp2k, with_shared_data

WEIGHTS = SHARED / "bpnnp-bulkH2O-jcp2020"
FRAMES = SHARED / "revpbe0-d3-water/input.data"

pytestmark = [pytest.mark.workflow, with_shared_data]


@pytest.fixture(scope="module")
def configuration(checkout: Path) -> str:
    """One small box with the committee twice, and a toy of a model of the same labels."""
    smoke = yaml.safe_load((ROOT / "config/smoke.yaml").read_text())
    run = {"cubic": {"duration_ps": 0.065}}
    committee = {"kind": "bpnnp", "dataset": "dft", "path": str(WEIGHTS), "runs": run}
    config = {
        "name": "committee",
        "datasets": {
            "dft": {
                "kind": "labelled",
                "path": str(FRAMES),
                "format": "runner",
                "split": {"test": 0.03},
            }
        },
        "training": {"epochs": 1, "batch_size": 8},
        "potentials": {
            "native": committee,
            "by-cp2k": committee | {"engine": "cp2k"},
            "toy": {
                "kind": "mace",
                "dataset": "dft",
                "r_cut_A": 3.0,
                "layers": 1,
                "l_max": 0,
                "channels": 2,
                "max_ell": 1,
                "correlation": 1,
                "radial_mlp": [8],
            },
        },
        "campaigns": {"cubic": {"kind": "water_cube", "sizes_A": [12.42], "equilibration_ps": 1.0}},
        "dynamics": smoke["dynamics"] | {"discard_ps": 0.01, "frame_interval_fs": 5.0},
        "analysis": {"maximum_lag_ps": 0.025},
        "check": {"probes": ["water-32"]},
    }
    (checkout / "config/committee.yaml").write_text(yaml.safe_dump(config))
    return "config/committee.yaml"


def shown(checkout: Path) -> set[str]:
    table = pd.read_csv(checkout / "results/committee/figures/figS10.csv")
    return set(table["potential"])


def test_without_cp2k_the_rest_goes_on_and_says_so(checkout, configuration, tmp_path) -> None:
    arguments = ("--cores", "2", "--configfile", configuration, "--", "figS10", "table_runs")
    run = snakemake(checkout, *arguments, path=path_without_cp2k(tmp_path / "bin"))
    assert run.returncode == 0, run.stderr
    assert "CP2K: none of" in run.stderr
    assert "by-cp2k is left out" in run.stderr
    assert shown(checkout) == {"native"}
    shutil.rmtree(checkout / "results/committee/figures")


def test_a_cp2k_that_is_too_old_stops_nothing_else(checkout, configuration, tmp_path) -> None:
    path = path_without_cp2k(tmp_path / "bin")
    program = tmp_path / "bin/cp2k"
    program.write_text("#!/bin/sh\necho CP2K version 8.2\n")
    program.chmod(0o755)
    arguments = ("--dry-run", "--configfile", configuration, "--", "figS10")
    run = snakemake(checkout, *arguments, path=path)
    assert run.returncode == 0, run.stderr
    assert "is older than 9.1" in run.stderr
    assert "by-cp2k is left out" in run.stderr


@with_cp2k
def test_both_engines_run_it_and_are_drawn(checkout, configuration) -> None:
    targets = ("figS10", "figS7", "table_runs", "table_errors", "table_check")
    run = snakemake(checkout, "--cores", "2", *targets, "--configfile", configuration)
    assert run.returncode == 0, run.stderr
    assert shown(checkout) == {"native", "by-cp2k"}
    runs = pd.read_csv(checkout / "results/committee/tables/table_runs.csv")
    assert list(runs["n_atoms"]) == [192, 192]
    assert list(runs["n_runs_failed"]) == [0, 0]
    errors = pd.read_csv(checkout / "results/committee/tables/table_errors.csv")
    force_rmse = errors.groupby("model")["rmse_force_meV_per_A"].first()
    assert force_rmse["native"] == force_rmse["by-cp2k"] < 100.0 < force_rmse["toy"]
