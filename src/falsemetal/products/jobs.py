"""Which electronic-structure jobs a figure shows, and how it names those that it lacks."""

import pandas as pd
from matplotlib.figure import Figure

from falsemetal.electronic.job import DONE
from falsemetal.products.registry import ProductSpec
from falsemetal.products.style import write_below
from falsemetal.systems.boundary import Boundary


def slabs_without_field(jobs: pd.DataFrame) -> pd.DataFrame:
    """Jobs of slabs that no field acts on, whatever became of them.

    Jobs are rows of :func:`falsemetal.electronic.summary.summarise_job`, with `frames`, `frame`,
    `job`.
    """
    return jobs[(jobs["boundary"] == Boundary.FILM) & (jobs["field_V_per_A"] == 0.0)]


def cells(jobs: pd.DataFrame) -> pd.DataFrame:
    """Jobs of periodic cells, whatever became of them."""
    return jobs[jobs["boundary"] == Boundary.BULK]


def done(jobs: pd.DataFrame) -> pd.DataFrame:
    """Return the jobs that converged."""
    return jobs[jobs["status"] == DONE]


def of_first_functional(jobs: pd.DataFrame) -> pd.DataFrame:
    """Return the jobs of one functional, the first that is asked for."""
    return jobs[jobs["functional"] == jobs["functional"].iloc[0]] if len(jobs) else jobs


def extremes(jobs: pd.DataFrame, quantity: str) -> pd.DataFrame:
    """Jobs of the most negative, the smallest and the most positive value that converged.

    Of one functional, in this order and each once.
    """
    shown = of_first_functional(done(jobs))
    if shown.empty:
        return shown
    values = shown[quantity]
    places = [values.idxmin(), values.abs().idxmin(), values.idxmax()]
    return shown.loc[list(dict.fromkeys(places))]


def note_jobs(figure: Figure, jobs: pd.DataFrame, spec: ProductSpec, *others: str) -> None:
    """Name below a figure the jobs that it does not show, by what became of them, and what else."""
    missing = jobs[jobs["status"] != DONE]
    notes = [
        f"{status}: "
        + ", ".join(f"{row.frames}/{row.frame}/{row.job}" for row in rows.itertuples())
        for status, rows in missing.groupby("status", sort=True)
    ]
    if notes:
        notes[0] = f"{len(missing)} of {len(jobs)} jobs missing, {notes[0]}"
    failed = [f"{job}: {why}" for job, why in spec.missing.items() if job.count("/") > 1]
    if notes or others or failed:
        write_below(figure, "; ".join([*notes, *others, *failed]))
