"""Models that mace-torch has saved, foundation models among them."""

import pickle
from collections.abc import Sequence
from pathlib import Path

import torch
from mace.modules.models import MACE

from falsemetal.potentials.graph import Graph
from falsemetal.potentials.store import ModelError


class PretrainedMACE(torch.nn.Module):
    """A model of mace-torch with the interface of this project's own.

    Parameters
    ----------
    mace
        As mace-torch makes it.
    head
        Index of the readout to use, for a model with several.

    Attributes
    ----------
    elements
        Atomic numbers in ascending order.
    r_cut_A
        Cutoff.
    atomic_energies_eV
        Constant energy of each element, float64.
    """

    def __init__(self, mace: MACE, *, dtype: torch.dtype, head: int = 0) -> None:
        super().__init__()
        energies = torch.atleast_2d(mace.atomic_energies_fn.atomic_energies)[head].double()
        self.register_buffer("atomic_energies_eV", energies.clone())
        self.mace = mace.to(dtype)
        self.head = head
        self.elements: Sequence[int] = tuple(mace.atomic_numbers.tolist())
        self.r_cut_A = float(mace.r_max)

    def forward(self, graph: Graph) -> torch.Tensor:
        """Energies in eV, shape (n_graphs,), float64, by mace-torch itself."""
        dtype = self.mace.r_max.dtype
        species = torch.nn.functional.one_hot(graph.species, len(self.elements))
        sizes = torch.bincount(graph.batch, minlength=graph.n_graphs)
        data = {
            "positions": graph.positions.to(dtype),
            "node_attrs": species.to(dtype),
            "edge_index": graph.edge_index,
            "shifts": graph.shifts.to(dtype),
            "unit_shifts": torch.zeros_like(graph.shifts, dtype=dtype),
            "cell": graph.cells.to(dtype).flatten(0, 1),
            "batch": graph.batch,
            "ptr": torch.cat([sizes.new_zeros(1), sizes.cumsum(0)]),
            "head": torch.full_like(sizes, self.head),
        }
        return self.mace(data, compute_force=False, training=True)["energy"].double()


def load_pretrained(
    path: str | Path, *, dtype: torch.dtype, device: torch.device | str = "cpu", head: int = 0
) -> PretrainedMACE:
    """Read a `.model` file of mace-torch for evaluation.

    Such a file is a pickle, which may run any code: read only what you trust.

    Raises
    ------
    ModelError
        If the file does not hold such a model.
    """
    try:
        mace = torch.load(path, map_location="cpu", weights_only=False)
    except (
        *(OSError, RuntimeError, EOFError, pickle.UnpicklingError),
        *(AttributeError, ImportError, KeyError),
    ) as error:
        raise ModelError(f"{path}: not a model that mace-torch has saved ({error})") from error
    if not isinstance(mace, MACE):
        raise ModelError(f"{path}: holds a {type(mace).__name__}, not a MACE model")
    return PretrainedMACE(mace, dtype=dtype, head=head).to(device).requires_grad_(False).eval()
