"""A step of a learning loop, by anyone's potential, labeller and liquid."""

import json
import shutil
from pathlib import Path

import ase.io
import numpy as np
import pandas as pd
import pytest
import yaml
from ase.calculators.lj import LennardJones
from ase.calculators.singlepoint import SinglePointCalculator
from checkouts import ROOT, snakemake
from test_plugin import CONFIG as TOY

from falsemetal.potentials.force_field.calculator import ForceFieldCalculator

pytestmark = pytest.mark.workflow


def configure(checkout: Path) -> str:
    """Write the smoke configuration with a dataset that grows by a force field's runs."""
    raw = yaml.safe_load((ROOT / "config/smoke.yaml").read_text())
    raw["name"] = "loop"
    raw["datasets"]["gen1"] = {
        "kind": "extended",
        "of": "spce",
        "by": "spce-truncated",
        "campaign": "slabs",
        "size_A": 6.3,
        "select": {"n_frames": 3, "known_share": 0.6},
        "label": {"kind": "files", "output": "labelled.extxyz"},
    }
    raw["potentials"]["sr-1"] = raw["potentials"]["sr-mace"] | {"dataset": "gen1", "label": "SR-1"}
    (checkout / "loop.yaml").write_text(yaml.safe_dump(raw))
    return "loop.yaml"


def test_labels_are_computed_elsewhere_and_copied_back(checkout) -> None:
    arguments = (
        "--cores",
        "2",
        "--configfile",
        configure(checkout),
        "--",
        "tableS9",
        "generations",
    )
    arguments += ("results/loop/models/sr-1/model.json",)
    waits = snakemake(checkout, *arguments)
    assert waits.returncode != 0
    assert "3 of 3 frames wait for their labels" in waits.stdout + waits.stderr
    folder = checkout / "results/loop/datasets/gen1"
    chosen = (folder / "chosen.extxyz").stat().st_mtime_ns
    structures = sorted((folder / "labels").glob("*/structure.extxyz"))
    assert len(structures) == 3
    for path in structures:
        frame = ase.io.read(path)
        energy, forces = ForceFieldCalculator().evaluate(frame)
        frame.calc = SinglePointCalculator(frame, energy=energy, forces=forces)
        ase.io.write(path.with_name("labelled.extxyz"), frame)
    done = snakemake(checkout, *arguments)
    assert done.returncode == 0, done.stderr[-3000:]
    assert (folder / "chosen.extxyz").stat().st_mtime_ns == chosen, "what was chosen stays"
    card = json.loads((folder / "card.json").read_text())
    assert card["added"]["n_added"] == 3
    assert sum(count.get("gen1", 0) for count in card["counts"].values()) == 3
    table = pd.read_csv(checkout / "results/loop/tables/tableS9.csv")
    assert table["dataset"].tolist() == ["spce", "gen1"]
    assert table["n_total"].diff()[1] == 3
    picture = pd.read_csv(checkout / "results/loop/figures/generations.csv")
    assert picture.groupby("frames")["n"].sum()["added"] == 3
    model = json.loads((checkout / "results/loop/models/sr-1/model.json").read_text())
    assert model
    again = snakemake(checkout, *arguments)
    assert "Nothing to be done" in again.stdout + again.stderr


def test_another_liquid_by_calculators_of_ones_own(checkout) -> None:
    shutil.copy(ROOT / "tests/workflow/toy_plugin.py", checkout)
    argon = {"sigma": 3.4, "epsilon": 0.0104, "rc": 8.0}
    frames = []
    for seed in range(40):
        frame = ase.Atoms("Ar16", cell=[8.0, 8.0, 16.0], pbc=True)
        sites = np.stack(np.meshgrid([1, 5], [1, 5], [1, 5, 9, 13], indexing="ij"), -1)
        frame.positions = sites.reshape(-1, 3)
        frame.rattle(0.2, seed=seed)
        frame.calc = LennardJones(**argon)
        labels = {"energy": frame.get_potential_energy(), "forces": frame.get_forces()}
        frame.calc = SinglePointCalculator(frame, **labels)
        frames.append(frame)
    ase.io.write(checkout / "argon.extxyz", frames)
    keys = {"energy_key": "energy", "forces_key": "forces"}
    raw = TOY | {"name": "argon"}
    checks = {"maximum_bond_ratio": 2.5, "energy_fit_eV_per_atom": 1.0}
    raw["datasets"] = {
        "argon": {"kind": "labelled", "path": "argon.extxyz", "format": "extxyz", "checks": checks}
        | keys,
        "gen1": {
            "kind": "extended",
            "of": "argon",
            "by": "soft",
            "campaign": "film",
            "size_A": 8.0,
            "select": {"n_frames": 5, "how": "even"},
            "label": {"kind": "potential", "potential": "lj"},
            "checks": checks,
        },
    }
    lennard_jones = {"module": "ase.calculators.lj", "factory": "LennardJones", "kwargs": argon}
    raw["potentials"] = TOY["potentials"] | {"lj": {"kind": "ase"} | lennard_jones}
    (checkout / "argon.yaml").write_text(yaml.safe_dump(raw))
    card = "results/argon/datasets/gen1/card.json"
    run = snakemake(checkout, "--cores", "2", "--configfile", "argon.yaml", "--", card)
    assert run.returncode == 0, run.stderr[-3000:]
    told = json.loads((checkout / card).read_text())
    assert told["added"]["n_added"] == 5
    assert told["added"]["n_before"] == 40
