"""The workflow itself: a whole run at toy size, killed twice on the way, and what it says."""

import json
import os
import re
import shutil
import signal
import subprocess
import time
from pathlib import Path

import pandas as pd
import pytest
import yaml
from checkouts import BIN, PATIENCE_S, ROOT, snakemake

from falsemetal.config import load_config
from falsemetal.config.checks import OWNER
from falsemetal.products import fig3a
from falsemetal.products.registry import PRODUCTS
from falsemetal.simulation.trajectory import Trajectory

pytestmark = pytest.mark.workflow


def start(checkout: Path, *arguments: str) -> subprocess.Popen:
    return subprocess.Popen(
        ["tools/run", "--cores", "2", *arguments],
        cwd=checkout,
        env=os.environ | {"BIN": str(BIN), "OMP_NUM_THREADS": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )


def kill_once_there(checkout: Path, patterns: list[str]) -> str:
    """Start a run, kill all of it as soon as a file matches, and say which pattern it was."""
    run = start(checkout, "--configfile", "config/smoke.yaml")
    deadline = time.monotonic() + PATIENCE_S
    while not (seen := [p for p in patterns if any((checkout / "results/smoke").glob(p))]):
        assert run.poll() is None, run.stdout.read()
        assert time.monotonic() < deadline, f"{patterns} never appeared"
        time.sleep(0.05)
    os.killpg(run.pid, signal.SIGKILL)
    run.communicate()
    return seen[0]


@pytest.fixture(scope="module")
def smoke(checkout) -> tuple[Path, str]:
    """Results and output of a run that was killed in training, in LAMMPS and in MD of a model."""
    moments = [
        "trajectories/spce/slabs/*/*.*.h5",
        "models/*/checkpoint.pt",
        "trajectories/*-mace/*/*/*.*.h5",
    ]
    finished: dict[Path, float] = {}
    while moments:
        moments.remove(kill_once_there(checkout, moments))
        labels = (checkout / "results/smoke/datasets").glob("*/sampling/*")
        finished = {path: path.stat().st_mtime for path in labels} | finished
    run = start(checkout, "--configfile", "config/smoke.yaml")
    output, _ = run.communicate(timeout=PATIENCE_S)
    assert run.returncode == 0, output
    remade = [path for path, made in finished.items() if path.stat().st_mtime != made]
    assert len(finished) == 3
    assert remade == []
    return checkout / "results/smoke", output


def test_a_killed_run_ends_with_every_product(smoke) -> None:
    results, _ = smoke
    for figure in (
        *("relaxation", "structure_factors-elongated", "learned_charges"),
        *(
            "stacking",
            "predicted",
            "fig3a",
            "fig3c",
            "fig3d",
            "figS7",
            "figS8",
            "figS10",
            "density",
        ),
    ):
        for suffix in ("pdf", "png", "csv", "provenance.json"):
            assert (results / f"figures/{figure}.{suffix}").stat().st_size > 0
    for table in (
        "table_check",
        "table_errors",
        "table_runs",
        "table_fluctuations",
        "table_charges",
    ):
        assert len(pd.read_csv(results / f"tables/{table}.csv")) > 0
    assert "fig3a" in (results / "report.html").read_text()


def test_figure_3a_holds_every_potential_and_thickness(smoke) -> None:
    results, _ = smoke
    table = pd.read_csv(results / "figures/fig3a.csv")
    assert list(table.columns) == fig3a.COLUMNS
    config = yaml.safe_load((ROOT / "config/smoke.yaml").read_text())
    for name in config["potentials"]:
        rows = table[table["potential"] == name]
        assert list(rows["thickness_A"]) == config["campaigns"]["slabs"]["sizes_A"]
        converged = rows[rows["converged"]]
        assert (converged["sigma_P_low"] < converged["sigma_P_high"]).all()
    assert table.set_index("potential").loc["spce", "converged"].all()


def test_figures_of_bulk_hold_every_potential_where_it_is_run(smoke) -> None:
    results, _ = smoke
    config = load_config(ROOT / "config/smoke.yaml")
    for figure, campaign in (("fig3c", "elongated"), ("figS10", "cubic")):
        table = pd.read_csv(results / f"figures/{figure}.csv")
        shown = set(zip(table["potential"], table["length_A"], strict=True))
        assert shown == {
            (name, size)
            for name in config.potentials
            for size in config.durations_ps(name, campaign)
        }
        means = table[table["quantity"] == "mean_dV_V"]
        known = means.dropna()
        assert (known["y_low"] < known["y_high"]).all()


def test_trajectories_reach_their_length_without_gap_or_repeat(smoke) -> None:
    results, _ = smoke
    config = load_config(ROOT / "config/smoke.yaml")
    paths = sorted(results.glob("trajectories/*/*/*/[0-9].h5"))
    assert len(paths) == 26
    for path in paths:
        with Trajectory(path) as trajectory:
            steps = trajectory.steps
            assert trajectory.provenance["config"] == "smoke"
            assert set(steps[1:] - steps[:-1]) == {10}
            potential, campaign, size = path.parts[-4:-1]
            assert steps[-1] == config.n_steps(potential, campaign, float(size.rstrip("A")))


def test_products_tell_where_they_come_from(smoke) -> None:
    results, _ = smoke
    stamp = json.loads((results / "figures/fig3a.provenance.json").read_text())
    assert {"commit", "config_sha256", "packages", "seed"} <= set(stamp)
    assert (
        json.loads((results / "models/sr-mace/model.json").read_text())["provenance"]["seed"] == 1
    )
    assert json.loads((results / "datasets/spce/card.json").read_text())["provenance"]["seed"] == 1


def test_the_user_sees_progress_and_where_the_products_are(smoke) -> None:
    _, output = smoke
    assert "steps/s" in output
    assert "results/smoke/report.html" in output
    assert "results/smoke/figures/fig3a.png" in output


def test_a_second_run_does_nothing(smoke, checkout) -> None:
    run = snakemake(checkout, "--dry-run", "--configfile", "config/smoke.yaml")
    output = run.stdout + run.stderr
    assert "Nothing to be done" in output


TABLES = {
    **{"observe_cubic_voltage": 3, "observe_cubic_rdf": 2},
    **{"observe_elongated_voltage": 6, "observe_slabs_voltage": 8},
}
OF_MODELS = {
    **{"observe_cubic_voltage": 1, "observe_cubic_rdf": 1},
    **{"observe_elongated_voltage": 2, "observe_slabs_voltage": 4},
}
OF_SPCE = {
    **{"observe_cubic_voltage": 2, "observe_cubic_rdf": 1},
    **{"observe_elongated_voltage": 2, "observe_slabs_voltage": 2, "observe_released_voltage": 1},
}
RELEASED = {"observe_released_voltage": 2}
CHECKS = {"stacking": 1, "table_check": 1}
MODELS = {
    "train": 2,
    "check": 2,
    **CHECKS,
    "evaluate": 2,
    "read_charges": 1,
    "simulate_ase": 10,
    **OF_MODELS,
}
RUNS = {"simulate_lammps": 16, "simulate_ase": 10, **TABLES, **RELEASED}


def shows(kind: str, campaign: str) -> dict[str, int]:
    """Products of a campaign; those of several kinds have one for each of the two here."""
    return {
        name if len(product.campaigns) == 1 else f"{name}-{campaign}": 1
        for name, product in PRODUCTS.items()
        # no potential here answers to a field
        if kind in product.campaigns and not product.responses
    }


FILMS, BOXES = shows("water_slab", "slabs"), shows("water_box", "elongated")
CUBES, OF_RELEASED = shows("water_cube", "cubic"), shows("polarised_slab", "released")
BULK = {**BOXES, **CUBES}
REST = dict.fromkeys(["table_runs", "report", "all"], 1)
# the force field alone is run in the largest cube
OF_TRAINED = {**FILMS, **BULK, **REST, "structure_factors-cubic": 0}
EVERYTHING_SHOWN = {**FILMS, **BULK, **REST, **OF_RELEASED}
ERRORS = {"table_errors": 1}
LEARNED = {"learned_charges": 1, "table_charges": 1}


@pytest.mark.parametrize(
    ("key", "value", "jobs"),
    [
        ("training.device", "cpu", {}),
        ("dynamics.compile", "never", {}),
        ("potentials.sr-mace.label", "SR", {**FILMS, **BOXES, **ERRORS, **CHECKS, **REST}),
        ("analysis.rdf_bin_A", 0.1, {"observe_cubic_rdf": 2, "figS7": 1, "report": 1, "all": 1}),
        (
            "potentials.spce.charge_e",
            -0.9,
            {
                **{**OF_SPCE, "observe_cubic_rdf": 0, **EVERYTHING_SHOWN, "figS7": 0},
                **{"check": 1, **CHECKS},
            },
        ),
        ("dynamics.discard_ps", 0.12, {**TABLES, **FILMS, **BULK, **REST}),
        ("dynamics.limits.temperature_K", 1e5, {**RUNS, **EVERYTHING_SHOWN}),
        (
            "liquid.bonds",
            [{"element": "H", "count": 2, "cutoff_A": 1.3}],
            {**RUNS, "read_charges": 1, "check": 4, **CHECKS, **EVERYTHING_SHOWN, **LEARNED},
        ),
        (
            "potentials.spce.runs.slabs.duration_ps",
            80.0,
            {"simulate_lammps": 2, "observe_slabs_voltage": 2, **FILMS, **REST},
        ),
        (
            "campaigns.slabs.equilibration_ps",
            1.5,
            {
                **{"equilibrate": 4, "simulate_lammps": 4, "simulate_ase": 6},
                **{"observe_slabs_voltage": 8, **FILMS, **REST},
            },
        ),
        ("start_force_field.angle_deg", 105.0, {"equilibrate": 12, **RUNS, **EVERYTHING_SHOWN}),
        (
            "datasets.spce.force_field.angle_deg",
            105.0,
            {
                **{"sample": 3, "curate": 1, **MODELS, **RUNS, "check": 4},
                **{**ERRORS, **LEARNED, **EVERYTHING_SHOWN},
            },
        ),
        (
            "datasets.spce.split.test",
            0.25,
            {"curate": 1, **MODELS, **ERRORS, **LEARNED, **OF_TRAINED},
        ),
        (
            "potentials.spce.dataset",
            "other",
            {"simulate_lammps": 10, "check": 1, **CHECKS, **OF_SPCE, **EVERYTHING_SHOWN},
        ),
        ("training.epochs", 3, {**MODELS, **ERRORS, **LEARNED, **OF_TRAINED}),
        (
            "potentials.lr-mace.r_cut_A",
            3.5,
            {
                **{"train": 1, "evaluate": 1, "read_charges": 1, "check": 1, **CHECKS},
                **{"simulate_ase": 6, "observe_slabs_voltage": 2},
                **{"observe_cubic_voltage": 1, "observe_cubic_rdf": 1},
                **{**FILMS, **CUBES, **ERRORS, **LEARNED, **REST, "structure_factors-cubic": 0},
                "tableS2": 1,
            },
        ),
    ],
)
def test_a_changed_key_makes_exactly_what_depends_on_it_again(
    smoke, checkout, key, value, jobs
) -> None:
    shipped = ROOT / "config/smoke.yaml"
    config = yaml.safe_load(shipped.read_text())
    # by itself no change: nothing is trained on it
    warmer = {"force_field": {"angle_deg": 105.0}}
    config["datasets"]["other"] = config["datasets"]["spce"] | warmer
    *parents, last = key.split(".")
    section = config
    for parent in parents:
        section = section.setdefault(parent, {})
    section[last] = value
    copy = checkout / "config/smoke.yaml"
    copy.write_text(yaml.safe_dump(config, sort_keys=False))
    try:
        run = snakemake(checkout, "--dry-run", "--configfile", "config/smoke.yaml")
    finally:
        copy.write_text(shipped.read_text())
    assert run.returncode == 0, run.stderr
    listed = re.findall(r"^([\w-]+) +(\d+)$", run.stdout, re.MULTILINE)
    found = {name: int(count) for name, count in listed if name != "total"}
    # the report shows the configuration, of which the further dataset is new
    expected = {name: count for name, count in jobs.items() if count} | {"report": 1, "all": 1}
    assert found == expected


def test_a_folder_that_is_moved_makes_nothing_again(smoke, checkout) -> None:
    moved = checkout.with_name("moved")
    checkout.rename(moved)
    try:
        run = snakemake(moved, "--dry-run", "--configfile", "config/smoke.yaml")
    finally:
        moved.rename(checkout)
    assert "Nothing to be done" in run.stdout + run.stderr


def test_it_runs_from_another_folder(smoke, checkout, tmp_path) -> None:
    """Results go to the folder in which it is started; sources and report's code are found."""
    shutil.copytree(checkout / "results", tmp_path / "results")
    (tmp_path / "results/smoke" / OWNER).unlink()  # which names it by another path
    (tmp_path / "results/smoke/report.html").unlink()
    command = ("--snakefile", str(checkout / "Snakefile"), "--configfile")
    run = snakemake(tmp_path, *command, str(checkout / "config/smoke.yaml"), "--cores", "1")
    assert run.returncode == 0, run.stderr
    assert (tmp_path / "results/smoke/report.html").exists()


def test_the_last_screen_and_the_report_tell_the_verdicts(smoke, checkout) -> None:
    verdicts = (checkout / "results/smoke/report.rst").read_text().splitlines()[:4]
    assert "- spce: **long-ranged (λ = 1.00)**" in verdicts
    assert "- spce-truncated: **short-ranged (λ = 0.00)**" in verdicts
    html = (checkout / "results/smoke/report.html").read_text()
    assert r"spce: <strong>long-ranged (\u03bb = 1.00)</strong>" in html
    assert "spce-truncated: short-ranged" in smoke[1]


def test_one_figure_needs_only_its_own_jobs(checkout) -> None:
    command = ("--dry-run", "figS8", "--forceall", "--configfile", "config/smoke.yaml")
    run = snakemake(checkout, *command)
    output = run.stdout + run.stderr
    assert "observe" in output
    assert "table_errors" not in output
    assert "fig3a" not in output


@pytest.mark.parametrize(
    "name",
    [
        "demo",
        "workstation",
        "paper",
        "interfaces",
        "interfaces-paper",
        "interfaces-dft",
        "conductor",
        "learning",
        "charges",
    ],
)
def test_every_configuration_builds_its_jobs(checkout, name) -> None:
    run = snakemake(checkout, "--dry-run", "--configfile", f"config/{name}.yaml")
    assert run.returncode == 0, run.stderr
    assert "simulate_ase" in run.stdout + run.stderr


def test_electrons_beside_a_metal_are_jobs_of_their_figures(checkout) -> None:
    """Of frames on request, which no job of `all` needs."""
    figures = ("fig2a", "fig2c", "figS1b", "band_edges", "table_jobs")
    command = ("--dry-run", "--configfile", "config/interfaces.yaml")
    run = snakemake(checkout, *command, "--", *figures)
    assert run.returncode == 0, run.stderr
    counts = dict(re.findall(r"^([\w-]+) +(\d+)$", run.stdout, re.MULTILINE))
    config = yaml.safe_load((ROOT / "config/interfaces.yaml").read_text())
    frames = len(config["electronic"]["frames"]["copper"]["targets_V"])
    assert counts["read_job"] == counts["write_job"] == str(frames)
    assert all(counts[name] == "1" for name in (*figures, "choose_frames"))
    of_all = snakemake(checkout, *command)
    assert of_all.returncode == 0, of_all.stderr
    assert "choose_frames" not in of_all.stdout
    counts = dict(re.findall(r"^([\w-]+) +(\d+)$", of_all.stdout, re.MULTILINE))
    assert counts["fig1"] == "1"
    assert "fig1-small" not in counts


@pytest.mark.parametrize("engine", ["cp2k", "fhi-aims"])
def test_the_frames_of_the_paper_are_jobs_of_either_engine(checkout, tmp_path, engine) -> None:
    files = ["config/interfaces-paper.yaml", f"config/overlays/{engine}-interfaces.yaml"]
    if engine == "fhi-aims":
        folder = tmp_path / "species.yaml"
        settings = {"electronic": {"engine": {"species_directory": str(tmp_path)}}}
        folder.write_text(yaml.safe_dump(settings))
        files.append(str(folder))
    run = snakemake(checkout, "--dry-run", "table_jobs", "figS6", "--configfile", *files)
    assert run.returncode == 0, run.stderr
    assert re.search(r"^write_job +26$", run.stdout, re.MULTILINE)


def test_a_faulty_configuration_stops_before_anything_runs(checkout) -> None:
    config = yaml.safe_load((ROOT / "config/smoke.yaml").read_text())
    slabs = config["campaigns"]["slabs"]
    slabs["cell_hight_A"] = slabs.pop("cell_height_A")
    (checkout / "faulty.yaml").write_text(yaml.safe_dump(config))
    run = snakemake(checkout, "--cores", "1", "--configfile", "faulty.yaml")
    assert run.returncode != 0
    assert "campaigns.slabs.cell_hight_A: unknown key" in run.stderr
    assert "Traceback" not in run.stderr


def test_a_folder_that_another_run_holds_is_left_alone_with_a_clear_message(checkout) -> None:
    """Also what a run that was killed leaves behind, wherever in a cluster it ran."""
    target = "results/smoke/starts/slabs/6.3A/0.extxyz"
    command = ("--cores", "1", "--forcerun", "equilibrate", "--configfile", "config/smoke.yaml")
    first = start(checkout, *command, "--", target)
    deadline = time.monotonic() + PATIENCE_S
    while not any((checkout / ".snakemake/locks").glob("*")):
        assert time.monotonic() < deadline, "the first run never locked its folder"
        time.sleep(0.01)
    os.killpg(first.pid, signal.SIGSTOP)
    second = snakemake(checkout, *command, "--", target)
    os.killpg(first.pid, signal.SIGKILL)
    first.communicate()
    third = snakemake(checkout, *command, "--", target)
    for refused in (second, third):
        assert refused.returncode != 0
        assert str(checkout) in refused.stderr
        assert "--unlock" in refused.stderr
    assert snakemake(checkout, "--unlock").returncode == 0
    assert snakemake(checkout, *command, "--", target).returncode == 0
