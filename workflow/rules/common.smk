# What the rules share: paths, wildcards, and which part of the configuration a job depends on.
import re
import sys
from functools import cache
from pathlib import Path

from falsemetal.config import BPNNPPotential, ForceFieldPotential
from falsemetal.programs.cp2k import Cp2kError, require_cp2k


def names_of(choose):
    """Names of the potentials that fulfil a condition."""
    return [name for name, p in CONFIG.potentials.items() if choose(p)]


FORCE_FIELDS = names_of(lambda p: isinstance(p, ForceFieldPotential))
COMMITTEES = names_of(lambda p: isinstance(p, BPNNPPotential))
BY_CP2K = names_of(lambda p: isinstance(p, BPNNPPotential) and p.engine == "cp2k")
BY_MODEL = [n for n in CONFIG.trained_potentials + COMMITTEES if n not in BY_CP2K]


@cache
def fault_of_cp2k():
    """Why CP2K cannot be run here, or None."""
    try:
        require_cp2k()
    except Cp2kError as error:
        return str(error)


FAULT_OF_CP2K = fault_of_cp2k() if BY_CP2K else None
SKIPPED = BY_CP2K if FAULT_OF_CP2K else []
if SKIPPED and workflow.is_main_process:
    print(
        f"{FAULT_OF_CP2K}. Until then {', '.join(SKIPPED)} (engine: cp2k) is left out; engine: native "
        "needs no CP2K.",
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
    frames="[^/]+",
    frame="[0-9]+",
    job="[^/]+",
    functional="[A-Za-z0-9]+",


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


def local_paths(section):
    """Files of the user's own that a dataset or a potential names by its path.

    Of what is missing, the job tells which key to mend. `data/sources.yaml` and code are no inputs:
    to pin a checksum, or to edit a reader, must not train anything again.
    """
    if section.path is None:
        return []
    path = Path(section.path)
    found = path.rglob("*") if path.is_dir() else [path]
    return sorted(str(file) for file in found if file.is_file())


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


def trajectories(potential, campaign, size):
    """Trajectories of all replicas of a potential at one size."""
    folder = f"<results>/trajectories/{potential}/{campaign}/{float(size):g}A"
    count = CONFIG.n_replicas(potential, campaign, float(size))
    return [f"{folder}/{replica}.h5" for replica in range(count)]


def replicas(wildcards):
    """Trajectories of all replicas of the system that a job is of."""
    return trajectories(wildcards.potential, wildcards.campaign, wildcards.size)


def dipole_charge(potential):
    """Charge of oxygen in eq. 1 that a potential's labels carry."""
    return CONFIG.datasets[CONFIG.potentials[potential].dataset].dipole_charge_O


def sizes_run(campaign):
    """Sizes of a campaign at which a potential is run, ascending."""
    names = [name for name in CONFIG.potentials if name not in SKIPPED]
    return sorted({s for name in names for s in CONFIG.durations_ps(name, campaign)})


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
