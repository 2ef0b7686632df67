"""Models that mace-torch has saved, foundation models among them."""

import pickle
from pathlib import Path

import torch

from falsemetal.potentials.graph import Graph
from falsemetal.potentials.libraries import MACEBlock, models
from falsemetal.potentials.model import Model
from falsemetal.potentials.store import ModelError


class PretrainedMACE(Model):
    """A model of mace-torch with this project's interface; of several heads it uses one."""

    mace: MACEBlock

    def __init__(self, mace: MACEBlock, *, dtype: torch.dtype, head: int = 0) -> None:
        super().__init__()
        energies = torch.atleast_2d(mace.atomic_energies_fn.atomic_energies)[head].double()
        self.register_buffer("atomic_energies_eV", energies.clone())
        self.mace = mace.to(dtype)
        self.head = head
        self.elements = tuple(mace.atomic_numbers.tolist())
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
        energy: torch.Tensor = self.mace(data, compute_force=False, training=True)["energy"]
        return energy.double()


def load_pretrained(
    path: str | Path,
    *,
    dtype: torch.dtype,
    device: torch.device | str = "cpu",
    head: str | None = None,
) -> PretrainedMACE:
    """Read a `.model` file of mace-torch for evaluation.

    Such a file is a pickle, which may run any code: read only what you trust. A file that does not
    hold such a model, or one of several heads of which none is named, raises ModelError.
    """
    try:
        mace = torch.load(path, map_location="cpu", weights_only=False)
    except (
        *(OSError, RuntimeError, EOFError, pickle.UnpicklingError),
        *(AttributeError, ImportError, KeyError),
    ) as error:
        reason = str(error).split(". ")[0].splitlines()[0] if str(error) else type(error).__name__
        raise ModelError(f"{path}: not a model that mace-torch has saved ({reason})") from error
    if isinstance(mace, torch.jit.ScriptModule):
        raise ModelError(f"{path}: compiled, by which its parts are lost; give what it was made of")
    if isinstance(mace, dict):
        raise ModelError(
            f"{path}: a checkpoint of a training, without the model; give the .model file that "
            "mace_run_train wrote at its end"
        )
    if not isinstance(mace, models.MACE):
        raise ModelError(f"{path}: holds a {type(mace).__name__}, not a MACE model")
    index = _index_of(head, list(getattr(mace, "heads", None) or ["Default"]), path)
    return PretrainedMACE(mace, dtype=dtype, head=index).to(device).requires_grad_(False).eval()


def _index_of(head: str | None, heads: list[str], path: str | Path) -> int:
    if head is None and len(heads) == 1:
        return 0
    if head not in heads:
        fault = "has several heads" if head is None else f"has no head '{head}'"
        raise ModelError(f"{path}: the model {fault}; name one of them: {', '.join(heads)}")
    return heads.index(head)
