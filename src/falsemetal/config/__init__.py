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

from falsemetal.config.datasets import (
    Checks,
    ForceFieldDataset,
    Ion,
    SamplingRun,
    Split,
    WaterForceField,
)
from falsemetal.config.potentials import (
    AnyPotential,
    ForceFieldPotential,
    MACEPotential,
    SplitChargePotential,
    Training,
)
from falsemetal.config.section import Name, Section
from falsemetal.config.simulation import Analysis, Dynamics, RunLimits, Slabs

__all__ = [
    "Analysis",
    "Checks",
    "Config",
    "ConfigError",
    "Dynamics",
    "ForceFieldDataset",
    "ForceFieldPotential",
    "Ion",
    "MACEPotential",
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
    datasets: dict[Name, ForceFieldDataset] = Field(min_length=1)
    training: Training
    potentials: dict[Name, AnyPotential] = Field(min_length=1)
    slabs: Slabs
    dynamics: Dynamics = Dynamics()
    analysis: Analysis = Analysis()

    @model_validator(mode="after")
    def _references_resolve(self) -> "Config":
        for name, potential in self.potentials.items():
            if potential.dataset not in self.datasets:
                raise ValueError(
                    f"potentials.{name}.dataset: there is no dataset '{potential.dataset}'; "
                    f"name one of: {', '.join(self.datasets)}"
                )
            durations = potential.duration_ps
            if isinstance(durations, list) and len(durations) != len(self.slabs.thicknesses_A):
                raise ValueError(
                    f"potentials.{name}.duration_ps: {len(durations)} values for "
                    f"{len(self.slabs.thicknesses_A)} thicknesses; give one each, or one number"
                )
            shortest = min(durations) if isinstance(durations, list) else durations
            analysed_ps = MINIMUM_FRAMES * self.dynamics.frame_interval_fs / 1000.0
            least = self.dynamics.discard_ps + analysed_ps
            if shortest < least:
                raise ValueError(
                    f"potentials.{name}.duration_ps: {shortest:g} ps leaves fewer than "
                    f"{MINIMUM_FRAMES} frames after dynamics.discard_ps; give {least:g} or more"
                )
        return self

    @property
    def trained_potentials(self) -> list[str]:
        """Names of the potentials that need training."""
        return [name for name, p in self.potentials.items() if isinstance(p, MACEPotential)]

    def run_seed(self, *parts: str) -> int:
        """Seed of one job, derived from the run's seed and what names the job."""
        digest = hashlib.sha256("/".join((str(self.seed), *parts)).encode()).digest()
        return int.from_bytes(digest[:4]) >> 1

    def duration_ps(self, potential: str, thickness_A: float) -> float:
        """Length of a production run in ps."""
        durations = self.potentials[potential].duration_ps
        if isinstance(durations, list):
            return durations[self.slabs.thicknesses_A.index(thickness_A)]
        return durations

    def n_steps(self, potential: str, thickness_A: float) -> int:
        """Length of a production run in steps, a whole number of frame intervals."""
        steps = self.duration_ps(potential, thickness_A) * 1000.0 / self.dynamics.timestep_fs
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


def _describe(fault: dict[str, Any], source: str) -> str:
    kinds = {"force_field", "mace", "split_charge"}
    # pydantic inserts the discriminator's value into the location; users never wrote it there
    parts = [
        part
        for index, part in enumerate(fault["loc"])
        if not (part in kinds and index == 2 and fault["loc"][0] == "potentials")
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
