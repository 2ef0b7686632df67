"""The configuration: what a run does, validated before anything is computed.

Every YAML file in `config/` is an instance of :class:`Config`; `config/schema.json` is generated
from it by ``python -m falsemetal.config > config/schema.json``. The configuration holds science
only: cores, memory and partitions live in `profiles/`.
"""

import hashlib
import json
from pathlib import Path
from typing import Any

import yaml
from pydantic import Field, NonNegativeInt, ValidationError, model_validator

from falsemetal.config.campaigns import Campaign, Cubic, Elongated, Run, Slabs
from falsemetal.config.datasets import (
    AnyDataset,
    Checks,
    ForceFieldDataset,
    Ion,
    LabelledDataset,
    SamplingRun,
    Split,
    WaterForceField,
)
from falsemetal.config.electronic import (
    AimsSettings,
    BandSearch,
    Cp2kSettings,
    DensityOfStates,
    Electronic,
    FrameSet,
    Functional,
)
from falsemetal.config.potentials import (
    AnyPotential,
    BPNNPPotential,
    CampaignName,
    ForceFieldPotential,
    MACEPotential,
    SplitChargePotential,
    Training,
)
from falsemetal.config.section import Name, Section
from falsemetal.config.simulation import Analysis, Dynamics, RunLimits

__all__ = [
    "AimsSettings",
    "Analysis",
    "BPNNPPotential",
    "BandSearch",
    "Campaign",
    "CampaignName",
    "Checks",
    "Config",
    "ConfigError",
    "Cp2kSettings",
    "Cubic",
    "DensityOfStates",
    "Dynamics",
    "Electronic",
    "Elongated",
    "ForceFieldDataset",
    "ForceFieldPotential",
    "FrameSet",
    "Functional",
    "Ion",
    "LabelledDataset",
    "MACEPotential",
    "Run",
    "RunLimits",
    "SamplingRun",
    "Slabs",
    "Split",
    "SplitChargePotential",
    "Training",
    "WaterForceField",
    "load_config",
    "parse_config",
    "schema",
]

MINIMUM_FRAMES = 10
"""Frames that a run must leave to be analysed."""


class ConfigError(ValueError):
    """A configuration that cannot be run; the message names the file, the key and the mend."""


