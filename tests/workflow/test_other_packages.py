"""Potentials of other packages in the workflow: checked, run, observed and drawn."""

import sys
from pathlib import Path

import pandas as pd
import pytest
import yaml
from checkouts import ROOT, make_environment, snakemake

pytestmark = pytest.mark.workflow


def config_of(python: Path) -> dict:
    """Slabs of a calculator of another interpreter, and of a package that is not here."""
    raw = yaml.safe_load((ROOT / "config/smoke.yaml").read_text())
    run = {"slabs": {"duration_ps": 0.4}}
    script = str(ROOT / "tests/verdict/calculators.py")
    potentials = {
        "spce": raw["potentials"]["spce"] | {"runs": run},
        "bonded": {
            "kind": "ase",
            "module": script,
            "factory": "Bonded",
            "python": str(python),
            "charge_e": -0.5562,
            "runs": run,
        },
        "grace": {"kind": "foundation", "arch": "grace", "runs": run, "optional": True},
    }
    slabs = raw["campaigns"]["slabs"] | {"sizes_A": [6.3]}
    return {
        "name": "foreign",
        "datasets": raw["datasets"],
        "potentials": potentials,
        "campaigns": {"slabs": slabs},
        "dynamics": raw["dynamics"],
        "check": {"probes": ["water-32"]},
    }


@pytest.fixture(scope="module")
def other_python(tmp_path_factory) -> Path:
    return make_environment(tmp_path_factory.mktemp("other"))


def test_any_potential_is_checked_and_run(checkout: Path, other_python: Path) -> None:
    (checkout / "foreign.yaml").write_text(yaml.safe_dump(config_of(other_python), sort_keys=False))
    targets = ("table_check", "stacking", "predicted", "fig3a", "--configfile", "foreign.yaml")
    run = snakemake(checkout, "--cores", "2", *targets)
    assert run.returncode == 0, run.stderr
    assert "grace needs tensorpotential: pip install tensorpotential" in run.stderr
    results = checkout / "results/foreign"
    verdicts = pd.read_csv(results / "tables/table_check.csv").set_index("potential")["verdict"]
    assert verdicts.to_dict() == {"SPC/E": "long-ranged", "bonded": "short-ranged"}
    drawn = pd.read_csv(results / "figures/predicted.csv")
    assert list(drawn["potential"]) == ["spce", "bonded"]
    assert drawn["predicted_dV_V"].gt(0.1).all()
    figure = pd.read_csv(results / "figures/fig3a.csv")
    assert {"spce", "bonded"} <= set(figure["potential"])
    # another interpreter is no other potential
    changed = config_of(other_python)
    changed["potentials"]["bonded"]["python"] = sys.executable
    (checkout / "foreign.yaml").write_text(yaml.safe_dump(changed, sort_keys=False))
    again = snakemake(checkout, "--dry-run", *targets)
    assert "Nothing to be done" in again.stdout + again.stderr
