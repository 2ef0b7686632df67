"""One fault loses nothing else: what failed is named, all the rest is made."""

import re
from pathlib import Path

import pandas as pd
import pytest
import yaml
from checkouts import ROOT, path_without_cp2k, snakemake

RESULTS = Path("results/faults")
BROKEN_CP2K = """#!/bin/sh
case "$*" in *--version*) echo "CP2K version 2023.1"; exit ;; esac
exit 1
"""

pytestmark = pytest.mark.workflow


@pytest.fixture(scope="module")
def failed(checkout: Path, tmp_path_factory):
    """Run of a committee that cannot be downloaded, by the force field, and by a broken CP2K."""
    smoke = yaml.safe_load((ROOT / "config/smoke.yaml").read_text())
    run = {name: {"duration_ps": 20.0} for name in ("slabs", "low")} | {
        "cubic": {"duration_ps": 5.0}
    }
    config = {
        "name": "faults",
        "potentials": {
            "spce": {"kind": "force_field", "dataset": "spce", "runs": run},
            "lost": {
                "kind": "bpnnp",
                "source": "lost-cnnp",
                "label": "Committee",
                "optional": True,
                "runs": {"cubic": {"duration_ps": 0.2}},
            },
        },
        "campaigns": {
            "slabs": smoke["campaigns"]["slabs"] | {"sizes_A": [6.3]},
            "low": smoke["campaigns"]["slabs"] | {"sizes_A": [6.3], "cell_height_A": 25.0},
            "cubic": smoke["campaigns"]["cubic"] | {"sizes_A": [9.3]},
        },
        "electronic": {
            "frames": {
                "some": {"potential": "spce", "campaign": "slabs", "size_A": 6.3, "quantiles": [1]}
            }
        },
    } | {key: smoke[key] for key in ("datasets", "dynamics", "analysis")}
    (checkout / "config/faults.yaml").write_text(yaml.safe_dump(config))
    catalogue = checkout / "data/sources.yaml"
    sources = yaml.safe_load(catalogue.read_text())
    # a port where nothing listens
    sources["lost-cnnp"] = sources["bulkH2O-jcp2020-cnnp"] | {"url": "https://127.0.0.1:9/model"}
    catalogue.write_text(yaml.safe_dump(sources))
    path = path_without_cp2k(tmp_path_factory.mktemp("programs") / "bin")
    program = Path(path) / "cp2k"
    program.write_text(BROKEN_CP2K)
    program.chmod(0o755)
    return snakemake(checkout, "--cores", "2", "--configfile", "config/faults.yaml", path=path)


def test_the_last_screen_lists_what_failed_with_its_reason_and_log(failed) -> None:
    assert failed.returncode != 0
    made, listed = failed.stderr.split("\nFailed:\n")
    assert "results/faults/figures/figS10.png" in made
    assert "results/faults/report.html" in made
    assert "  fetch/lost (lost is optional: products are complete without it): " in listed
    assert "127.0.0.1:9" in listed
    assert "  electronic/some/0/PBE/run: " in listed
    for log in ("fetch/lost.log", "electronic/some/0/PBE/run.log"):
        assert f"results/faults/logs/{log}" in listed
    assert "simulate/" not in listed


def test_figures_hold_what_there_is_and_name_the_rest(failed, checkout) -> None:
    results = checkout / RESULTS
    for figure in ("fig3a-slabs", "fig3a-low", "figS8-slabs", "density-low", "figS7", "figS10"):
        assert (results / f"figures/{figure}.png").stat().st_size > 0
    assert set(pd.read_csv(results / "figures/figS10.csv")["potential"]) == {"spce"}
    runs = pd.read_csv(results / "tables/table_runs.csv")
    assert set(runs["model"]) == {"spce"}
    jobs = pd.read_csv(results / "tables/table_jobs.csv")
    assert list(jobs["folder"]) == ["some/0/PBE"]
    assert set(jobs["status"]) == {"failed"}
    assert "fig3b: nothing that it shows could be made" in failed.stderr
    assert "fig3a-low" in (results / "report.html").read_text()


def test_once_the_fault_is_mended_the_figures_are_whole(failed, checkout) -> None:
    """What was drawn without a potential is drawn again as soon as its tables can be made."""
    command = ("--dry-run", "--configfile", "config/faults.yaml", "--", "figS10", "fig3a-slabs")
    output = snakemake(checkout, *command).stdout
    assert set(re.findall(r"^(\w+) +\d+$", output, re.MULTILINE)) == {
        *("fetch", "simulate_ase", "observe_cubic_voltage", "figS10", "total")
    }