class Config(Section):
    """Everything a run does; one instance per YAML file."""

    name: Name = Field(description="Results go to results/<name>/")
    seed: NonNegativeInt = 1
    datasets: dict[Name, AnyDataset] = Field(min_length=1)
    training: Training | None = Field(None, description="Needed where a potential is trained")
    potentials: dict[Name, AnyPotential] = Field(min_length=1)
    slabs: Slabs | None = None
    elongated: Elongated | None = None
    cubic: Cubic | None = None
    start_force_field: WaterForceField = Field(
        WaterForceField(), description="Equilibrates the structures from which all runs start"
    )
    dynamics: Dynamics = Dynamics()
    analysis: Analysis = Analysis()
    electronic: Electronic | None = Field(
        None, description="Frames of the runs whose electrons are computed"
    )

    @model_validator(mode="after")
    def _references_resolve(self) -> "Config":
        for name, potential in self.potentials.items():
            key = f"potentials.{name}"
            if potential.dataset not in self.datasets:
                raise ValueError(
                    f"{key}.dataset: there is no dataset '{potential.dataset}'; "
                    f"name one of: {', '.join(self.datasets)}"
                )
            of_force_field = isinstance(self.datasets[potential.dataset], ForceFieldDataset)
            if isinstance(potential, ForceFieldPotential) and not of_force_field:
                raise ValueError(
                    f"{key}.dataset: '{potential.dataset}' has no force field; "
                    "name a dataset of kind: force_field"
                )
            by_cp2k = isinstance(potential, BPNNPPotential) and potential.engine == "cp2k"
            if by_cp2k and "slabs" in potential.runs:
                raise ValueError(
                    f"{key}.runs.slabs: CP2K evaluates networks in periodic cells only; remove it, "
                    f"or give {key}.engine: native"
                )
            for campaign, run in potential.runs.items():
                self._check_run(f"{key}.runs.{campaign}", campaign, run)
        if self.training is None and self.trained_potentials:
            raise ValueError(
                f"training: required, as {self.trained_potentials[0]} is trained; "
                "give at least training.epochs"
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
        sizes = self.durations_ps(frames.potential, frames.campaign)
        if frames.size_A not in sizes:
            run_at = ", ".join(f"{size:g}" for size in sizes) or "none"
            raise ValueError(
                f"{key}.size_A: {frames.potential} is not run at {frames.size_A:g} Å of "
                f"{frames.campaign}; sizes at which it is: {run_at}"
            )

    def _check_run(self, key: str, name: CampaignName, run: Run) -> None:
        if name not in self.campaigns:
            raise ValueError(f"{key}: the configuration has no section '{name}'; add one")
        campaign = self.campaigns[name]
        fault = run.find_fault(campaign)
        if fault:
            raise ValueError(f"{key}.{fault}")
        shortest = min(run.durations_ps(campaign.sizes_A).values())
        analysed_ps = MINIMUM_FRAMES * self.dynamics.frame_interval_fs / 1000.0
        least = self.dynamics.discard_ps + analysed_ps
        if shortest < least:
            raise ValueError(
                f"{key}.duration_ps: {shortest:g} ps leaves fewer than "
                f"{MINIMUM_FRAMES} frames after dynamics.discard_ps; give {least:g} or more"
            )

    @property
    def campaigns(self) -> dict[CampaignName, Campaign]:
        """Campaigns of this configuration by name."""
        every = {"slabs": self.slabs, "elongated": self.elongated, "cubic": self.cubic}
        return {name: campaign for name, campaign in every.items() if campaign is not None}

    @property
    def trained_potentials(self) -> list[str]:
        """Names of the potentials that need training."""
        return [name for name, p in self.potentials.items() if isinstance(p, MACEPotential)]

    def run_seed(self, *parts: str) -> int:
        """Seed of one job, derived from the run's seed and what names the job."""
        digest = hashlib.sha256("/".join((str(self.seed), *parts)).encode()).digest()
        return int.from_bytes(digest[:4]) >> 1

    def durations_ps(self, potential: str, campaign: CampaignName) -> dict[float, float]:
        """Lengths of a potential's runs in ps by size in Å; empty where it is not run."""
        run = self.potentials[potential].runs.get(campaign)
        return run.durations_ps(self.campaigns[campaign].sizes_A) if run else {}

    def n_replicas(self, potential: str, campaign: CampaignName, size_A: float) -> int:
        """Independent runs of a potential at one size."""
        run = self.potentials[potential].runs[campaign]
        return run.n_replicas(self.campaigns[campaign].sizes_A)[size_A]

    def n_steps(self, potential: str, campaign: CampaignName, size_A: float) -> int:
        """Length of a production run in steps, a whole number of frame intervals."""
        duration_ps = self.durations_ps(potential, campaign)[size_A]
        steps = duration_ps * 1000.0 / self.dynamics.timestep_fs
        interval = self.dynamics.frame_interval_steps
        return max(1, round(steps / interval)) * interval


def parse_config(raw: dict[str, Any], *, source: str) -> Config:
    """Validate a plain mapping.

    Parameters
    ----------
    raw
        As read from YAML.
    source
        File name, for error messages.

    Raises
    ------
    ConfigError
        One line per fault, each naming the file and the key.
    """
    try:
        return Config.model_validate(raw)
    except ValidationError as error:
        lines = [_describe(fault, source) for fault in error.errors()]
        raise ConfigError("\n".join(lines)) from None


def load_config(path: str | Path) -> Config:
    """Read and validate a YAML file; raises :class:`ConfigError` as :func:`parse_config`."""
    path = Path(path)
    try:
        raw = yaml.safe_load(path.read_text())
    except FileNotFoundError:
        raise ConfigError(f"{path}: no such file; see config/ for examples") from None
    except yaml.YAMLError as error:
        raise ConfigError(f"{path}: not valid YAML: {error}") from None
    if not isinstance(raw, dict):
        raise ConfigError(f"{path}: expected a mapping of keys at the top level")
    return parse_config(raw, source=str(path))


TAGS = {"force_field", "labelled", "mace", "split_charge", "bpnnp"}
FORMS = {"number", "list", "mapping"}


def _describe(fault: dict[str, Any], source: str) -> str:
    # pydantic inserts the discriminator's value into the location; users never wrote it there
    parts = [
        part
        for index, part in enumerate(fault["loc"])
        if not (part in TAGS and index == 2) and not (part in FORMS and index > 2)
    ]
    key = "".join(f"[{p}]" if isinstance(p, int) else f".{p}" for p in parts).lstrip(".")
    message = fault["msg"].removeprefix("Value error, ")
    match fault["type"]:
        case "extra_forbidden":
            message = "unknown key; remove it or correct its spelling (config/schema.json)"
        case "missing":
            message = "required key is missing"
    return f"{source}: {key}: {message}" if key else f"{source}: {message}"


def schema() -> str:
    """JSON schema of the configuration, as kept in `config/schema.json`."""
    return json.dumps(Config.model_json_schema(), indent=2, ensure_ascii=False) + "\n"
