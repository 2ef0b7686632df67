# What the rules share: paths, wildcards, and which part of the configuration a job depends on.
import sys
from pathlib import Path

from falsemetal.config import ForceFieldPotential

FORCE_FIELDS = [
    n for n, p in CONFIG.potentials.items() if isinstance(p, ForceFieldPotential)
]
THICKNESSES = [f"{thickness:g}" for thickness in CONFIG.slabs.thicknesses_A]


wildcard_constraints:
    dataset="[^/]+",
    run="[^/]+",
    potential="[^/]+",
    thickness=r"[0-9.]+",
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


def replicas(pattern):
    """The pattern for every replica of the potential among the wildcards."""

    def paths(wildcards):
        count = CONFIG.potentials[wildcards.potential].replicas
        return expand(pattern, **dict(wildcards), replica=range(count))

    return paths


def start_structure(wildcards):
    """Slab from which a run of this potential starts: same for all potentials of a dataset."""
    dataset = CONFIG.potentials[wildcards.potential].dataset
    return (
        f"<results>/slabs/{dataset}/{wildcards.thickness}A/{wildcards.replica}.extxyz"
    )


def observables(table, thicknesses):
    """One table of observables for all potentials."""
    return expand(
        "<results>/observables/{potential}/{thickness}A/{table}.csv",
        potential=CONFIG.potentials,
        thickness=thicknesses,
        table=table,
    )


def announce(folder):
    """Tell where to look after a run."""
    made = [*Path(folder).glob("figures/*.png"), *Path(folder).glob("tables/*.csv")]
    made += Path(folder).glob("report.html")
    if made:
        print("\nMade so far:", *sorted(made), sep="\n  ", file=sys.stderr)
