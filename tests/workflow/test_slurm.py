"""The workflow through profiles/slurm on a real Slurm of one node: `make test-slurm`.

That Slurm holds jobs to their walltime, but to neither their memory nor their cores.
"""

import os
import signal
import subprocess
import time
from pathlib import Path

import numpy as np
import psutil
import pytest
import yaml
from checkouts import BIN, PATIENCE_S, ROOT

from falsemetal.simulation.trajectory import Trajectory

SIZE_A = 9.3
RUN = f"trajectories/sr-mace/slabs/{SIZE_A}A/0"
FRAME_INTERVAL, N_STEPS = 10, 4000


pytestmark = [
    pytest.mark.workflow,
    pytest.mark.skipif(
        "ONE_NODE_SLURM" not in os.environ, reason="needs a Slurm of one node: make test-slurm"
    ),
]


@pytest.fixture(scope="module")
def configuration(checkout: Path) -> str:
    """Write the smoke configuration's thicker slab of a potential of either kind.

    One run is long enough to be caught at work.
    """
    config = yaml.safe_load((ROOT / "config/smoke.yaml").read_text())
    for potential in ("spce-truncated", "lr-mace"):
        del config["potentials"][potential]
    for campaign in ("elongated", "cubic", "released"):
        del config["campaigns"][campaign]
        for potential in config["potentials"].values():
            potential["runs"].pop(campaign, None)
    config["campaigns"]["slabs"]["sizes_A"] = [SIZE_A]
    sampling = config["datasets"]["spce"]["sampling"]
    config["datasets"]["spce"]["sampling"] = {"slab": sampling["slab"]}
    config["potentials"]["sr-mace"]["runs"]["slabs"]["duration_ps"] = N_STEPS / 1000
    # a first checkpoint soon after the start, however slow the machine compiles
    config["dynamics"]["compile"] = "never"
    (checkout / "config/slurm.yaml").write_text(yaml.safe_dump(config))
    return "config/slurm.yaml"


@pytest.fixture(scope="module")
def profile(checkout: Path) -> str:
    """Adapt the Slurm profile to this node as a user would."""
    profile = yaml.safe_load((ROOT / "profiles/slurm/profile.yaml").read_text())
    profile["set-threads"] = dict.fromkeys(profile["set-threads"], 1)
    profile |= {"slurm-status-command": "squeue", "slurm-init-seconds-before-status-checks": 2}
    folder = checkout / "profiles/one-node"
    folder.mkdir()
    (folder / "profile.yaml").write_text(yaml.safe_dump(profile))
    return "profiles/one-node"


def stop_once_saved(run: subprocess.Popen, results: Path) -> None:
    """Halt the process that holds the run after its first checkpoint, and let its time be up.

    Its job gets a walltime of a minute, Slurm's least, however long it took to get there.
    """
    deadline = time.monotonic() + PATIENCE_S
    while not (results / f"{RUN}.part.h5").exists():
        assert run.poll() is None, run.stdout.read()
        assert time.monotonic() < deadline, "the run never saved anything"
        time.sleep(0.05)
    lock = str((results / f"{RUN}.lock").resolve())
    for process in psutil.process_iter(["open_files"]):
        if any(file.path == lock for file in process.info["open_files"] or ()):
            process.send_signal(signal.SIGSTOP)
            job = f"JobId={process.environ()['SLURM_JOB_ID']}"
            subprocess.run(["scontrol", "update", job, "TimeLimit=1"], check=True)


@pytest.fixture(scope="module")
def results(checkout: Path, configuration: str, profile: str) -> Path:
    """Results of a whole run, one of whose jobs its walltime ended."""
    run = subprocess.Popen(
        [BIN / "snakemake", "--workflow-profile", profile, "--configfile", configuration],
        cwd=checkout,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    results = checkout / "results/smoke"
    try:
        stop_once_saved(run, results)
        output, _ = run.communicate(timeout=PATIENCE_S)
    finally:
        run.kill()
    assert run.returncode == 0, output
    return results


def test_a_run_that_its_walltime_ended_is_whole(results) -> None:
    query = ["squeue", "--states=TIMEOUT", "--noheader"]
    ended = subprocess.run(query, capture_output=True, text=True, check=True).stdout
    assert len(ended.splitlines()) == 1
    assert "continues from step" in (results / "logs/simulate/sr-mace/slabs/9.3A-0.log").read_text()
    with Trajectory(results / f"{RUN}.h5") as trajectory:
        expected = np.arange(0, N_STEPS + 1, FRAME_INTERVAL)
        np.testing.assert_array_equal(trajectory.steps, expected)


def test_every_product_is_made(results) -> None:
    assert (results / "report.html").stat().st_size > 0
    made = {path.stem for path in (results / "figures").glob("*.png")}
    assert made == {"fig3a", "figS8", "density", "stacking", "predicted"}
