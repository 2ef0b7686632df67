"""The jobs of a configuration: their specifications, and the files that lie between them.

Paths begin with `<results>`, as Snakemake's rules have them.
"""

import hashlib
import os
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property

from falsemetal.campaigns.kind import StartSpec
from falsemetal.config.model import Config
from falsemetal.datasets.settings import (
    CurateSpec,
    ForceFieldDataset,
    LabelledDataset,
    LabelledFrames,
    ReadSpec,
    SampleSpec,
)
from falsemetal.electronic.engine import SinglePoint
from falsemetal.electronic.settings import Electronic, FrameSet
from falsemetal.electronic.specs import ReadJobSpec, RunJobSpec, SelectSpec, WriteJobSpec
from falsemetal.files import expand, text_sha256
from falsemetal.learning.displaced import DisplacedDataset
from falsemetal.learning.settings import ExtendedDataset
from falsemetal.observables.registry import OBSERVABLES, ObserveSpec, observe_spec
from falsemetal.potentials.force_field.settings import WaterForceField
from falsemetal.potentials.kind import ChargeModel, FetchSpec
from falsemetal.potentials.recorded.spec import Nominal, RecordedRuns, RecordedSpec
from falsemetal.potentials.runners import Runner, RunSpec
from falsemetal.potentials.specs import InternalFieldSpec, LearnedChargesSpec, MetalResponseSpec
from falsemetal.potentials.training.settings import Training
from falsemetal.potentials.training.spec import EvaluateSpec, TrainSpec
from falsemetal.products.registry import Sizes
from falsemetal.simulation.settings import Conditions
from falsemetal.specs import Origin
from falsemetal.systems.boundary import Boundary
from falsemetal.systems.molecule import WATER
from falsemetal.verdict.checking import CROSS_SECTION_A
from falsemetal.verdict.job import CheckSpec
from falsemetal.verdict.probe import SHIPPED


@dataclass(frozen=True)
class Job:
    """An electronic-structure job: a calculation of a frame of a set."""

    frames: str
    frame: int
    point: SinglePoint

    @property
    def folder(self) -> str:
        """Path of its folder."""
        return f"<results>/electronic/{self.frames}/{self.frame}/{self.point.name}"


