"""What is left of a run that failed: products of what was made, and a list of what failed."""

import subprocess
import sys
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import pandas as pd
import yaml

from falsemetal.config import Config
from falsemetal.config.checks import OWNER
from falsemetal.config.plan import Plan
from falsemetal.learning.settings import ExtendedDataset
from falsemetal.products.making import PARTIAL, NothingToShowError, make_product
from falsemetal.progress import ERROR_SUFFIX, logger
from falsemetal.provenance import stamp


@dataclass(frozen=True)
class Failure:
    """A job that failed.

    Attributes
    ----------
    job
        Path of its log below the folder of logs, without suffix, such as `train/sr-mace`.
    message
        Last line of its error.
    log
        Path of its log.
    """

    job: str
    message: str
    log: Path


def find_failures(logs: Path, since: float = 0.0) -> list[Failure]:
    """List the jobs that failed since a time, from what their errors left beside their logs."""
    failures = []
    notes = (path for path in logs.rglob(f"*.log{ERROR_SUFFIX}") if path.stat().st_mtime >= since)
    for path in sorted(notes):
        log = path.with_name(path.name.removesuffix(ERROR_SUFFIX))
        lines = path.read_text(errors="replace").strip().splitlines() or ["failed without a word"]
        failures.append(Failure(str(log.relative_to(logs).with_suffix("")), lines[-1], log))
    return failures


def announce(plan: Plan, results: Path) -> None:
    """Tell where to look after a run."""
    shown = [
        results / (f"figures/{name}.png" if target.product.is_figure else f"tables/{name}.csv")
        for name, target in plan.targets.items()
    ]
    made = [path for path in (*sorted(shown), results / "report.html") if path.exists()]
    if made:
        print("\nMade so far:", *made, sep="\n  ", file=sys.stderr)
    for name, verdict in verdicts(results).items():
        print(f"  {name}: {verdict}", file=sys.stderr)


def verdicts(results: Path) -> dict[str, str]:
    """Verdicts of the checks that are there, by potential."""
    found = {}
    for path in sorted(results.glob("checks/*/verdict.csv")):
        with suppress(OSError, ValueError, LookupError):  # a file that is damaged tells nothing
            row = pd.read_csv(path).iloc[0]
            found[path.parent.name] = f"{row['verdict']} (λ = {round(row['lambda'], 2) + 0.0:.2f})"
    return found


def salvage(plan: Plan, results: Path, targets: Iterable[str] = (), *, workflow: Path) -> None:
    """Make products from the tables that are there, and tell what failed.

    Those of the targets that were asked for; all, if none is a product. A product made here is made
    again once the tables that it lacks are there.
    """
    begun = results / OWNER  # written as the run began
    failures = find_failures(results / "logs", begun.stat().st_mtime if begun.exists() else 0.0)
    if not failures:
        announce(plan, results)
        print("\nStopped, or a job was killed: see above", file=sys.stderr)
        return
    named = set(targets)
    asked = [name for name in plan.targets if name in named and plan.inputs(name)]
    for name in asked or plan.wanted:
        _make_from_the_rest(plan, name, results, failures)
    try:
        if made := _made(plan, results):
            write_report(plan.config, results / "report.html", made, workflow=workflow)
    except OSError as error:
        print(f"no report: {error}", file=sys.stderr)
    announce(plan, results)
    print("\nFailed:", file=sys.stderr)
    for failure in failures:
        parts = set(failure.job.split("/"))
        optional = [n for n, p in plan.config.potentials.items() if p.optional and n in parts]
        note = f" ({optional[0]} is optional: products are complete without it)" if optional else ""
        print(f"  {failure.job}{note}: {failure.message}\n    {failure.log}", file=sys.stderr)
    for name, reason in plan.absent.items():
        print(f"  left out: {name}: {reason}", file=sys.stderr)


def write_report(config: Config, html: Path, targets: Sequence[str], *, workflow: Path) -> None:
    """Let Snakemake write its HTML report of some targets, and the configuration beside it.

    OSError with Snakemake's last word where it cannot.
    """
    configuration = html.with_name("config.yaml")
    content = config.model_dump(mode="json", exclude_defaults=True)
    configuration.write_text(yaml.safe_dump(content, sort_keys=False))
    lines = [f"- {name}: **{verdict}**" for name, verdict in verdicts(html.parent).items()]
    text = (workflow.parent / "workflow/report/workflow.rst").read_text(encoding="utf-8")
    html.with_name("report.rst").write_text("\n".join([*lines, "", text]), encoding="utf-8")
    command = [sys.executable, "-m", "snakemake", "--nolock", "--cores", "1"]
    command += ["--snakefile", str(workflow)]
    command += ["--report", str(html), *targets, "--configfile", str(configuration)]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    if result.returncode:
        logger.info("%s", result.stderr.strip())
        raise OSError((result.stderr.strip().splitlines() or ["it ended without a word"])[-1])


