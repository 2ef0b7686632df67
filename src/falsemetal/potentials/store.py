"""Build models, and keep them as a folder: weights, plain settings, no pickled code."""

import hashlib
import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch
from pydantic import TypeAdapter

from falsemetal.config import MACEPotential, SplitChargePotential
from falsemetal.potentials.mace.model import DatasetStatistics, ShortRangedMACE
from falsemetal.potentials.mace.split_charge import SplitChargeMACE
from falsemetal.progress import logger

WEIGHTS = "weights.pt"
DESCRIPTION = "model.json"

_SETTINGS: TypeAdapter[MACEPotential | SplitChargePotential] = TypeAdapter(
    MACEPotential | SplitChargePotential
)


class ModelError(ValueError):
    """A model folder that cannot be used; the message names the file and the mend."""


def torch_device(name: str) -> torch.device:
    """Resolve `auto`, `cpu` or `cuda`.

    Raises
    ------
    ModelError
        If CUDA is asked for where there is none.
    """
    available = torch.cuda.is_available()
    if name == "cuda" and not available:
        raise ModelError("device: cuda, but PyTorch sees no CUDA device; set device: auto or cpu")
    device = torch.device("cuda" if available and name != "cpu" else "cpu")
    on_gpu = device.type == "cuda"
    chosen = torch.cuda.get_device_name() if on_gpu else f"CPU, threads: {torch.get_num_threads()}"
    logger.info("device: %s", chosen)
    return device


@contextmanager
def default_dtype(dtype: torch.dtype) -> Iterator[None]:
    """Build modules in a precision: e3nn's constants follow PyTorch's default."""
    before = torch.get_default_dtype()
    torch.set_default_dtype(dtype)
    try:
        yield
    finally:
        torch.set_default_dtype(before)


def build_model(
    settings: MACEPotential, statistics: DatasetStatistics, *, dtype: torch.dtype, seed: int = 0
) -> ShortRangedMACE:
    """Return an untrained model with weights drawn from the seed."""
    kind = SplitChargeMACE if isinstance(settings, SplitChargePotential) else ShortRangedMACE
    with default_dtype(dtype), torch.random.fork_rng():
        torch.manual_seed(seed)
        return kind(settings, statistics)


def save_model(model: ShortRangedMACE, directory: str | Path, *, stamp: dict[str, Any]) -> None:
    """Write weights and description into a folder."""
    directory = Path(directory)
    directory.mkdir(parents=True, exist_ok=True)
    torch.save(model.state_dict(), directory / WEIGHTS)
    description = {
        "settings": model.settings.model_dump(mode="json", exclude={"runs", "label"}),
        "statistics": asdict(model.statistics),
        "weights_sha256": _checksum(directory / WEIGHTS),
        "provenance": stamp,
    }
    (directory / DESCRIPTION).write_text(json.dumps(description, indent=2) + "\n")


def load_model(
    directory: str | Path, *, dtype: torch.dtype, device: torch.device | str = "cpu"
) -> ShortRangedMACE:
    """Read a model for evaluation: its parameters are frozen.

    Raises
    ------
    ModelError
        If the folder is not a model, or its weights are not those that the description names.
    """
    directory = Path(directory)
    description = describe_model(directory)
    weights = directory / WEIGHTS
    if _checksum(weights) != description["weights_sha256"]:
        raise ModelError(f"{weights}: not the weights that {DESCRIPTION} describes; train again")
    settings = _SETTINGS.validate_python(description["settings"])
    statistics = DatasetStatistics(
        **{
            key: tuple(value) if isinstance(value, list) else value
            for key, value in description["statistics"].items()
        }
    )
    model = build_model(settings, statistics, dtype=dtype)
    model.load_state_dict(torch.load(weights, map_location="cpu", weights_only=True))
    return model.to(device).requires_grad_(False).eval()


def describe_model(directory: str | Path) -> dict[str, Any]:
    """Return the description of a model folder; raises as :func:`load_model`."""
    path = Path(directory) / DESCRIPTION
    try:
        description = json.loads(path.read_text())
    except (OSError, ValueError) as error:
        raise ModelError(f"{path}: not the description of a model ({error})") from error
    missing = {"settings", "weights_sha256"} - set(description)
    if missing:
        raise ModelError(
            f"{path}: not the description of a model of this program: it lacks "
            f"{', '.join(sorted(missing))}; train again, or give another folder"
        )
    return description


def _checksum(path: Path) -> str:
    try:
        return hashlib.sha256(path.read_bytes()).hexdigest()
    except OSError as error:
        raise ModelError(f"{path}: the weights cannot be read ({error})") from error
