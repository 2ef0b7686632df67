"""Making a product from the tables that are there."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pandas as pd

from falsemetal.products.registry import PRODUCTS, Product, ProductSpec
from falsemetal.products.saving import save_table
from falsemetal.products.style import Tables, save_figure
from falsemetal.provenance import write_stamp

PARTIAL = ".partial.json"
"""Ends the name of the stamp of a product that lacks what failed."""

OF_JOBS = "electronic"
"""Folder below which tables of jobs lie."""


class NothingToShowError(ValueError):
    """A product none of whose tables is there."""


def make_product(
    spec: ProductSpec, paths: Iterable[str | Path], stem: Path, *, stamp: dict[str, Any]
) -> list[Path]:
    """Draw a figure or write a table.

    Parameters
    ----------
    spec
        Which, and how.
    paths
        Tables that it is made of, `.../<potential>/<campaign>/<size>A/<name>.csv`,
        `.../electronic/<frames>/<frame>/<job>/<table>.csv` or `.../<name>/<table>.csv` of models,
        checks and datasets.
    stem
        Path of its files without suffix.
    stamp
        Provenance.

    Returns
    -------
    list of Path
        What was written.

    Raises
    ------
    NothingToShowError
        If there is no table.
    """
    product = PRODUCTS[spec.product]
    stem.with_name(stem.name + PARTIAL).unlink(missing_ok=True)
    tables = [Path(path) for path in paths]
    if product.told:
        tables = []
    elif not tables and not spec.missing:
        raise NothingToShowError(
            f"{spec.name}: the configuration asks for nothing that it shows; add "
            f"{_shown_by(product)}"
        )
    of_jobs = [path for path in tables if path.parts[-5:-4] == (OF_JOBS,)]
    shown = of_jobs if product.jobs else tables
    if not shown and not product.told and not (product.jobs and not product.is_figure):
        raise NothingToShowError(f"{spec.name}: nothing that it shows could be made")
    of_runs = [path for path in tables if path not in of_jobs]
    read: dict[str, Any] = read_job_tables(of_jobs, product.job_tables) if product.jobs else {}
    if product.runs:
        read["summaries"] = {
            name: read_tables(p for p in of_runs if p.parts[-3] == name).get("summary", {})
            for name in spec.campaigns
        }
    else:
        alone = {*product.models, *product.checks, *product.datasets}
        of_models = [path for path in of_runs if path.stem in alone]
        found = read_tables(path for path in of_runs if path not in of_models)
        read |= {
            name: found.get(name, {})
            for name in (*product.reads, *product.responses, *product.beside)
        }
        for name in sorted(alone):
            read[name] = {p.parent.name: pd.read_csv(p) for p in of_models if p.stem == name}
    module = product.load()
    if product.is_figure:
        figure, table = module.draw(**read, spec=spec)
        return save_figure(figure, table, stem, stamp=stamp)
    written = save_table(module.tabulate(**read, spec=spec), stem)
    write_stamp(stamp, stem.with_name(f"{stem.name}.provenance.json"))
    return written


def _shown_by(product: Product) -> str:
    """Key of what a product shows."""
    if product.published:
        return "datasets.*.published"
    return "electronic.frames" if product.jobs else "potentials.*.runs"


def read_tables(paths: Iterable[Path]) -> dict[str, Tables]:
    """Read tables of one campaign, `.../<potential>/<campaign>/<size>A/<name>.csv`, by name."""
    tables: dict[str, dict[tuple[str, float], pd.DataFrame]] = {}
    for path in paths:
        potential, size = path.parts[-4], float(path.parts[-2].removesuffix("A"))
        tables.setdefault(path.stem, {})[potential, size] = pd.read_csv(path)
    return dict(tables)


def read_job_tables(paths: Iterable[Path], names: Iterable[str]) -> dict[str, Any]:
    """Read tables of jobs, `.../electronic/<frames>/<frame>/<job>/<name>.csv`, by name.

    Returns
    -------
    dict
        `jobs`: all summaries as one table; of each other name the tables by set of frames, number
        of the frame and name of the job.
    """
    summaries = []
    tables: dict[str, dict[tuple[str, int, str], pd.DataFrame]] = {name: {} for name in names}
    for path in paths:
        frames, frame, job = path.parts[-4], int(path.parts[-3]), path.parts[-2]
        table = pd.read_csv(path)
        if path.stem == "summary":
            summaries.append(table.assign(frames=frames, frame=frame, job=job))
        else:
            tables[path.stem][frames, frame, job] = table
    jobs = pd.concat(summaries, ignore_index=True) if summaries else pd.DataFrame()
    return {"jobs": jobs, **tables}
