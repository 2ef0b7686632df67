"""What must hold of datasets that grow by a potential's runs."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

from falsemetal.learning.labellers import EngineLabeller, PotentialLabeller
from falsemetal.learning.settings import ExtendedDataset

if TYPE_CHECKING:
    from falsemetal.config.model import Config


def find_fault_of_extension(config: "Config", name: str) -> str | None:
    """Key and message of what does not fit in an extended dataset, or None."""
    dataset = config.datasets[name]
    assert isinstance(dataset, ExtendedDataset)
    for key, of, there in (
        ("of", dataset.of, config.datasets),
        ("by", dataset.by, config.potentials),
        ("campaign", dataset.campaign, config.campaigns),
    ):
        if of not in there:
            known = ", ".join(there) or "none yet"
            return f"{key}: there is no '{of}'; name one of: {known}"
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
    """Datasets and potentials by which a dataset needs itself, or none."""
    for needed in _needed(config, trail[-1]):
        if needed in trail:
            return (*trail[trail.index(needed) :], needed)
        if found := _circle(config, (*trail, needed)):
            return found
    return ()


def _needed(config: "Config", name: str) -> Iterator[str]:
    """Datasets that one is made of, and those of the potential that explores."""
    dataset = config.datasets.get(name)
    if isinstance(dataset, ExtendedDataset):
        yield dataset.of
        explorer = config.potentials.get(dataset.by)
        if explorer is not None and explorer.prepare == "train" and explorer.dataset:
            yield explorer.dataset
        if isinstance(dataset.label, PotentialLabeller) and dataset.label.potential:
            labeller = config.potentials.get(dataset.label.potential)
            if labeller is not None and labeller.prepare == "train" and labeller.dataset:
                yield labeller.dataset


def _fault_of_label(config: "Config", name: str, dataset: ExtendedDataset) -> str | None:
    label = dataset.label
    if isinstance(label, EngineLabeller):
        fault = label.engine.find_fault_of([label.functional])
        return f"functional: {fault}" if fault else None
    if not isinstance(label, PotentialLabeller):
        return None
    if label.potential is not None:
        if label.potential in config.potentials:
            return None
        known = ", ".join(config.potentials)
        return f"potential: there is no potential '{label.potential}'; name one of: {known}"
    force_field = config.first_dataset(name).force_field
    if force_field is None:
        return (
            "kind: the first dataset was labelled by others; tell what labels the frames: a "
            "potential, an engine, or files of your own program"
        )
    solid = config.campaigns[dataset.campaign].solid
    fault = force_field.find_fault_of(solid) if solid else None
    return f"kind: the first dataset's force field cannot: {fault}" if fault else None
