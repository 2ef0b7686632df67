"""What a configuration asks for, from its jobs to its figures and tables."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from falsemetal.config.jobs import Job
from falsemetal.config.loops import Loops
from falsemetal.config.model import Config
from falsemetal.potentials.kind import AnyPotential
from falsemetal.products.published import PublishedErrors, published_sets
from falsemetal.products.registry import ALL, COLORS, PRODUCTS, Product, ProductSpec, Shown
from falsemetal.section import Section


@dataclass(frozen=True)
class Target:
    """A product of a configuration.

    Attributes
    ----------
    name
        Of its files and its rule: that of the product, and of the campaign if it shows one of
        several, unless that alone is not made on request.
    product
        As registered.
    campaigns
        Those that it shows.
    """

    name: str
    product: Product
    campaigns: tuple[str, ...]


class Plan(Loops):
    """All jobs, and the products that are made of their tables."""

    @cached_property
    def targets(self) -> dict[str, Target]:
        """All products by name, also those that the configuration asks nothing of."""
        targets = []
        for product in PRODUCTS.values():
            campaigns = [
                name for name, c in self.config.campaigns.items() if c.kind in product.campaigns
            ]
            if product.runs:
                targets.append(Target(product.name, product, self._asked))
            elif len(campaigns) > 1 and not product.together:
                targets += [
                    Target(self._name_of(product, campaign, campaigns), product, (campaign,))
                    for campaign in campaigns
                ]
            else:
                targets.append(Target(product.name, product, tuple(campaigns)))
        return {target.name: target for target in targets}

    def _name_of(self, product: Product, campaign: str, campaigns: list[str]) -> str:
        asked = [name for name in campaigns if name in self._asked]
        return product.name if asked == [campaign] else f"{product.name}-{campaign}"

    def inputs(self, name: str) -> list[str]:
        """Tables that a product is made of."""
        target = self.targets[name]
        product = target.product
        if product.datasets:
            return [
                f"<results>/datasets/{dataset}/{table}.csv"
                for dataset in self.extended
                for table in product.datasets
            ]
        of_jobs = self.job_tables(target)
        if product.jobs and not of_jobs:
            return []
        fitting = self._potentials_of(target)
        shown = [name for name in self.config.potentials if name in fitting]
        reads = {"summary": ALL} if product.runs else product.reads
        tables = [t for c in target.campaigns for t in self.tables(c, reads, shown)]
        tables += [
            path
            for campaign in target.campaigns
            for table in product.responses
            for path in self.responses(campaign, table, shown)
        ]
        if (product.reads or product.responses) and not tables and not of_jobs:
            return []
        tables += [
            table
            for observable, (kind, sizes) in product.beside.items()
            for campaign in self._asked
            if self.config.campaigns[campaign].kind == kind
            for table in self.tables(campaign, {observable: sizes}, shown)
        ]
        of_models = [
            f"<results>/models/{name}/{table}.csv"
            for table in product.models
            for name in self.measured(table)
            if name in shown
        ]
        of_checks = [
            f"<results>/checks/{name}/{table}.csv"
            for table in product.checks
            for name in self.checked
            if name in shown
        ]
        return of_jobs + tables + of_models + of_checks

    @property
    def wanted(self) -> list[str]:
        """Products that the configuration asks for, but those that are made on request."""
        return [
            name
            for name, target in self.targets.items()
            if (target.product.told or self.inputs(name))
            and not self._is_on_request(target)
            and (self._learns or target.product.published or not target.product.grids)
        ]

    def _is_on_request(self, target: Target) -> bool:
        """Tell whether all that a product shows is made on request, or all its jobs are."""
        campaigns = [target.campaigns] if target.campaigns else []
        if target.product.jobs:
            campaigns.append(tuple(self._campaign_of(job) for job in self._jobs_of(target)))
        return not all(set(each) & set(self._asked) for each in campaigns)

    @cached_property
    def _learns(self) -> bool:
        """Whether there is a grid, or a dataset that grows: else figures of them show little."""
        grids = any(potential.grid for potential in self.config.potentials.values())
        return bool(grids or self.extended)

    @cached_property
    def _asked(self) -> tuple[str, ...]:
        """Campaigns that are not made on request alone."""
        return tuple(name for name, c in self.config.campaigns.items() if not c.on_request)

    def product(self, name: str, missing: Mapping[str, str] | None = None) -> ProductSpec:
        """Make a product.

        Parameters
        ----------
        name
            Of a target.
        missing
            Why tables are not there, beside the potentials that cannot be run here.
        """
        target = self.targets[name]
        shown = self._potentials_of(target)
        campaigns = {name: self.config.campaigns[name] for name in target.campaigns}
        return ProductSpec(
            origin=self.origin,
            product=target.product.name,
            name=name,
            potentials={
                name: self._shown(index, name, potential, target)
                for index, (name, potential) in enumerate(self.config.potentials.items())
                if name in shown
            },
            campaigns=campaigns,
            sizes_A={name: list(campaign.sizes_A) for name, campaign in campaigns.items()},
            settings={key: self._setting(key) for key in target.product.settings},
            published=self._published(shown) if target.product.published else {},
            missing={**self.absent, **(missing or {})},
        )

    def job_tables(self, target: Target) -> list[str]:
        """Tables of the jobs that a product shows."""
        shown = self._jobs_of(target)
        tables = [f"{job.folder}/summary.csv" for job in shown]
        for table in target.product.job_tables:
            # a response needs a field
            fitting = [job for job in shown if table != "response" or job.point.field_V_per_A]
            if not fitting:
                return []
            tables += [f"{job.folder}/{table}.csv" for job in fitting]
        return tables

    def _jobs_of(self, target: Target) -> list[Job]:
        """Jobs of the campaigns that a product shows, else of asked ones, else all that fit it."""
        product = target.product
        fitting = [
            job
            for job in self.jobs.values()
            if (campaign := self.config.campaigns[self._campaign_of(job)]).layout in product.jobs
            and (not product.campaigns or campaign.kind in product.campaigns)
        ]
        for campaigns in (target.campaigns, self._asked):
            if chosen := [job for job in fitting if self._campaign_of(job) in campaigns]:
                return chosen
        return fitting

    def _campaign_of(self, job: Job) -> str:
        return self.frame_sets[job.frames].campaign

    def _potentials_of(self, target: Target) -> set[str]:
        """Potentials that a product shows; of no campaign what is made for asked ones."""
        shown = self._fitting(target)
        if target.campaigns or target.product.told:
            return shown
        potentials = self.config.potentials
        return {
            n
            for n in shown
            if not (runs := potentials[n].by_campaign) or set(runs) & set(self._asked)
        }

    def _fitting(self, target: Target) -> set[str]:
        """Potentials that fit a product, those of grids only where it shows them."""
        fitting, potentials = self._all_fitting(target), self.config.potentials
        if target.product.published:
            fitting = {name for name in fitting if self._published({name})}
        return {n for n in fitting if target.product.grids or potentials[n].grid is None}

    def _published(self, potentials: Iterable[str]) -> dict[str, list[PublishedErrors]]:
        """Look up the published errors of the datasets of potentials."""
        datasets = {self.config.potentials[name].dataset for name in potentials}
        named = {
            name: getattr(dataset, "published", None)
            for name, dataset in self.config.datasets.items()
            if name in datasets
        }
        return {name: published_sets()[of] for name, of in named.items() if of is not None}

    def _all_fitting(self, target: Target) -> set[str]:
        if target.product.told:
            potentials = self.config.potentials if target.product.architecture else {}
            return {name for name, potential in potentials.items() if potential.learns_charges}
        if target.product.models and not target.product.campaigns:
            return {name for table in target.product.models for name in self.measured(table)}
        if target.product.checks and not target.product.campaigns:
            return set(self.checked)
        if target.product.jobs and not target.product.campaigns:
            return {self.frame_sets[job.frames].potential for job in self._jobs_of(target)}
        return {
            name
            for name, potential in self.config.potentials.items()
            if set(target.campaigns) & potential.by_campaign.keys()
            and (not target.product.responses or potential.answers_to_fields is not None)
        }

    def _shown(self, index: int, name: str, potential: AnyPotential, target: Target) -> Shown:
        return Shown(
            label=potential.label or name,
            color=COLORS[index % len(COLORS)],
            marker=potential.marker,
            kind=potential.kind,
            dataset=potential.dataset,
            grid=potential.grid,
            architecture=potential.identity() if target.product.architecture else {},
            durations_ps={c: self.config.durations_ps(name, c) for c in target.campaigns},
            ignores_fields=bool(target.product.responses) and potential.answers_to_fields is False,
            **self._theory_of(name, potential) if target.product.charges else {},
        )

    def _theory_of(self, name: str, potential: AnyPotential) -> dict[str, Any]:
        truncation = potential.truncation(self.config.labels)
        return {"charges": self.charges(name), "truncation": truncation}

    def _setting(self, key: str) -> Any:
        value: Any = self.config
        for part in key.split("."):
            value = getattr(value, part, None)
        return value.identity() if isinstance(value, Section) else value


def plan_here(config: Config) -> tuple[Plan, list[str]]:
    """Plan what can be run on this machine, and say what is left out, and why."""
    absent: dict[str, str] = {}
    notices = []
    for name, potential in config.potentials.items():
        runner = potential.runner(config.labels, config.dynamics)
        if fault := runner.find_fault():
            absent[name] = f"no usable {runner.title}"
            notices.append(f"{fault}. Until then {name} is left out")
    return Plan(config, absent), notices
