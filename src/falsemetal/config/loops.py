"""Jobs of learning loops: runs are explored, frames labelled and laid beside a dataset."""

from dataclasses import dataclass

from falsemetal.config.jobs import Jobs
from falsemetal.datasets.split import PARTS
from falsemetal.files import expand
from falsemetal.learning.displaced import DisplacedDataset, DisplaceSpec
from falsemetal.learning.labellers import LabellerKind, PotentialLabeller
from falsemetal.learning.settings import (
    ExploreSpec,
    ExtendedDataset,
    ExtendSpec,
    LabelSpec,
)
from falsemetal.potentials.runners import LammpsRunner, Runner


@dataclass(frozen=True)
class Loops(Jobs):
    """Jobs of datasets that grow by a potential's runs, beside all others."""

    @property
    def extended(self) -> list[str]:
        """Datasets of which this is so."""
        return [n for n, d in self.config.datasets.items() if isinstance(d, ExtendedDataset)]

    @property
    def first(self) -> list[str]:
        """Datasets of which it is not."""
        return [name for name in self.config.datasets if name not in self.extended]

    def parts(self, dataset: str) -> dict[str, str]:
        """Files of a dataset by part."""
        return {part: f"<results>/datasets/{dataset}/{part}.extxyz" for part in PARTS}

    def explored(self, dataset: str) -> list[str]:
        """Trajectories that an extension looks for frames in."""
        settings = self._extension(dataset)
        return self.trajectories(settings.by, settings.campaign, settings.size_A)

    def explore(self, dataset: str) -> ExploreSpec:
        """Choose frames of the runs."""
        settings = self._extension(dataset)
        charges = self.charges(settings.by)
        return ExploreSpec(
            origin=self.origin,
            select=settings.select,
            minimum_distance_A=settings.checks.minimum_distance_A,
            liquid=self.config.liquid,
            charge_e=charges.own_e,
            electronic_charge_e=charges.electronic_e,
            by=settings.by,
        )

    @property
    def displaced(self) -> list[str]:
        """Datasets of structures that are displaced at random."""
        return [n for n, d in self.config.datasets.items() if isinstance(d, DisplacedDataset)]

    def displace(self, dataset: str) -> DisplaceSpec:
        """Displace the structures of a dataset."""
        settings = self.config.datasets[dataset]
        assert isinstance(settings, DisplacedDataset)
        return DisplaceSpec(
            origin=self.origin,
            name=dataset,
            structures=settings.structures,
            seed=self.config.seed,
        )

    def structures(self, dataset: str) -> list[str]:
        """Files of the structures that are displaced."""
        settings = self.config.datasets[dataset]
        assert isinstance(settings, DisplacedDataset)
        return [str(expand(path)) for _, path in settings.named_files()]

    def label(self, dataset: str, batch: str) -> LabelSpec:
        """Label chosen frames."""
        return LabelSpec(
            origin=self.origin,
            labeller=self._labeller(dataset),
            runner=self._label_runner(dataset),
            batch=int(batch),
            n_batches=self._n_batches(dataset),
        )

    def labelling_model(self, dataset: str) -> list[str]:
        """Name the description of the model that labels, if one does."""
        labeller = self._labeller(dataset)
        named = isinstance(labeller, PotentialLabeller) and labeller.potential
        return self.model(named) if named else []

    def label_threads(self, dataset: str) -> int:
        """Cores of a job of labels: electrons take two."""
        return 2 if self._labeller(dataset).one_by_one else 1

    def extend(self, dataset: str) -> ExtendSpec:
        """Lay labelled frames beside a dataset."""
        settings = self._extension(dataset)
        left_out = {"checks", "split"}
        source = {key: v for key, v in settings.identity().items() if key not in left_out}
        return ExtendSpec(
            origin=self.origin,
            name=dataset,
            source=source,
            checks=settings.checks,
            split=settings.split,
            known_share=settings.select.known_share,
            seed=self.config.seed,
        )

    def _extension(self, dataset: str) -> ExtendedDataset:
        settings = self.config.datasets[dataset]
        assert isinstance(settings, ExtendedDataset)
        return settings

    def _labeller(self, dataset: str) -> LabellerKind:
        settings = self.config.datasets[dataset]
        assert isinstance(settings, ExtendedDataset | DisplacedDataset)
        return settings.label

    def _label_runner(self, dataset: str) -> Runner | None:
        labeller = self._labeller(dataset)
        if not isinstance(labeller, PotentialLabeller):
            return None
        if dataset in self.displaced:
            assert labeller.potential is not None, "as find_fault_of_displaced has seen"
            return self._runner(labeller.potential).beside(()).for_single_points()
        settings = self._extension(dataset)
        solid = self._solid(settings.campaign)
        if labeller.potential is not None:
            runner = self._runner(labeller.potential)
        else:
            force_field = self.config.labels[dataset].force_field
            assert force_field is not None, "as find_fault_of_extension has seen"
            runner = LammpsRunner(force_field=force_field, friction_per_fs=0.0)
        return runner.beside(solid).for_single_points()
