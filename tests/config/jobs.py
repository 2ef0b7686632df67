"""A configuration with a key of every kind, and the identities of all of its jobs."""

import copy
from collections.abc import Iterator
from typing import Any

import yaml
from checkouts import ROOT

from falsemetal.config import Config, parse_config
from falsemetal.config.plan import Plan
from falsemetal.specs import Spec

Path = tuple[str, ...]


def everything() -> dict[str, Any]:
    """Add to the smoke configuration what else there is: a fetched committee, electrons."""
    raw = yaml.safe_load((ROOT / "config/smoke.yaml").read_text())
    raw["datasets"]["dft"] = {"kind": "labelled", "source": "revpbe0-d3-water"}
    visited = {"campaign": "slabs", "size_A": 6.3, "select": {"n_frames": 2}}
    raw["datasets"]["grown"] = {"kind": "extended", "of": "spce", "by": "spce-truncated"} | visited
    copper = {"builder": "ase.build:bulk", "kwargs": {"name": "Cu"}, "n_geometries": 8}
    raw["datasets"]["rattled"] = {
        "kind": "displaced",
        "structures": {"copper": copper},
        "label": {"kind": "potential", "potential": "ours"},
    }
    committee = {"kind": "bpnnp", "dataset": "dft"}
    raw["potentials"]["native"] = committee | {"runs": {"cubic": {"duration_ps": 0.4}}}
    raw["potentials"]["by-cp2k"] = committee | {
        "engine": "cp2k",
        "runs": {"cubic": {"duration_ps": 0.4}},
    }
    cubic = {"runs": {"cubic": {"duration_ps": 0.4}}}
    raw["potentials"]["theirs"] = {"kind": "foundation", "arch": "spce"} | cubic
    springs = {"module": "ase.calculators.lj", "factory": "LennardJones"}
    raw["potentials"]["ours"] = {"kind": "ase"} | springs | cubic
    small = {"r_cut_A": 4.0, "layers": 1, "l_max": 0, "channels": 4}
    raw["potentials"]["equilibrated"] = {"kind": "qeq", "dataset": "spce"} | small | cubic
    raw["potentials"]["bent"] = {"kind": "fixed_point", "dataset": "spce"} | small | cubic
    raw["potentials"]["answering"] = {"kind": "response_charge", "dataset": "spce"} | small | cubic
    files = {"files": {"cubic": {"9.3": ["0.xyz", "1.xyz"]}}}
    raw["potentials"]["recorded"] = {"kind": "trajectory"} | files
    polarised = {"potential": "spce", "campaign": "slabs", "size_A": 6.3, "targets_V": [0.0, 1.0]}
    largest = {"potential": "spce", "campaign": "elongated", "size_A": 9.3, "quantiles": [1.0]}
    raw["electronic"] = {
        "frames": {"polarised": polarised | {"field_V_per_A": 0.02}, "largest": largest}
    }
    in_films = {"slabs": {"duration_ps": 0.4}}
    raw["potentials"]["equilibrated"]["runs"] = cubic["runs"] | in_films
    return raw


def plan_of(raw: dict[str, Any]) -> Plan:
    return Plan(parse_config(raw, source="everything"), {})


def identities(plan: Plan) -> dict[str, Any]:
    """Identity of each job, by the stage and what it is of."""
    jobs = (*datasets(plan), *potentials(plan), *electrons(plan))
    return {key: spec.identity() for key, spec in jobs}


def datasets(plan: Plan) -> Iterator[tuple[str, Spec]]:
    for name in plan.extended:
        yield f"explore:{name}", plan.explore(name)
        yield f"label:{name}", plan.label(name, "0")
        yield f"extend:{name}", plan.extend(name)
    for name in plan.first:
        dataset = plan.config.datasets[name]
        yield f"curate:{name}", plan.curate(name)
        if dataset.kind == "displaced":
            yield f"displace:{name}", plan.displace(name)
            yield f"label:{name}", plan.label(name, "0")
        if dataset.kind == "labelled":
            yield f"read:{name}", plan.read(name)
        for run in getattr(dataset, "sampling", {}):
            yield f"sample:{name}/{run}", plan.sample(name, run)


def potentials(plan: Plan) -> Iterator[tuple[str, Spec]]:
    config = plan.config
    for name, potential in config.potentials.items():
        if potential.prepare == "train":
            yield f"train:{name}", plan.train(name)
        if potential.prepare == "fetch":
            yield f"fetch:{name}", plan.fetch(name)
        if name in plan.checked:
            yield f"check:{name}", plan.check(name)
        if name in plan.evaluated:
            yield f"evaluate:{name}", plan.evaluate(name)
        if name in plan.measured("charges"):
            yield f"learned_charges:{name}", plan.learned_charges(name)
        for campaign in potential.by_campaign:
            if (
                name in plan.answering(campaign)
                and plan.config.campaigns[campaign].boundary == "film"
            ):
                yield f"respond:{name}/{campaign}", plan.internal_field()
            for names in (n for c, n in plan.observe_jobs if c == campaign):
                yield f"observe:{name}/{campaign}/{names[0]}", plan.observe(name, campaign, names)
            for size in config.durations_ps(name, campaign):
                for replica in range(config.n_replicas(name, campaign, size)):
                    where = (campaign, f"{size:g}", str(replica))
                    if potential.runs_key == "files":
                        yield f"recording:{name}/{'/'.join(where)}", plan.recording(name, *where)
                        continue
                    yield f"run:{name}/{'/'.join(where)}", plan.run(name, *where)
                    yield f"start:{'/'.join(where)}", plan.start(*where)


def electrons(plan: Plan) -> Iterator[tuple[str, Spec]]:
    """Jobs of electronic structure, and all products."""
    for name in plan.frame_sets:
        yield f"select:{name}", plan.select(name)
    for job in plan.jobs.values():
        key = f"{job.frames}/{job.frame}/{job.point.name}"
        yield f"write_job:{key}", plan.write_job(job.frames, str(job.frame), job.point.name)
        yield f"run_job:{key}", plan.run_job()
        yield f"read_job:{key}", plan.read_job(job.frames)
    for name in plan.wanted:
        yield f"product:{name}", plan.product(name)


def leaves(value: Any, path: Path = ()) -> Iterator[tuple[Path, Any]]:
    """Keys that hold something other than keys; a list is one of them."""
    if isinstance(value, dict) and value:
        for key, item in value.items():
            yield from leaves(item, (*path, key))
    else:
        yield path, value


def with_value(raw: dict[str, Any], path: Path, value: Any) -> dict[str, Any]:
    """Copy of a configuration with another value of one key."""
    changed = copy.deepcopy(raw)
    section = changed
    for key in path[:-1]:
        section = section.setdefault(key, {})
    section[path[-1]] = value
    return changed


def every_key(config: Config) -> list[tuple[Path, Any]]:
    """All keys of a configuration, those with defaults too, and their values."""
    return list(leaves(config.model_dump(mode="json")))