@dataclass(frozen=True)
class Jobs:
    """What a configuration asks for, on a machine that may lack some programs.

    Attributes
    ----------
    config
        Validated.
    absent
        Why potentials cannot be run here, by name.
    """

    config: Config
    absent: Mapping[str, str]

    @cached_property
    def origin(self) -> Origin:
        """Of all specifications."""
        sha256 = text_sha256(self.config.model_dump_json())
        return Origin(name=self.config.name, sha256=sha256, seed=self.config.seed)

    def seed(self, *parts: str) -> int:
        """Derive the seed of a job from the configuration's and what names the job."""
        digest = hashlib.sha256("/".join((str(self.config.seed), *parts)).encode()).digest()
        return int.from_bytes(digest[:4]) >> 1

    # datasets

    def sample(self, dataset: str, run: str) -> SampleSpec:
        """Sample and label a trajectory of a dataset's force field."""
        settings = self.config.datasets[dataset]
        assert isinstance(settings, ForceFieldDataset)
        return SampleSpec(
            origin=self.origin,
            run=settings.sampling[run],
            force_field=settings.force_field.beside(settings.sampling[run].elements),
            charges=settings.label_charges,
            name=run,
            seed=self.config.seed,
            label=f"labels {dataset}/{run}",
        )

    def read(self, dataset: str) -> ReadSpec:
        """Read the labelled frames of others."""
        settings = self.config.datasets[dataset]
        assert isinstance(settings, LabelledDataset)
        keys = LabelledFrames.model_fields
        return ReadSpec(origin=self.origin, **{key: getattr(settings, key) for key in keys})

    def curate(self, dataset: str) -> CurateSpec:
        """Check and split a dataset."""
        settings = self.config.datasets[dataset]
        if isinstance(settings, ForceFieldDataset):
            force_field = settings.force_field.beside(settings.elements)
            settings = settings.model_copy(update={"force_field": force_field})
        source = {key: value for key, value in settings.identity().items() if key != "checks"}
        return CurateSpec(
            origin=self.origin,
            name=dataset,
            source=source,
            checks=settings.checks,
            split=settings.split,
            seed=self.config.seed,
        )

    def labelled_frames(self, dataset: str) -> list[str]:
        """Files that a dataset is curated from."""
        folder = f"<results>/datasets/{dataset}"
        settings = self.config.datasets[dataset]
        if isinstance(settings, DisplacedDataset):
            return self.labels(dataset)
        sampling = getattr(settings, "sampling", None)
        if sampling is None:
            return [f"{folder}/labelled.extxyz"]
        return [f"{folder}/sampling/{run}.extxyz" for run in sampling]

    def labels(self, dataset: str) -> list[str]:
        """Files of labelled frames that were chosen here, one of each job."""
        count = self._n_batches(dataset)
        return [f"<results>/datasets/{dataset}/labels/{batch}.extxyz" for batch in range(count)]

    def _n_batches(self, dataset: str) -> int:
        """Count the jobs: one of each frame where each takes long, on whatever machine."""
        settings = self.config.datasets[dataset]
        assert isinstance(settings, ExtendedDataset | DisplacedDataset)
        if not settings.label.one_by_one:
            return 1
        if isinstance(settings, ExtendedDataset):
            return settings.select.n_frames
        return sum(s.n_geometries * len(s.total_charges_e) for s in settings.structures.values())

    # potentials

    def made_by(self, prepare: str) -> list[str]:
        """Potentials that are made in one way: by training, by fetching."""
        return [name for name, p in self.config.potentials.items() if p.prepare == prepare]

    def model(self, potential: str) -> list[str]:
        """Name the description of a potential that is made before it is run."""
        made = self.config.potentials[potential].prepare != "none"
        return [f"<results>/models/{potential}/model.json"] if made else []

    def frames_for(self, potential: str, part: str) -> str:
        """Name a part of the dataset that a potential is trained or measured on."""
        return f"<results>/datasets/{self.config.potentials[potential].dataset}/{part}.extxyz"

    @property
    def training(self) -> Training:
        """Settings of the training."""
        return self.config.training or Training(epochs=1)

    def train(self, potential: str) -> TrainSpec:
        """Train a model."""
        settings, liquid = self.config.potentials[potential], self.config.liquid
        solids = [element for campaign in settings.runs for element in self._solid(campaign)]
        held = tuple(dict.fromkeys([*liquid.centres, *liquid.satellites, *solids]))
        seed = getattr(settings, "seed", None)
        return TrainSpec(
            origin=self.origin,
            potential=settings,
            training=self.training,
            seed=self.config.seed if seed is None else seed,
            label=f"training {potential}",
            charge_e=self.charges(potential).own_e,
            runs_hold=held if settings.runs else (),
        )

    def fetch(self, potential: str) -> FetchSpec:
        """Fetch the files of a model."""
        return FetchSpec(origin=self.origin, potential=self.config.potentials[potential])

    def evaluate(self, potential: str) -> EvaluateSpec:
        """Measure a model's errors."""
        return EvaluateSpec(
            origin=self.origin,
            dtype=self.training.dtype,
            device=self.training.device,
            seed=self.config.seed,
        )

    @property
    def evaluated(self) -> list[str]:
        """Potentials whose errors are measured: of what is fetched, where the data are there."""
        trained = self.made_by("train")
        at_hand = {self.config.potentials[name].dataset for name in trained}
        fetched = self.made_by("fetch")
        return trained + [n for n in fetched if self.config.potentials[n].dataset in at_hand]

    def learned_charges(self, potential: str) -> LearnedChargesSpec:
        """Tabulate the charges that a model has learned."""
        return LearnedChargesSpec(
            origin=self.origin,
            dtype=self.training.dtype,
            device=self.training.device,
            liquid=self.config.liquid,
            charge_e=self.charges(potential).own_e,
        )

    def measured(self, table: str) -> list[str]:
        """Potentials of whose models there is a table: `errors`, `charges` or `charge_states`."""
        if table == "errors":
            return self.evaluated
        if table == "charge_states":
            return self._in_charge_states()
        return [n for n in self.evaluated if self.config.potentials[n].learns_charges]

    def _in_charge_states(self) -> list[str]:
        """Potentials that know total charges, of displaced structures, if some have several."""
        of = {n: d for n, d in self.config.datasets.items() if isinstance(d, DisplacedDataset)}
        if not any(dataset.in_several_states for dataset in of.values()):
            return []
        potentials = self.config.potentials
        return [
            name
            for name in self.evaluated
            if potentials[name].knows_total_charge and potentials[name].dataset in of
        ]

    # answers to a field

    def answers(self, potential: str, campaign: str) -> bool | None:
        """Whether charges of a campaign's films answer to a field; None where nothing is known."""
        if self._conductor(potential, campaign) is not None:
            return True
        return self.config.potentials[potential].answers_to_fields

    def answering(self, campaign: str) -> list[str]:
        """Potentials by which charges answer, if any model is among them."""
        potentials = self.config.potentials
        models = [n for n, p in potentials.items() if p.answers_to_fields and p.prepare != "none"]
        runs_there = any(campaign in potentials[name].by_campaign for name in models)
        return [
            name
            for name in potentials
            if runs_there and (name in models or self._conductor(name, campaign) is not None)
        ]

    def _conductor(self, potential: str, campaign: str) -> WaterForceField | None:
        """Force field by which a campaign's solid answers to fields, or None."""
        solid = self.config.campaigns[campaign].solid
        return self.config.potentials[potential].conductor_beside(solid, self.config.labels)

    def responses(self, campaign: str, table: str, potentials: Iterable[str]) -> list[str]:
        """Tables of what a field does to the charges of potentials in films at their sizes."""
        return [
            f"<results>/responses/{name}/{campaign}/{size:g}A/{table}.csv"
            for name in potentials
            if name in self.answering(campaign) and name not in self.absent
            for size in self.config.durations_ps(name, campaign)
        ]

    def response_frames(self, campaign: str, size: str | float) -> list[str]:
        """Name the starts, the same for all potentials, on which answers to a field are taken."""
        folder = f"<results>/starts/{campaign}/{float(size):g}A"
        return [f"{folder}/{n}.extxyz" for n in range(self.config.analysis.response_frames)]

    def internal_field(self) -> InternalFieldSpec:
        """Tabulate what a field does to the charges of a potential in films."""
        return InternalFieldSpec(
            origin=self.origin, device=self.training.device, liquid=self.config.liquid
        )

    def metal_response(self, potential: str, campaign: str) -> MetalResponseSpec:
        """Tabulate what a field does to the charges of a potential in films on a metal."""
        solid = self.config.campaigns[campaign].solid
        assert solid is not None  # of films on metals alone
        return MetalResponseSpec(
            origin=self.origin,
            device=self.training.device,
            force_field=self._conductor(potential, campaign),
            n_layers=solid.layers,
        )

    def charges(self, potential: str) -> ChargeModel:
        """Charges of eq. 1 of a potential."""
        return self.config.potentials[potential].charges(self.config.labels, self.config.liquid)

    @property
    def checked(self) -> list[str]:
        """Potentials that are checked: all that can be run, if there are frames to stack."""
        config, probes = self.config, set(self.config.check.probes)
        if not probes or (probes & set(SHIPPED) and not config.liquid.has_atoms_of(WATER)):
            return []
        return [
            name for name in config.potentials if name not in self.absent and self._points(name)
        ]

    def _points(self, potential: str) -> bool:
        """Tell whether a potential's program gives single points."""
        runner = self._runner(potential)
        return type(runner).make_calculator is not Runner.make_calculator

    def _runner(self, potential: str) -> Runner:
        settings = self.config.potentials[potential]
        return settings.runner(self.config.labels, self.config.dynamics)

    def check(self, potential: str) -> CheckSpec:
        """Check a potential."""
        config, charges = self.config, self.charges(potential)
        slabs = [c for c in config.campaigns.values() if c.boundary is Boundary.FILM]
        sides = [side for c in slabs if (side := getattr(c, "cross_section_A", None))]
        return CheckSpec(
            origin=self.origin,
            potential=potential,
            runner=self._runner(potential).beside(()).for_single_points(),
            settings=config.check,
            liquid=config.liquid,
            charge_shares=config.liquid.charges(1.0),
            charge_e=charges.own_e,
            electronic_charge_e=charges.electronic_e,
            band_gap_eV=config.analysis.band_gap_eV,
            permittivity=config.analysis.relative_permittivity,
            temperature_K=config.dynamics.temperature_K,
            cross_section_A=sides[0] if sides else CROSS_SECTION_A,
        )

    # dynamics

    def start(self, campaign: str, size: str, replica: str) -> StartSpec:
        """Equilibrate a system."""
        return StartSpec(
            origin=self.origin,
            campaign=self.config.campaigns[campaign],
            size_A=float(size),
            force_field=self.config.start_force_field.beside(self._solid(campaign)),
            temperature_K=self.config.dynamics.temperature_K,
            replica=int(replica),
            seed=self.seed("start", campaign, size, replica),
            label=f"equilibration {campaign} {size} Å, replica {replica}",
        )

    def run(self, potential: str, campaign: str, size: str, replica: str) -> RunSpec:
        """Run a potential."""
        dynamics = self.config.dynamics
        conditions = Conditions(
            temperature_K=dynamics.temperature_K,
            timestep_fs=dynamics.timestep_fs,
            hydrogen_mass_u=dynamics.hydrogen_mass_u,
            frame_interval_steps=dynamics.frame_interval_steps,
            seed=self.seed(potential, campaign, size, replica),
            n_steps=self.config.n_steps(potential, campaign, float(size)),
            limits=dynamics.limits,
            liquid=self.config.liquid,
            label=f"MD {potential}, {campaign} {size} Å, replica {replica}",
        )
        runner = self._runner(potential).beside(self._solid(campaign))
        return RunSpec(origin=self.origin, conditions=conditions, runner=runner)

    def recording(self, potential: str, campaign: str, size: str, replica: str) -> RecordedSpec:
        """Take a file for a run of a potential."""
        settings, kind = self.config.potentials[potential], self.config.campaigns[campaign]
        told = ("types", "interval_ps", "cell_A", "solid_atoms")
        return RecordedSpec(
            origin=self.origin,
            liquid=self.config.liquid,
            nominal=Nominal(
                layout=kind.layout,
                region=kind.solid.region if kind.solid else None,
                elements=kind.solid.elements if kind.solid else (),
                edges_A=kind.cell_lengths(float(size)),
                n_molecules=kind.n_molecules(float(size)),
            ),
            key=f"potentials.{potential}",
            entry=f"files.{campaign}.{size}[{replica}]",
            nominal_key=f"campaigns.{campaign} at {size} Å",
            **{key: getattr(settings, key) for key in told},
        )

    def recorded(self, potential: str, campaign: str, size: str, replica: str) -> str:
        """Path of the file that is a run of a potential."""
        run = self.config.potentials[potential].by_campaign[campaign]
        assert isinstance(run, RecordedRuns)
        return os.path.normpath(expand(run.files[float(size)][int(replica)]))

    def topology(self, potential: str) -> list[str]:
        """Path of the file that tells the elements of a potential's recorded runs."""
        path = getattr(self.config.potentials[potential], "topology", None)
        return [os.path.normpath(expand(path))] if path else []

    def _solid(self, campaign: str) -> tuple[str, ...]:
        """Elements of the solid beside a campaign's liquid."""
        solid = self.config.campaigns[campaign].solid
        return solid.elements if solid else ()

    def run_by(self, program: str) -> list[str]:
        """Potentials that a program runs."""
        return [
            name
            for name, settings in self.config.potentials.items()
            if settings.by_campaign and self._runner(name).program == program
        ]

    def trajectories(self, potential: str, campaign: str, size: str | float) -> list[str]:
        """Trajectories of all replicas of a potential at one size."""
        folder = f"<results>/trajectories/{potential}/{campaign}/{float(size):g}A"
        count = self.config.n_replicas(potential, campaign, float(size))
        return [f"{folder}/{replica}.h5" for replica in range(count)]

    def released(self, potential: str, campaign: str, size: str | float) -> list[str]:
        """Trajectories that tell how long the runs of a potential at one size remember.

        Of the thickest system of another campaign that is no thicker than them: memory grows with
        thickness.
        """
        shown, config = self.config.campaigns[campaign], self.config
        found = [
            (other_size, name)
            for name, other in config.campaigns.items()
            if other.tells_memory_of(shown)
            for other_size in config.durations_ps(potential, name)
            if other_size <= float(size)
        ]
        if not found:
            return []
        thickest, name = max(found)
        return self.trajectories(potential, name, thickest)

    # observables

    def observe(self, potential: str, campaign: str, names: Iterable[str]) -> ObserveSpec:
        """Read observables off the trajectories of a potential."""
        return observe_spec(
            names,
            self.config.campaigns[campaign],
            self.config.liquid,
            charges=self.charges(potential),
            analysis=self.config.analysis,
            dynamics=self.config.dynamics,
            origin=self.origin,
        )

    @property
    def observe_jobs(self) -> Iterator[tuple[str, list[str]]]:
        """Campaigns with the observables that one job makes of each of their systems."""
        for name, campaign in self.config.campaigns.items():
            defined = [o for o in OBSERVABLES.values() if campaign.layout in o.layouts]
            yield name, [o.name for o in defined if not o.costly]
            yield from ((name, [o.name]) for o in defined if o.costly)

    def tables(
        self, campaign: str, reads: Mapping[str, Sizes], potentials: Iterable[str] | None = None
    ) -> list[str]:
        """Tables of observables of potentials at those sizes at which they are run and shown."""
        every = self.config.potentials if potentials is None else potentials
        names = [name for name in every if name not in self.absent]
        run_at = [set(self.config.durations_ps(name, campaign)) for name in names]
        run_at = [sizes for sizes in run_at if sizes]
        return [
            f"<results>/observables/{name}/{campaign}/{size:g}A/{observable}.csv"
            for observable, shown in reads.items()
            for name in names
            for size in self.config.durations_ps(name, campaign)
            if size in shown.of(run_at)
        ]

    # electronic structure

    @property
    def electronic(self) -> Electronic:
        """Settings of the electronic structure."""
        if self.config.electronic is None:
            raise ValueError("electronic: the configuration has no such section")
        return self.config.electronic

    @cached_property
    def frame_sets(self) -> dict[str, FrameSet]:
        """Sets of frames whose potential can be run here."""
        electronic = self.config.electronic
        every = electronic.frames if electronic else {}
        return {name: f for name, f in every.items() if f.potential not in self.absent}

    @cached_property
    def jobs(self) -> dict[str, Job]:
        """Electronic-structure jobs by folder."""
        jobs = [
            Job(name, frame, point)
            for name, frames in self.frame_sets.items()
            for frame in range(frames.n_frames)
            for point in frames.single_points
        ]
        return {job.folder: job for job in jobs}

    def chosen_from(self, frames: str) -> tuple[list[str], str]:
        """Name the trajectories that a set is chosen from, and its table of ΔV."""
        f = self.frame_sets[frames]
        folder = f"{f.potential}/{f.campaign}/{f.size_A:g}A"
        return (
            self.trajectories(f.potential, f.campaign, f.size_A),
            f"<results>/observables/{folder}/voltage.csv",
        )

    def select(self, frames: str) -> SelectSpec:
        """Choose the frames of a set."""
        wanted = self.frame_sets[frames]
        charge = self.charges(wanted.potential).electronic_e
        return SelectSpec(origin=self.origin, choice=wanted.choice, charge_e=charge)

    def job(self, frames: str, frame: str, job: str) -> Job:
        """Look a job up by its wildcards."""
        return self.jobs[f"<results>/electronic/{frames}/{frame}/{job}"]

    def write_job(self, frames: str, frame: str, job: str) -> WriteJobSpec:
        """Write the inputs of a job."""
        settings, found = self.electronic, self.job(frames, frame, job)
        return WriteJobSpec(
            origin=self.origin,
            engine=settings.engine,
            point=found.point,
            vacuum_A=settings.vacuum_A,
            density_of_states=settings.engine.inputs_from(settings.density_of_states),
            liquid=self.config.liquid,
        )

    def run_job(self) -> RunJobSpec:
        """Run a job."""
        return RunJobSpec(origin=self.origin, engine=self.electronic.engine)

    def read_job(self, frames: str) -> ReadJobSpec:
        """Read a job's outputs."""
        settings = self.electronic
        return ReadJobSpec(
            origin=self.origin,
            engine=settings.engine,
            density_of_states=settings.density_of_states,
            band_search=settings.band_search,
            electronic_charge_e=self.charges(self.frame_sets[frames].potential).electronic_e,
            liquid=self.config.liquid,
        )