def _make_from_the_rest(plan: Plan, name: str, results: Path, failures: Iterable[Failure]) -> None:
    inputs = [Path(path.replace("<results>", str(results))) for path in plan.inputs(name)]
    reasons = {path: _reason(path.relative_to(results), plan, failures) for path in inputs}
    # a table from before what it is made of failed is of other settings
    there = [path for path in inputs if path.exists() and reasons[path] is None]
    if len(there) == len(inputs):
        return
    missing = {
        _key(path.relative_to(results)): reasons[path] or "not made"
        for path in inputs
        if path not in there
    }
    stem = results / ("figures" if plan.targets[name].product.is_figure else "tables") / name
    try:
        make_product(plan.product(name, missing), there, stem, stamp=stamp(plan.origin))
        # an output that is not there: the workflow makes it again
        stem.with_name(f"{name}.provenance.json").replace(stem.with_name(name + PARTIAL))
    except NothingToShowError as error:
        print(error, file=sys.stderr)
    except Exception as error:  # whatever one figure does, the others and the list are to come
        print(f"{name} cannot be made of the rest: {error!r}", file=sys.stderr)


RESPONSES = ("respond", "respond_of_metal")
"""Rules that tabulate answers to a field."""


def _key(table: Path) -> str:
    """Name by which a product's specification calls what a table is of."""
    match table.parts:
        case ("observables" | "responses", potential, campaign, size, _):
            return f"{potential}/{campaign}/{size.removesuffix('A')}"
        case ("electronic", frames, frame, job, _):
            return f"{frames}/{frame}/{job}"
        case (_, potential, *_):
            return potential
    return str(table)


def _reason(table: Path, plan: Plan, failures: Iterable[Failure]) -> str | None:
    """Which stage failed before a table could be made, or None."""
    match table.parts:
        case ("observables", potential, campaign, size, _):
            wanted = [*_of_potential(plan, potential), f"observe/{potential}/{campaign}/{size}-"]
            released = plan.released(potential, campaign, size.removesuffix("A"))
            for run_in, at in {(campaign, size), *(Path(path).parts[-3:-1] for path in released)}:
                wanted += [f"equilibrate/{run_in}/{at}-", f"simulate/{potential}/{run_in}/{at}-"]
                wanted.append(f"read_run/{potential}/{run_in}/{at}-")
        case ("electronic", frames, frame, job, _):
            wanted = [f"electronic/{frames}/{frame}/{job}/", f"electronic/{frames}/choose"]
        case ("responses", potential, campaign, size, _):
            of_frames = f"equilibrate/{campaign}/{size}-"
            wanted = [*_of_potential(plan, potential), of_frames]
            wanted += [f"{stage}/{potential}/{campaign}/{size}/" for stage in RESPONSES]
        case ("checks", potential, *_):
            wanted = [*_of_potential(plan, potential), f"check/{potential}/"]
        case ("models", potential, "charges.csv"):
            wanted = [*_of_potential(plan, potential), f"read_charges/{potential}/"]
        case ("datasets", dataset, _):
            wanted = _of_dataset(plan, dataset)
        case (_, potential, *_):
            wanted = [*_of_potential(plan, potential), f"evaluate/{potential}/"]
        case _:
            wanted = []
    for failure in failures:
        # stages of a whole potential or dataset end with its name
        if any(f"{failure.job}/".startswith(stage) for stage in wanted):
            return f"{failure.job.split('/')[0]} failed"
    return None


def _of_potential(plan: Plan, potential: str) -> list[str]:
    settings = plan.config.potentials[potential]
    stages = [f"fetch/{potential}/", f"train/{potential}/"]
    return stages + (_of_dataset(plan, settings.dataset) if settings.dataset else [])


def _of_dataset(plan: Plan, name: str) -> list[str]:
    dataset = plan.config.datasets.get(name)
    if not isinstance(dataset, ExtendedDataset):
        stages = ("sample", "read_labelled", "displace", "label", "curate")
        return [f"{stage}/{name}/" for stage in stages]
    made = [f"{stage}/{name}/" for stage in ("explore", "label", "extend")]
    by, where = dataset.by, f"{dataset.campaign}/{dataset.size_A:g}A-"
    runs = [f"equilibrate/{where}", f"simulate/{by}/{where}", f"read_run/{by}/{where}"]
    return [*made, *runs, *_of_potential(plan, by), *_of_dataset(plan, dataset.of)]


def _made(plan: Plan, results: Path) -> list[str]:
    return [name for name in plan.wanted if any(results.glob(f"*/{name}.csv"))]
