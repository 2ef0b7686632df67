"""The configuration's sections, and what must fit together between them."""

from collections import Counter
from collections.abc import Mapping
from functools import cached_property
from typing import Self

from pydantic import Field, model_validator

from falsemetal import campaigns as _campaigns  # noqa: F401  (registers its kinds)
from falsemetal.campaigns.kind import AnyCampaign
from falsemetal.config.extensions import (
    find_fault_of_displaced,
    find_fault_of_extension,
    find_unknown_name,
)
from falsemetal.config.grids import Grid
from falsemetal.config.kept_frames import find_fault_of_kept_frames
from falsemetal.electronic.settings import Electronic, FrameSet
from falsemetal.learning.displaced import DisplacedDataset
from falsemetal.learning.settings import AnyDataset, ExtendedDataset, FirstDataset
from falsemetal.observables.settings import Analysis
from falsemetal.potentials import kinds as _kinds  # noqa: F401  (registers its kinds)
from falsemetal.potentials.force_field.settings import WaterForceField
from falsemetal.potentials.kind import AnyPotential
from falsemetal.potentials.recorded.spec import RecordedRuns
from falsemetal.potentials.training.settings import Training
from falsemetal.products.published import published_sets
from falsemetal.section import Name, NonNegativeInt, Section
from falsemetal.simulation.settings import Dynamics, Run
from falsemetal.systems.boundary import Boundary
from falsemetal.systems.molecule import WATER, Molecule
from falsemetal.verdict.job import Check

MINIMUM_FRAMES = 10
"""Frames that a run must leave to be analysed."""


