# What the rules share: paths, wildcards, and which part of the configuration a job depends on.
import re
import sys
from pathlib import Path

from falsemetal.config import BPNNPPotential, ForceFieldPotential
from falsemetal.references.cp2k import find_cp2k


def names_of(choose):
    """Names of the potentials that fulfil a condition."""
    return [name for name, p in CONFIG.potentials.items() if choose(p)]


FORCE_FIELDS = names_of(lambda p: isinstance(p, ForceFieldPotential))
COMMITTEES = names_of(lambda p: isinstance(p, BPNNPPotential))
BY_CP2K = names_of(lambda p: isinstance(p, BPNNPPotential) and p.engine == "cp2k")
BY_MODEL = [n for n in CONFIG.trained_potentials + COMMITTEES if n not in BY_CP2K]
SKIPPED = BY_CP2K if BY_CP2K and find_cp2k() is None else []
if SKIPPED and workflow.is_main_process:
    print(
        f"No CP2K on the PATH: {', '.join(SKIPPED)} (engine: cp2k) is left out. Install it (Debian: "
        "apt install cp2k; conda-forge: cp2k) or load its module, or set engine: native.",
        file=sys.stderr,
    )


def one_of(names):
    """Pattern that matches these names alone."""
    return "|".join(map(re.escape, names)) or "none"


wildcard_constraints:
    dataset="[^/]+",
    run="[^/]+",
    potential="[^/]+",
    campaign="slabs|elongated|cubic",
    size=r"[0-9.]+",
    replica="[0-9]+",


def settings(*paths, exclude=None):
    """Parts of the configuration as text: when they change, Snakemake runs the job again.

    A path is keys joined by slashes; {name} stands for a wildcard's value.
    """

    def read(wildcards):
        parts = []
        for path in paths:
            part = CONFIG
            for key in path.format(**dict(wildcards)).split("/"):
                part = part[key] if isinstance(part, dict) else getattr(part, key)
            json = getattr(part, "model_dump_json", None)
            parts.append(json(exclude=exclude) if json else str(part))
        return parts

    return read


def code(*patterns):
    """Modules of the package whose change, by content, shall run a job again.

    Only what is quick to repeat lists its code: training and dynamics never rerun for an edit.
    """
    package = Path(workflow.basedir, "src/falsemetal")
    return sorted(str(path) for pattern in patterns for path in package.glob(pattern))


def labelled_frames(wildcards):
    """Frames with labels that a dataset is made from."""
    folder = f"<results>/datasets/{wildcards.dataset}"
    sampling = getattr(CONFIG.datasets[wildcards.dataset], "sampling", None)
    if sampling is None:
        return f"{folder}/labelled.extxyz"
    return [f"{folder}/sampling/{run}.extxyz" for run in sampling]


def n_steps(wildcards):
    """Length of a run in steps."""
    return CONFIG.n_steps(
        wildcards.potential, wildcards.campaign, float(wildcards.size)
    )


def replicas(wildcards):
    """Trajectories of all replicas of a potential at one size."""
    count = CONFIG.n_replicas(
        wildcards.potential, wildcards.campaign, float(wildcards.size)
    )
    return expand(
        "<results>/trajectories/{potential}/{campaign}/{size}A/{replica}.h5",
        **dict(wildcards),
        replica=range(count),
    )


def sizes_of(campaign):
    """Sizes of a campaign, none if the configuration has no such section."""
    return CONFIG.campaigns[campaign].sizes_A if campaign in CONFIG.campaigns else []


def observables(campaign, *tables, sizes=None):
    """Tables of observables of all potentials at those sizes where they are run."""
    return [
        f"<results>/observables/{name}/{campaign}/{size:g}A/{table}.csv"
        for table in tables
        for name in CONFIG.potentials
        if name not in SKIPPED
        for size in CONFIG.durations_ps(name, campaign)
        if sizes is None or size in sizes
    ]


def announce(folder):
    """Tell where to look after a run."""
    made = [*Path(folder).glob("figures/*.png"), *Path(folder).glob("tables/*.csv")]
    made += Path(folder).glob("report.html")
    if made:
        print("\nMade so far:", *sorted(made), sep="\n  ", file=sys.stderr)
