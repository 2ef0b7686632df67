"""Models as folders: weights, plain description, no pickled code."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch

from falsemetal.files import file_sha256
from falsemetal.potentials.kind import POTENTIALS, PotentialKind
from falsemetal.potentials.kinds.mace import TrainedKind
from falsemetal.potentials.mace.model import DatasetStatistics, ShortRangedMACE
from falsemetal.progress import logger

WEIGHTS = "weights.pt"
DESCRIPTION = "model.json"
CHARGE = "charge_e"


class ModelError(ValueError):
    """A model folder that cannot be used; the message names the file and how to fix it."""


def torch_device(name: str) -> torch.device:
    """Resolve `auto`, `cpu` or `cuda`; ModelError if CUDA is asked for where there is none."""
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
    settings: TrainedKind, statistics: DatasetStatistics, *, dtype: torch.dtype, seed: int = 0
) -> ShortRangedMACE:
    """Return an untrained model with weights drawn from the seed."""
    with default_dtype(dtype), torch.random.fork_rng():
        torch.manual_seed(seed)
        return settings.build(statistics)


def save_model(
    model: ShortRangedMACE,
    settings: PotentialKind,
    directory: str | Path,
    *,
    stamp: dict[str, Any],
    charge_e: float | None = None,
) -> None:
    """Write weights and description into a folder.

    The latter tells the charge of the liquid's centre in the labels, if that is known.
    """
    directory = Path(directory)
    directory.mkdir(parents=True, exist_ok=True)
    torch.save(model.state_dict(), directory / WEIGHTS)
    describe(
        directory,
        settings,
        {
            "statistics": asdict(model.statistics),
            "weights_sha256": file_sha256(directory / WEIGHTS),
            CHARGE: charge_e,
            "provenance": stamp,
        },
    )


def describe(directory: Path, settings: PotentialKind, contents: dict[str, Any]) -> None:
    """Write the description of a model folder."""
    description = {"settings": settings.identity(), **contents}
    (directory / DESCRIPTION).write_text(json.dumps(description, indent=2) + "\n")


def load_model(
    directory: str | Path, *, dtype: torch.dtype, device: torch.device | str = "cpu"
) -> ShortRangedMACE:
    """Read a trained model for evaluation: its parameters are frozen.

    ModelError if the folder is not a model, or its weights are not those that the description
    names.
    """
    directory = Path(directory)
    description = describe_model(directory)
    weights = directory / WEIGHTS
    try:
        same = file_sha256(weights) == description["weights_sha256"]
    except OSError as error:
        raise ModelError(f"{weights}: the weights cannot be read ({error})") from error
    if not same:
        raise ModelError(f"{weights}: not the weights that {DESCRIPTION} describes; train again")
    settings = kind_of(description)
    if not isinstance(settings, TrainedKind):
        raise ModelError(
            f"{directory}: a model of kind {settings.kind}, which this program does not train"
        )
    found = description["statistics"]
    statistics = DatasetStatistics(**found | {"elements": tuple(found["elements"])})
    model = build_model(settings, statistics, dtype=dtype)
    try:
        model.load_state_dict(torch.load(weights, map_location="cpu", weights_only=True))
    except Exception as error:  # whatever it holds, PyTorch's own advice would be to trust it
        raise ModelError(f"{weights}: holds no weights of this model; train again") from error
    return model.to(device).requires_grad_(False).eval()


def kind_of(description: dict[str, Any]) -> PotentialKind:
    """Kind and architecture of a described model."""
    settings = description["settings"]
    return POTENTIALS[settings["kind"]].model_validate(settings)


def describe_model(directory: str | Path) -> dict[str, Any]:
    """Return the description of a model folder; raises as :func:`load_model`."""
    path = Path(directory) / DESCRIPTION
    try:
        description: dict[str, Any] = json.loads(path.read_text())
    except (OSError, ValueError) as error:
        raise ModelError(f"{path}: not the description of a model ({error})") from error
    known = set(description) if isinstance(description, dict) else set()
    missing = {"settings", "weights_sha256"} - known
    if missing:
        raise ModelError(
            f"{path}: not the description of a model of this program: it lacks "
            f"{', '.join(sorted(missing))}; train again, or give another folder"
        )
    return description