class Config(Section):
    """Everything a run does; one instance per YAML file."""

    plugins: list[str] = Field(
        [], description="Modules or Python files that register kinds, observables or products"
    )
    name: Name = Field(description="Results go to results/<name>/")
    seed: NonNegativeInt = 1
    datasets: dict[Name, AnyDataset] = Field({})
    training: Training | None = Field(None, description="Needed where a potential is trained")
    potentials: dict[Name, AnyPotential] = Field(min_length=1)
    grids: dict[Name, Grid] = Field(
        {}, description="Families of potentials, by a name of their own; laid out when it is read"
    )
    campaigns: dict[Name, AnyCampaign] = Field(
        {}, description="Families of systems of growing size, by a name of their own"
    )
    liquid: Molecule = Field(WATER, description="Molecules that fill the systems")
    start_force_field: WaterForceField = Field(
        WaterForceField(), description="Equilibrates the structures from which all runs start"
    )
    dynamics: Dynamics = Dynamics()
    analysis: Analysis = Analysis()
    check: Check = Check()
    electronic: Electronic | None = Field(
        None, description="Frames of the runs whose electrons are computed"
    )

    @cached_property
    def labels(self) -> Mapping[str, FirstDataset]:
        """Datasets by name, of extended ones the first: it tells whose labels they are."""
        return {name: self.first_dataset(name) for name in self.datasets}

    def first_dataset(self, name: str) -> FirstDataset:
        """Dataset that a chain of extensions begins with, or itself."""
        dataset = self.datasets[name]
        while isinstance(dataset, ExtendedDataset):
            dataset = self.datasets[dataset.of]
        return dataset

    @model_validator(mode="after")
    def _extensions_fit(self) -> Self:
        # names of all before what follows from them
        for find_fault in (find_unknown_name, find_fault_of_extension):
            for name, dataset in self.datasets.items():
                extended = isinstance(dataset, ExtendedDataset)
                if extended and (lack := find_fault(self, name)):
                    raise ValueError(f"datasets.{name}.{lack}")
        return self

    @model_validator(mode="after")
    def _displaced_are_labelled(self) -> Self:
        for name, dataset in self.datasets.items():
            if isinstance(dataset, DisplacedDataset) and (
                lack := find_fault_of_displaced(self, dataset)
            ):
                raise ValueError(f"datasets.{name}.label.{lack}")
        return self

    @model_validator(mode="after")
    def _published_sets_are_known(self) -> Self:
        for name, dataset in self.datasets.items():
            published = getattr(dataset, "published", None)
            if published is not None and published not in published_sets():
                raise ValueError(
                    f"datasets.{name}.published: no errors of '{published}' are known; name one "
                    f"of: {', '.join(published_sets())}"
                )
        return self

    @model_validator(mode="after")
    def _references_resolve(self) -> Self:
        for name, potential in self.potentials.items():
            key = f"potentials.{name}"
            if fault := potential.find_fault(self.labels):
                raise ValueError(f"{key}.{fault[0]}: {fault[1]}")
            if kept := find_fault_of_kept_frames(self, name):
                raise ValueError(f"{key}.{kept}")
            try:
                potential.charges(self.labels, self.liquid)
            except ValueError as error:
                raise ValueError(f"{key}.{error}") from error
            for campaign, run in potential.by_campaign.items():
                self._check_run(f"{key}.{potential.runs_key}.{campaign}", name, campaign, run)
        trained = [name for name, p in self.potentials.items() if p.prepare == "train"]
        if self.training is None and trained:
            raise ValueError(
                f"training: required, as {trained[0]} is trained; give at least training.epochs"
            )
        labels = Counter(p.label or name for name, p in self.potentials.items())
        for label, count in labels.items():
            if count > 1:
                raise ValueError(
                    f"potentials: {count} of them have the label '{label}'; give each its own"
                )
        if self.electronic is not None:
            for name, frames in self.electronic.frames.items():
                self._check_frames(f"electronic.frames.{name}", frames)
        return self

    def _check_frames(self, key: str, frames: FrameSet) -> None:
        if frames.potential not in self.potentials:
            raise ValueError(
                f"{key}.potential: there is no potential '{frames.potential}'; "
                f"name one of: {', '.join(self.potentials)}"
            )
        if frames.campaign not in self.campaigns:
            raise ValueError(
                f"{key}.campaign: there is no campaign '{frames.campaign}'; "
                f"name one of: {', '.join(self.campaigns)}"
            )
        sizes = self.durations_ps(frames.potential, frames.campaign)
        if frames.size_A not in sizes:
            run_at = ", ".join(f"{size:g}" for size in sizes) or "none"
            raise ValueError(
                f"{key}.size_A: {frames.potential} is not run at {frames.size_A:g} Å of "
                f"{frames.campaign}; sizes at which it is: {run_at}"
            )
        if frames.field_V_per_A and self.campaigns[frames.campaign].boundary is not Boundary.FILM:
            raise ValueError(
                f"{key}.field_V_per_A: a field needs vacuum; choose a campaign of films"
            )

    def _check_run(self, key: str, potential: str, name: str, run: Run | RecordedRuns) -> None:
        if name not in self.campaigns:
            raise ValueError(
                f"{key}: there is no campaign '{name}'; name one of: "
                f"{', '.join(self.campaigns) or 'none yet: add it to campaigns'}"
            )
        campaign = self.campaigns[name]
        settings = self.potentials[potential]
        fault = settings.find_fault_in(campaign.boundary)
        if fault := fault or campaign.find_fault_of(self.liquid):
            raise ValueError(f"{key}: {fault}")
        made = isinstance(run, Run)
        if campaign.solid is not None and made:
            if lacks := settings.find_fault_beside(campaign.solid, self.labels):
                raise ValueError(f"potentials.{potential}.{lacks[0]}: {lacks[1]} (run in {name})")
            if lack := self.start_force_field.find_fault_of(campaign.solid):
                raise ValueError(f"start_force_field.{lack} (for campaigns.{name})")
        fault = run.find_fault(campaign.sizes_A)
        if fault:
            raise ValueError(f"{key}.{fault}" if made else f"{key}: {fault}")
        if isinstance(run, RecordedRuns):
            return
        shortest = min(run.durations_ps(campaign.sizes_A).values())
        # the first frame counts, and the last interval must be whole
        analysed_ps = MINIMUM_FRAMES * self.dynamics.frame_interval_fs / 1000.0
        least = campaign.discard_ps(self.dynamics) + analysed_ps
        if shortest < least * (1.0 - 1e-9):
            raise ValueError(
                f"{key}.duration_ps: {shortest:g} ps leaves fewer than {MINIMUM_FRAMES} frames "
                f"after dynamics.discard_ps; give {float(f'{least + 5e-5:.4f}')!r} or more"
            )

    def durations_ps(self, potential: str, campaign: str) -> Mapping[float, float | None]:
        """Lengths of a potential's runs in ps by size in Å; empty where it is not run.

        None where its files alone tell.
        """
        run = self.potentials[potential].by_campaign.get(campaign)
        return run.durations_ps(self.campaigns[campaign].sizes_A) if run else {}

    def n_replicas(self, potential: str, campaign: str, size_A: float) -> int:
        """Count the independent runs of a potential at one size."""
        run = self.potentials[potential].by_campaign[campaign]
        return run.n_replicas(self.campaigns[campaign].sizes_A)[size_A]

    def n_steps(self, potential: str, campaign: str, size_A: float) -> int:
        """Length of a production run in steps, a whole number of frame intervals."""
        duration_ps = self.durations_ps(potential, campaign)[size_A]
        assert duration_ps is not None  # of no files
        steps = duration_ps * 1000.0 / self.dynamics.timestep_fs
        interval = self.dynamics.frame_interval_steps
        return max(1, round(steps / interval)) * interval
