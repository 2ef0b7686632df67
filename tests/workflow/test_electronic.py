"""Electronic structure through the workflow: run here, or run elsewhere and copied back."""

import json
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import yaml
from ase.io import read
from checkouts import ROOT, path_without_cp2k, snakemake, with_cp2k

from falsemetal.electronic.selection import structure_checksum

FIGURES = ("fig2b", "fig3b", "figS1", "figS9")
RESULTS = Path("results/electrons")
JOB = RESULTS / "electronic/polarised/0/PBE-0"

pytestmark = pytest.mark.workflow


@pytest.fixture(scope="module")
def configuration(checkout: Path) -> str:
    """Two frames of a thin slab of the force field, in a minimal basis, in a field and without."""
    smoke = yaml.safe_load((ROOT / "config/smoke.yaml").read_text())
    config = {
        "name": "electrons",
        "datasets": smoke["datasets"],
        "potentials": {
            "spce": {
                "kind": "force_field",
                "dataset": "spce",
                "runs": {"slabs": {"duration_ps": 20.0}},
            }
        },
        "campaigns": {"slabs": smoke["campaigns"]["slabs"] | {"sizes_A": [6.3]}},
        "dynamics": smoke["dynamics"],
        "analysis": smoke["analysis"],
        "electronic": {
            "engine": {
                "kind": "cp2k",
                "basis": "SZV-MOLOPT-SR-GTH",
                "basis_file": "BASIS_MOLOPT",
                "cutoff_Ry": 100.0,
            },
            "frames": {
                "polarised": {
                    "potential": "spce",
                    "campaign": "slabs",
                    "size_A": 6.3,
                    "targets_V": [-100.0, 100.0],
                    "field_V_per_A": 0.02,
                }
            },
        },
    }
    (checkout / "config/electrons.yaml").write_text(yaml.safe_dump(config))
    return "config/electrons.yaml"


def command(configuration: str) -> list[str]:
    return ["--cores", "2", *FIGURES, "table_jobs", "--configfile", configuration]


@pytest.fixture(scope="module")
def written(checkout: Path, configuration: str, tmp_path_factory) -> subprocess.CompletedProcess:
    """Run without CP2K: jobs are written."""
    path = path_without_cp2k(tmp_path_factory.mktemp("programs") / "bin")
    return snakemake(checkout, *command(configuration), path=path)


def test_without_the_engine_jobs_are_written_and_listed(written, checkout) -> None:
    assert written.returncode == 0, written.stderr
    assert "none of cp2k.psmp" in written.stderr
    assert "run them elsewhere" in written.stderr
    table = pd.read_csv(checkout / RESULTS / "tables/table_jobs.csv")
    assert len(table) == 4
    assert set(table["status"]) == {"ready to run"}
    for folder in table["folder"]:
        for name in ("cp2k.inp", "manifest.json", "README.md", "structure.extxyz"):
            assert (checkout / folder / name).stat().st_size > 0
    for figure in FIGURES:
        assert (checkout / RESULTS / f"figures/{figure}.png").stat().st_size > 0


def test_frames_are_the_extremes_and_carry_their_origin(written, checkout) -> None:
    assert written.returncode == 0, written.stderr
    frames = read(checkout / RESULTS / "electronic/polarised/frames.extxyz", index=":")
    dipole = pd.read_csv(checkout / RESULTS / "observables/spce/slabs/6.3A/voltage.csv")
    difference = dipole["delta_V_V"]
    assert [atoms.info["delta_V_V"] for atoms in frames] == pytest.approx(
        [difference.min(), difference.max()]
    )
    for atoms in frames:
        assert structure_checksum(atoms) == atoms.info["structure_sha256"]
    manifest = json.loads((checkout / JOB / "manifest.json").read_text())
    assert manifest["frame"]["structure_sha256"] == frames[0].info["structure_sha256"]


@with_cp2k
def test_jobs_are_run_and_outputs_computed_elsewhere_serve_as_well(
    written, checkout, configuration, tmp_path
) -> None:
    run = snakemake(checkout, *command(configuration))
    assert run.returncode == 0, run.stderr
    jobs = pd.read_csv(checkout / RESULTS / "tables/table_jobs.csv")
    assert set(jobs["status"]) == {"done"}
    response = pd.read_csv(checkout / RESULTS / "figures/fig2b.csv")
    vacuum = response[(response["z_A"] > 2.0) & (response["z_A"] < 5.0)]
    for _, rows in vacuum.groupby("frame"):
        slope = np.polyfit(rows["z_A"], rows["delta_phi_eV"], 1)[0]
        assert slope == pytest.approx(0.02, rel=0.1)

    # as if one job had been run on another machine, without the record that it was run here
    for folder in (checkout / RESULTS / "electronic/polarised").glob("*/*/"):
        (folder / "run.json").unlink()
        if folder != checkout / JOB:
            (folder / "cp2k.log").unlink()
    path = path_without_cp2k(tmp_path / "bin")
    partial = snakemake(checkout, *command(configuration), path=path)
    assert partial.returncode == 0, partial.stderr
    table = pd.read_csv(checkout / RESULTS / "tables/table_jobs.csv").set_index("folder")
    assert table.loc[str(JOB), "status"] == "done"
    assert (table["status"] == "ready to run").sum() == 3
    gaps = pd.read_csv(checkout / RESULTS / "figures/fig3b.csv")
    assert gaps["gap_eV"].notna().sum() == 1
    shutil.rmtree(checkout / RESULTS)
