"""A user's own trajectories in the workflow: read, observed, drawn, and read again if changed."""

import re
from pathlib import Path

import pandas as pd
import pytest
import yaml
from checkouts import snakemake
from recordings import tumbling, wrapped, write

from falsemetal.campaigns import WaterSlab
from falsemetal.simulation.trajectory import Trajectory
from falsemetal.systems.boundary import Boundary

pytestmark = pytest.mark.workflow

SLABS = {"kind": "water_slab", "cross_section_A": 9.3, "cell_height_A": 40.0, "sizes_A": [9.3]}
CONFIG = {
    "name": "recorded",
    "potentials": {
        "aimd": {
            "kind": "trajectory",
            "label": "AIMD",
            "charge_e": -0.5562,
            "files": {"slabs": {9.3: ["data/0.xyz", "data/1.xyz"]}},
        }
    },
    "campaigns": {"slabs": SLABS},
    "dynamics": {"discard_ps": 0.5},
}


def write_run(path: Path, seed: int) -> None:
    start = WaterSlab.model_validate(SLABS).build(9.3, seed=seed)
    write(path, wrapped(tumbling(start, 60, seed=seed), 18.0))


def test_a_trajectory_of_ones_own_is_drawn_as_a_potential(checkout: Path) -> None:
    (checkout / "data").mkdir(exist_ok=True)
    for replica in (0, 1):
        write_run(checkout / f"data/{replica}.xyz", seed=replica)
    (checkout / "recorded.yaml").write_text(yaml.safe_dump(CONFIG))
    targets = ("--configfile", "recorded.yaml", "--", "density", "table_runs")
    run = snakemake(checkout, "--cores", "1", *targets)
    assert run.returncode == 0, run.stderr
    results = checkout / "results/recorded"
    assert not (results / "starts").exists()
    with Trajectory(results / "trajectories/aimd/slabs/9.3A/1.h5") as trajectory:
        assert trajectory.boundary is Boundary.FILM
        assert trajectory.n_frames == 60
    density = pd.read_csv(results / "figures/density.csv")
    assert set(density["potential"]) == {"aimd"}
    [row] = pd.read_csv(results / "tables/table_runs.csv").to_dict("records")
    assert (row["model"], row["n_runs"], row["time_ps"]) == ("AIMD", 2, pytest.approx(3.0))
    assert pd.isna(row["temperature_K"])
    # other contents of a file, and nothing else, are read again
    write_run(checkout / "data/1.xyz", seed=7)
    again = snakemake(checkout, "--dry-run", "--quiet", "host", *targets)
    made = re.findall(r"output: results/recorded/trajectories/(\S+)\.h5", again.stdout)
    assert made == ["aimd/slabs/9.3A/1"]
