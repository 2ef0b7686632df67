"""Any model that a folder of the results holds, ready to be evaluated."""

from pathlib import Path

import torch

from falsemetal.potentials.bpnnp.committee import BPNNP, load_bpnnp
from falsemetal.potentials.bpnnp.store import kept_committee
from falsemetal.potentials.mace.model import ShortRangedMACE
from falsemetal.potentials.store import describe_model, load_model


def load_potential(
    directory: str | Path, *, dtype: torch.dtype, device: torch.device | str = "cpu"
) -> ShortRangedMACE | BPNNP:
    """Read a model folder of whatever kind for evaluation: its parameters are frozen.

    Raises
    ------
    ModelError
        If the folder is not a model, or its weights are not those that the description names.
    """
    if describe_model(directory)["settings"]["kind"] == "bpnnp":
        return load_bpnnp(kept_committee(directory), dtype=dtype, device=device)
    return load_model(directory, dtype=dtype, device=device)
