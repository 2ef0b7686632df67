"""What the workflow itself costs: building the DAG of `paper.yaml`, and the overhead of a job.

    python benchmarks/workflow.py

The overhead is that of drawing `density` of a finished smoke run again, which takes a fraction of a
second: all else is Python, imports and Snakemake. It needs `results/smoke` (run
`snakemake --cores 2 --configfile config/smoke.yaml` first).
"""

import subprocess
import sys
import time
from pathlib import Path

import numpy as np
from common import keep

ROOT = Path(__file__).parents[1]
SNAKEMAKE = [str(Path(sys.executable).parent / "snakemake"), "--quiet", "all"]
REPEATS = 3
QUESTIONS = {
    "DAG of paper.yaml": ["--dry-run", "--configfile", "config/paper.yaml"],
    "nothing to do, smoke.yaml": ["--cores", "1", "--configfile", "config/smoke.yaml"],
    "one job, smoke.yaml": [
        *("--cores", "1", "density", "--force", "--configfile", "config/smoke.yaml"),
    ],
}


def seconds(arguments: list[str]) -> float:
    """Wall time of one call."""
    began = time.perf_counter()
    subprocess.run([*SNAKEMAKE, *arguments], cwd=ROOT, check=True, capture_output=True)
    return time.perf_counter() - began


if __name__ == "__main__":
    keep(
        [
            {
                "what": name,
                "seconds": round(float(np.median([seconds(arguments) for _ in range(REPEATS)])), 2),
            }
            for name, arguments in QUESTIONS.items()
        ],
        "workflow",
    )
