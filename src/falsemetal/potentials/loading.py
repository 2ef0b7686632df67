"""Any model that a folder of the results holds, ready to be evaluated."""

from pathlib import Path
from typing import TYPE_CHECKING

import torch

import falsemetal.potentials.kinds  # noqa: F401
from falsemetal.potentials.store import describe_model, kind_of

if TYPE_CHECKING:
    from falsemetal.potentials.model import Model


def load_potential(
    directory: str | Path, *, dtype: torch.dtype, device: torch.device | str = "cpu"
) -> "Model":
    """Read a model folder of whatever kind for evaluation; raises a ModelError if it is none."""
    kind = kind_of(describe_model(directory))
    return kind.load(Path(directory), dtype=dtype, device=device)
