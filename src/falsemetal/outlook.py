"""What a run will cost, told before it starts, and what is left of it, told while it goes on."""

import sys
import threading
import time
from collections.abc import Iterator
from typing import Any

from falsemetal.config import Config
from falsemetal.config.plan import Plan
from falsemetal.datasets.settings import ForceFieldDataset
from falsemetal.learning.settings import ExtendedDataset
from falsemetal.potentials.kind import LAMMPS_SECONDS

INTERVAL_S = 120.0
"""Time between two lines."""

SMALL_JOB_S = 3.0
"""Core-seconds of a job of which nothing more is known: an observation, a figure."""

TRAINING = 9.0
"""Training on a frame over a step with it: energies, forces, and the gradients of both."""

ELECTRONIC_SECONDS = 0.02
"""Core-seconds of a density-functional calculation over the square of the number of atoms."""

LEAST_DONE = 1.0 / 3.0
"""Share of the cost that must be done to judge the machine's speed by it."""

SLOWEST, FASTEST = 4.0, 0.5
"""Beyond these multiples of the reference's time an estimate of the speed is not believed."""


def costs(plan: Plan) -> dict[str, float]:
    """Core-seconds of the larger jobs by the path of an output, as on an AMD EPYC.

    What a labelled dataset holds is not known before it is read: trainings on it are left out.
    """
    return dict(_costs(plan))


def _atoms(config: Config, name: str) -> int:
    """Atoms of all frames of a dataset, at most; zero where that is not known."""
    dataset = config.datasets.get(name)
    if isinstance(dataset, ExtendedDataset):
        known = _atoms(config, dataset.of)
        added = config.campaigns[dataset.campaign].n_atoms(dataset.size_A)
        return known + dataset.select.n_frames * added if known else 0
    if isinstance(dataset, ForceFieldDataset):
        runs = dataset.sampling.values()
        return sum(run.n_atoms * run.n_frames * run.replicas for run in runs)
    return 0


def _costs(plan: Plan) -> Iterator[tuple[str, float]]:
    config = plan.config
    for name, dataset in config.datasets.items():
        for run, settings in getattr(dataset, "sampling", {}).items():
            steps = 1000.0 * (settings.n_frames * settings.interval_ps + settings.equilibration_ps)
            cost = settings.replicas * steps * settings.n_atoms * LAMMPS_SECONDS
            yield f"<results>/datasets/{name}/sampling/{run}.extxyz", cost
    starts: dict[str, float] = {}
    for name, potential in config.potentials.items():
        each = potential.seconds_per_atom_step
        if potential.prepare == "train" and (atoms := _atoms(config, potential.dataset or "")):
            cost = plan.training.epochs * atoms * each * TRAINING
            yield f"<results>/models/{name}/model.json", cost
        for campaign in potential.runs:  # files are read in no time
            kind = config.campaigns[campaign]
            for size in config.durations_ps(name, campaign):
                atoms, steps = kind.n_atoms(size), config.n_steps(name, campaign, size)
                of_start = 1000.0 * kind.equilibration_ps * atoms * LAMMPS_SECONDS
                for path in plan.trajectories(name, campaign, size):
                    yield path, atoms * steps * each
                    replica = path.rsplit("/", 1)[-1].removesuffix(".h5")
                    starts[f"<results>/starts/{campaign}/{size:g}A/{replica}.extxyz"] = of_start
                if name in plan.answering(campaign):
                    starts |= dict.fromkeys(plan.response_frames(campaign, size), of_start)
    yield from starts.items()
    for job in plan.jobs.values():
        frames = plan.frame_sets[job.frames]
        atoms = config.campaigns[frames.campaign].n_atoms(frames.size_A)
        yield f"{job.folder}/run.json", ELECTRONIC_SECONDS * atoms**2


class Outlook:
    """Cost of the jobs of a run, and what of it is left.

    Parameters
    ----------
    plan
        Of the configuration.
    results
        Its folder, which stands for `<results>` in paths.
    dag
        Snakemake's jobs.
    cores
        On which they run.
    """

    def __init__(self, plan: Plan, results: str, dag: Any, cores: int) -> None:
        by_path = {path.replace("<results>", results): s for path, s in costs(plan).items()}
        self._dag, self._cores, self._began = dag, cores, time.monotonic()
        self._costs = {
            job: max((by_path.get(str(path), 0.0) for path in job.output), default=0.0)
            or SMALL_JOB_S
            for job in dag.needrun_jobs()
        }

    @property
    def total_s(self) -> float:
        """Core-seconds of all jobs."""
        return sum(self._costs.values())

    def left_s(self) -> float:
        """Seconds of the clock until all jobs are done, by the speed so far once that is known."""
        left = sum(cost for job, cost in self._costs.items() if not self._dag.finished(job))
        done, pace = self.total_s - left, 1.0
        if done > LEAST_DONE * self.total_s:
            elapsed = time.monotonic() - self._began
            pace = min(SLOWEST, max(FASTEST, elapsed * self._cores / done))
        return left / self._cores * pace

    def announce(self) -> None:
        """Tell what the run costs, and every two minutes what is left of it."""
        print(
            f"{len(self._costs)} jobs, about {_minutes(self.total_s)} of one core: "
            f"{_minutes(self.total_s / self._cores)} on {self._cores} (as on an AMD EPYC, "
            "without training on labels of others)",
            file=sys.stderr,
        )
        threading.Thread(target=self._tell, daemon=True).start()

    def _tell(self) -> None:
        while True:
            time.sleep(INTERVAL_S)
            done = sum(self._dag.finished(job) for job in self._costs)
            print(
                f"{done} of {len(self._costs)} jobs done, about {_minutes(self.left_s())} left",
                file=sys.stderr,
            )


def _minutes(seconds: float) -> str:
    minutes = max(1, round(seconds / 60.0))
    if minutes < 120:
        return f"{minutes} min"
    return f"{minutes / 60.0:.0f} h" if minutes < 60 * 100 else f"{minutes / 1440.0:.0f} days"
