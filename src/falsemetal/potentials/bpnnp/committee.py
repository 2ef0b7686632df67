"""The committee as a potential: mean energy, and how far its members disagree."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from falsemetal.arrays import FloatArray
from falsemetal.potentials.bpnnp.files import Committee, read_committee
from falsemetal.potentials.bpnnp.symmetry import Environment
from falsemetal.potentials.graph import Graph
from falsemetal.potentials.model import Model, module_list


class ElementNetworks(torch.nn.Module):
    """Networks of all members for one element, given by its atomic number."""

    def __init__(self, committee: Committee, element: int, dtype: torch.dtype) -> None:
        super().__init__()
        networks = [member[element] for member in committee.members]

        def stack(arrays: Sequence[FloatArray]) -> torch.nn.Parameter:
            return torch.nn.Parameter(torch.tensor(np.stack(arrays), dtype=dtype))

        self.offset = stack([network.offset for network in networks])
        self.factor = stack([network.factor for network in networks])
        self.lower = networks[0].lower
        weights = zip(*(network.weights for network in networks), strict=True)
        biases = zip(*(network.biases for network in networks), strict=True)
        self.weights = torch.nn.ParameterList(map(stack, weights))
        self.biases = torch.nn.ParameterList(map(stack, biases))

    def forward(self, functions: Tensor) -> Tensor:
        """Atomic energies in eV, shape (members, n), of functions, shape (n, functions)."""
        x = self.lower + self.factor[:, None] * (functions - self.offset[:, None])
        *hidden, last = zip(self.weights, self.biases, strict=True)
        for weights, biases in hidden:
            x = torch.tanh(torch.baddbmm(biases[:, None], x, weights))
        weights, biases = last
        return torch.baddbmm(biases[:, None], x, weights)[..., 0]


class BPNNP(Model):
    """Committee of Behler-Parrinello networks (Schran et al., J. Chem. Phys. 153, 104105 (2020)).

    Symmetry functions and networks are of the dtype; energies are summed in float64.
    """

    def __init__(self, committee: Committee, *, dtype: torch.dtype) -> None:
        super().__init__()
        settings = committee.settings
        self.settings = settings
        self.elements, self.r_cut_A = settings.elements, settings.r_cut_A
        self.n_members = len(committee.members)
        self.networks = module_list(
            ElementNetworks(committee, element, dtype) for element in self.elements
        )
        energies = [settings.atomic_energies_eV[element] for element in self.elements]
        self.register_buffer("atomic_energies_eV", torch.tensor(energies, dtype=torch.float64))

    @property
    def dtype(self) -> torch.dtype:
        """Precision of symmetry functions and networks."""
        return self.networks[0].factor.dtype

    def forward(self, graph: Graph) -> Tensor:
        """Mean energies of the committee in eV, shape (n_graphs,), float64."""
        return self.member_energies(graph).mean(0)

    def fast_form(self, species: Sequence[int]) -> torch.nn.Module:
        """Build the form with kernels and batched networks."""
        from falsemetal.potentials.fast.committee import CommitteeEvaluator

        return CommitteeEvaluator(self, species)

    def force_deviation_eV_per_A(self, graph: Graph) -> Tensor:
        """Disagreement of the members: standard deviation, 1/members normalised, shape (n, 3)."""
        return predict_members(self, graph)[1].std(0, correction=0)

    def member_energies(self, graph: Graph) -> Tensor:
        """Energies of each member in eV, shape (members, n_graphs), float64."""
        atomic = torch.zeros(
            self.n_members, len(graph.positions), dtype=torch.float64, device=graph.positions.device
        )
        environment = Environment(graph, self.elements, self.r_cut_A, self.dtype)
        for species, element in enumerate(self.elements):
            functions = [environment(function) for function in self.settings.functions[element]]
            atoms = torch.nonzero(graph.species == species)[:, 0]
            energies = self.networks[species](torch.stack(functions, 1)[atoms])
            atomic = atomic.index_add(1, atoms, energies.double())
        atomic = atomic + self.atomic_energies_eV[graph.species]
        total = atomic.new_zeros(self.n_members, graph.n_graphs)
        return total.index_add(1, graph.batch, atomic)


def predict_members(model: BPNNP, graph: Graph) -> tuple[Tensor, Tensor]:
    """Energies in eV, shape (members, g), and forces in eV/Å, (members, n, 3), by each member."""
    positions = graph.positions.requires_grad_(True)
    energies = model.member_energies(graph)
    gradients = [
        torch.autograd.grad(energy.sum(), positions, retain_graph=True)[0] for energy in energies
    ]
    graph.positions.requires_grad_(False)
    return energies.detach(), -torch.stack(gradients)


def load_bpnnp(
    directory: str | Path, *, dtype: torch.dtype, device: torch.device | str = "cpu"
) -> BPNNP:
    """Read a committee for evaluation: its parameters are frozen.

    Folder and errors are as of :func:`falsemetal.potentials.bpnnp.files.read_committee`.
    """
    model = BPNNP(read_committee(directory), dtype=dtype)
    return model.to(device).requires_grad_(False).eval()
