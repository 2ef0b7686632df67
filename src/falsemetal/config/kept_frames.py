"""Frames that a dataset keeps and only some potentials can treat."""

from typing import TYPE_CHECKING

from falsemetal.learning.settings import ExtendedDataset

if TYPE_CHECKING:
    from falsemetal.config.model import Config

WHAT = {
    "clusters": "frames that are not periodic",
    "charged": "charged frames",
    "fields": "frames in a field",
}


def find_fault_of_kept_frames(config: "Config", name: str) -> str | None:
    """Tell which frames of a potential's dataset it would take for others, or None."""
    potential = config.potentials[name]
    dataset = potential.dataset
    # what is neither trained nor fetched, such as the force field that labelled it, reads no frames
    if potential.knows_total_charge or potential.prepare == "none":
        return None
    while dataset is not None and (settings := config.datasets.get(dataset)) is not None:
        if kept := settings.checks.kept_for_charges:
            return (
                f"dataset: {dataset} keeps {WHAT[kept[0]]} (datasets.{dataset}.checks.{kept[0]}: "
                f"keep), which kind {potential.kind} does not know from others; reject them, or "
                "take a kind that knows total charges"
            )
        dataset = settings.of if isinstance(settings, ExtendedDataset) else None
    return None
