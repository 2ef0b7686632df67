"""What a run will cost, and what is left of it."""

import pytest
from checkouts import ROOT

from falsemetal.config import load_config
from falsemetal.config.plan import Plan
from falsemetal.outlook import Outlook, costs

PLAN = Plan(load_config(ROOT / "config/demo.yaml"), {})


class Job:
    """A job of a workflow with its outputs."""

    def __init__(self, *output: str) -> None:
        self.output = output


class Dag:
    """Jobs of a run, of which some are finished."""

    def __init__(self, *jobs: Job) -> None:
        self.jobs = jobs
        self.done: set[Job] = set()

    def needrun_jobs(self):
        return iter(self.jobs)

    def finished(self, job: Job) -> bool:
        return job in self.done


def test_every_costly_job_has_a_cost_and_the_thickest_slab_the_highest_of_its_kind() -> None:
    found = costs(PLAN)
    runs = {path: s for path, s in found.items() if path.startswith("<results>/trajectories/spce/")}
    assert max(runs, key=runs.__getitem__) == "<results>/trajectories/spce/slabs/37.3A/0.h5"
    for name in ("sr-mace", "lr-mace"):
        assert found[f"<results>/models/{name}/model.json"] > 100.0
    assert all(cost > 0.0 for cost in found.values())
    kinds = {"datasets", "models", "starts", "trajectories", "electronic"}
    assert {path.split("/")[1] for path in found} == kinds


def test_what_is_left_shrinks_with_the_jobs_that_are_done(capsys) -> None:
    long, short, figure = (
        Job("results/demo/trajectories/spce/slabs/37.3A/0.h5"),
        Job("results/demo/trajectories/spce/slabs/12.4A/0.h5"),
        Job("results/demo/figures/fig3a.pdf"),
    )
    dag = Dag(long, short, figure)
    outlook = Outlook(PLAN, "results/demo", dag, cores=2)
    before = outlook.left_s()
    assert before == pytest.approx(outlook.total_s / 2)
    dag.done.add(figure)
    assert outlook.left_s() == pytest.approx(before - 1.5)
    dag.done.update((long, short))
    assert outlook.left_s() == 0.0
    outlook.announce()
    assert capsys.readouterr().err.startswith("3 jobs, about ")
