"""What must hold of datasets that grow by a potential's runs."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

from falsemetal.campaigns.kind import CampaignKind
from falsemetal.learning.displaced import DisplacedDataset
from falsemetal.learning.labellers import EngineLabeller, LabellerKind, PotentialLabeller
from falsemetal.learning.settings import ExtendedDataset
from falsemetal.potentials.runners import Runner

if TYPE_CHECKING:
    from falsemetal.config.model import Config


def find_unknown_name(config: "Config", name: str) -> str | None:
    """Key and message of what an extended dataset names and is not there, or None."""
    dataset = config.datasets[name]
    assert isinstance(dataset, ExtendedDataset)
    datasets = [other for other in config.datasets if other != name]
    for key, of, there in (
        ("of", dataset.of, datasets),
        ("by", dataset.by, list(config.potentials)),
        ("campaign", dataset.campaign, list(config.campaigns)),
    ):
        if of not in there:
            known = ", ".join(there) or "none yet"
            return f"{key}: there is no other '{of}'; name one of: {known}"
    lack = _unknown_labeller(config, dataset.label)
    return f"label.{lack}" if lack else None


def _unknown_labeller(config: "Config", label: LabellerKind) -> str | None:
    named = label.potential if isinstance(label, PotentialLabeller) else None
    if named is None or named in config.potentials:
        return None
    known = ", ".join(config.potentials)
    return f"potential: there is no potential '{named}'; name one of: {known}"


def find_fault_of_displaced(config: "Config", dataset: DisplacedDataset) -> str | None:
    """Key and message of what cannot label displaced structures in their charge states, or None."""
    label = dataset.label
    if isinstance(label, EngineLabeller):
        fault = label.engine.find_fault_of([label.functional])
        if fault is None and dataset.charged:
            fault = f"engines label neutral frames alone, and {dataset.charged[0]} is charged"
        return f"engine: {fault}" if fault else None
    if not isinstance(label, PotentialLabeller):
        return None
    if label.potential is None:
        return "potential: name one of the configuration; no dataset comes before this one"
    fault = _unknown_labeller(config, label)
    return fault or _fault_of_calculator(
        config, label.potential, charges=bool(dataset.charged) or label.charges
    )


def _fault_of_calculator(config: "Config", name: str, *, charges: bool) -> str | None:
    """Key and message of a potential that cannot label any structure, or with charges, or None."""
    potential = config.potentials[name]
    if potential.prepare == "train":
        return f"potential: {name} is trained; name one that labels before any training"
    if type(_runner(config, name)).make_calculator is Runner.make_calculator:
        return f"potential: {name} ({potential.kind}) computes no single points; name another"
    if charges and getattr(potential, "python", None) is not None:
        return (
            f"potential: {name} works in another interpreter (python), which is told no total "
            "charges and tells none of atoms; install its package here"
        )
    return None


def _runner(config: "Config", name: str) -> Runner:
    return config.potentials[name].runner(config.labels, config.dynamics)


def find_fault_of_extension(config: "Config", name: str) -> str | None:
    """Key and message of what does not fit in an extended dataset, or None."""
    dataset = config.datasets[name]
    assert isinstance(dataset, ExtendedDataset)
    if circle := _circle(config, (name,)):
        return f"by: needs itself to be made ({' → '.join(circle)}); explore by an earlier model"
    sizes = config.durations_ps(dataset.by, dataset.campaign)
    if dataset.size_A not in sizes:
        run_at = ", ".join(f"{size:g}" for size in sizes) or "none"
        return (
            f"size_A: {dataset.by} is not run at {dataset.size_A:g} Å of {dataset.campaign}; "
            f"sizes at which it is: {run_at}"
        )
    fault = _fault_of_label(config, name, dataset)
    return f"label.{fault}" if fault else None


def _circle(config: "Config", trail: tuple[str, ...]) -> tuple[str, ...]:
    """Datasets by which one needs itself, or none."""
    for needed in _needed(config, trail[-1]):
        if needed in trail:
            return (*trail[trail.index(needed) :], needed)
        if found := _circle(config, (*trail, needed)):
            return found
    return ()


def _needed(config: "Config", name: str) -> Iterator[str]:
    """Datasets that one is made of: what it extends, and what explorer and labeller learn."""
    dataset = config.datasets[name]
    if not isinstance(dataset, ExtendedDataset):
        return
    yield dataset.of
    label = dataset.label
    labeller = label.potential if isinstance(label, PotentialLabeller) else None
    for potential in (config.potentials[n] for n in (dataset.by, labeller) if n is not None):
        if potential.prepare == "train" and potential.dataset in config.datasets:
            yield potential.dataset


def _fault_of_label(config: "Config", name: str, dataset: ExtendedDataset) -> str | None:
    label = dataset.label
    if isinstance(label, EngineLabeller):
        fault = label.engine.find_fault_of([label.functional])
        return f"functional: {fault}" if fault else None
    if not isinstance(label, PotentialLabeller):
        return None
    campaign = config.campaigns[dataset.campaign]
    if label.potential is not None:
        return _fault_of_labeller(config, label.potential, campaign)
    force_field = config.first_dataset(name).force_field
    if force_field is None:
        return (
            "kind: the first dataset was labelled by others; tell what labels the frames: a "
            "potential, an engine, or files of your own program"
        )
    fault = force_field.find_fault_of(campaign.solid) if campaign.solid else None
    return f"kind: the first dataset's force field cannot: {fault}" if fault else None


def _fault_of_labeller(config: "Config", name: str, campaign: CampaignKind) -> str | None:
    """Key and message of a potential that cannot label frames of a campaign, or None."""
    potential = config.potentials[name]
    if type(_runner(config, name)).make_calculator is Runner.make_calculator:
        return f"potential: {name} ({potential.kind}) computes no single points; name another"
    fault = potential.find_fault_in(campaign.boundary)
    if fault is None and campaign.solid is not None:
        lack = potential.find_fault_beside(campaign.solid, config.labels)
        fault = lack[1] if lack else None
    return f"potential: {name}: {fault}" if fault else None
