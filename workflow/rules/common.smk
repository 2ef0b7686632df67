# What the rules share: the plan of all jobs, their parameters, and wildcards.
import re
import sys
from pathlib import Path

from falsemetal.config.checks import claim, find_missing_files, unowned, unsuitable
from falsemetal.config.plan import plan_here
from falsemetal.files import expand
from falsemetal.outlook import Outlook
from falsemetal.salvage import announce, salvage
from falsemetal.sourcecode import code_of
from falsemetal.specs import Packed, as_parameters
from falsemetal.verdict.probe import SHIPPED

SOURCE = ", ".join(map(os.path.relpath, FILES))
RESULTS = Path("results", CONFIG.name)
PLAN, LEFT_OUT = plan_here(CONFIG)
FAULT_OF_ENGINE = PLAN.electronic.engine.find_fault() if PLAN.frame_sets else None

if workflow.is_main_process:
    data = os.path.relpath(f"{workflow.basedir}/data")
    if fault := (
        unsuitable(sys.executable)
        or unowned(RESULTS, SOURCE)
        or find_missing_files(CONFIG, SOURCE, data)
    ):
        raise WorkflowError(fault)
    for notice in LEFT_OUT:
        print(notice, file=sys.stderr)


def one_of(names):
    """Pattern that matches these names alone."""
    return "|".join(map(re.escape, names)) or "none"


wildcard_constraints:
    dataset="[^/]+",
    run="[^/]+",
    potential="[^/]+",
    campaign=one_of(CONFIG.campaigns),
    size=r"[0-9.]+",
    replica="[0-9]+",
    frames="[^/]+",
    frame="[0-9]+",
    job="[^/]+",
    functional=one_of({job.point.functional for job in PLAN.jobs.values()}),


def specified(make, *keys):
    """Parameters of a rule: the specification that `make` gives for the wildcards of these names.

    Its script gets `spec`; Snakemake compares `identity`.
    """

    def parameter(name):
        return lambda wildcards: as_parameters(
            make(*(wildcards[key] for key in keys)), tuple(CONFIG.plugins)
        )[name]

    return {name: parameter(name) for name in ("spec", "identity")}


def local_paths(section):
    """Files of the user's own that a dataset or a potential names by its path.

    `data/sources.yaml` and code are no inputs: to pin a checksum, or to edit a reader, must not
    train anything again.
    """
    if getattr(section, "path", None) is None:
        return []
    path = expand(section.path)
    found = path.rglob("*") if path.is_dir() else [path]
    return sorted(str(file) for file in found if file.is_file())


def copied_outputs(wildcards):
    """Outputs that were computed elsewhere and when they came; no inputs, for they may be set aside."""
    if FAULT_OF_ENGINE is None:
        return []
    job = PLAN.job(wildcards.frames, wildcards.frame, wildcards.job)
    folder = Path(job.folder.replace("<results>", str(RESULTS)))
    return sorted(
        f"{path.name} {path.stat().st_mtime_ns}"
        for pattern in PLAN.electronic.engine.patterns
        for path in folder.glob(pattern)
    )


def copied_labels(wildcards):
    """Outputs of a user's own program and when they came: one that is mended is read again."""
    labeller = CONFIG.datasets[wildcards.dataset].label
    folder = RESULTS / "datasets" / wildcards.dataset / "labels"
    name = getattr(labeller, "output", None)
    found = folder.glob(f"*/{name}") if name else ()
    return sorted(f"{path.parent.name} {path.stat().st_mtime_ns}" for path in found)


ENDINGS = {
    True: {"pdf": ".pdf", "png": ".png", "csv": ".csv", "stamp": ".provenance.json"},
    False: {"csv": ".csv", "markdown": ".md", "stamp": ".provenance.json"},
}


def files_of(target):
    """Files of a product by kind, the one that the report shows with its caption."""
    product = target.product
    category = "Figures" if product.is_figure else "Tables"
    stem = f"<results>/{category.lower()}/{target.name}"
    files = {kind: stem + end for kind, end in ENDINGS[product.is_figure].items()}
    shown = "png" if product.is_figure else "csv"
    caption = product.caption
    files[shown] = report(
        files[shown], caption=str(caption) if caption else None, category=category
    )
    return files
