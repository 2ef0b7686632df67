"""What a user's file adds is built, run, observed and drawn like what ships."""

import copy
import re
import shutil
from pathlib import Path

import pandas as pd
import pytest
import yaml
from ase import units
from checkouts import ROOT, snakemake

CONFIG = {
    "name": "toy",
    "plugins": ["toy_plugin.py"],
    "liquid": {"region": "argon", "centres": ["Ar"], "bonds": [], "charge_shares": {"Ar": 1.0}},
    "potentials": {
        "soft": {"kind": "springs", "runs": {"film": {"duration_ps": 2.0}}},
        "hard": {
            "kind": "springs",
            "stiffness_eV_per_A2": 8.0,
            "runs": {"film": {"duration_ps": 2.0}},
        },
    },
    "campaigns": {"film": {"kind": "lattice", "sizes_A": [4.0, 8.0]}},
    "dynamics": {"discard_ps": 0.5, "frame_interval_fs": 20.0, "friction_per_fs": 0.05},
}

pytestmark = pytest.mark.workflow


def test_a_potential_a_campaign_an_observable_and_a_figure_of_ones_own(checkout: Path) -> None:
    shutil.copy(ROOT / "tests/workflow/toy_plugin.py", checkout)
    (checkout / "toy.yaml").write_text(yaml.safe_dump(CONFIG))
    run = snakemake(checkout, "--cores", "2", "spreading", "--configfile", "toy.yaml")
    assert run.returncode == 0, run.stderr
    figures = checkout / "results/toy/figures"
    assert (figures / "spreading.png").stat().st_size > 0
    table = pd.read_csv(figures / "spreading.csv")
    assert set(table["height_A"]) == {4.0, 8.0}
    means = table.groupby("potential")["spread_A2"].mean()
    for name, stiffness in (("soft", 2.0), ("hard", 8.0)):
        assert means[name] == pytest.approx(3 * units.kB * 300.0 / stiffness, rel=0.4)

    # a changed key of the plugin's runs that potential again, and no other
    changed = copy.deepcopy(CONFIG)
    changed["potentials"]["hard"]["stiffness_eV_per_A2"] = 9.0
    (checkout / "toy.yaml").write_text(yaml.safe_dump(changed))
    again = snakemake(
        checkout, "--dry-run", "--quiet", "host", "--configfile", "toy.yaml", "--", "spreading"
    )
    runs = set(re.findall(r"output: results/toy/trajectories/(\S+)/0\.h5", again.stdout))
    assert runs == {"hard/film/4A", "hard/film/8A"}
