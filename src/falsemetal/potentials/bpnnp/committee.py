"""The committee as a potential: mean energy, and how far its members disagree."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from falsemetal.potentials.bpnnp.files import Committee, read_committee
from falsemetal.potentials.bpnnp.symmetry import Environment
from falsemetal.potentials.graph import Graph


class ElementNetworks(torch.nn.Module):
    """Networks of all members for one element.

    Parameters
    ----------
    committee
        As read.
    element
        Atomic number.
    dtype
        Of weights and scaling.
    """

    def __init__(self, committee: Committee, element: int, dtype: torch.dtype) -> None:
        super().__init__()
        networks = [member[element] for member in committee.members]

        def stack(arrays: list[np.ndarray]) -> torch.nn.Parameter:
            return torch.nn.Parameter(torch.tensor(np.stack(arrays), dtype=dtype))

        depth = range(len(networks[0].weights))
        self.offset = stack([network.offset for network in networks])
        self.factor = stack([network.factor for network in networks])
        self.lower = networks[0].lower
        self.weights = torch.nn.ParameterList(
            stack([network.weights[layer] for network in networks]) for layer in depth
        )
        self.biases = torch.nn.ParameterList(
            stack([network.biases[layer] for network in networks]) for layer in depth
        )

    def forward(self, functions: Tensor) -> Tensor:
        """Atomic energies in eV, shape (members, n), of functions, shape (n, functions)."""
        x = self.lower + self.factor[:, None] * (functions - self.offset[:, None])
        *hidden, last = zip(self.weights, self.biases, strict=True)
        for weights, biases in hidden:
            x = torch.tanh(torch.baddbmm(biases[:, None], x, weights))
        weights, biases = last
        return torch.baddbmm(biases[:, None], x, weights)[..., 0]


class BPNNP(torch.nn.Module):
    """Committee of Behler-Parrinello networks (Schran et al., J. Chem. Phys. 153, 104105 (2020)).

    Parameters
    ----------
    committee
        As read from its files.
    dtype
        Of symmetry functions and networks; energies are summed in float64.

    Attributes
    ----------
    elements
        Atomic numbers in ascending order.
    r_cut_A
        Cutoff.
    atomic_energies_eV
        Of each element, shape (n_elements,), float64; part of the energy, as in the labels.
    """

    def __init__(self, committee: Committee, *, dtype: torch.dtype) -> None:
        super().__init__()
        settings = committee.settings
        self.settings = settings
        self.elements, self.r_cut_A = settings.elements, settings.r_cut_A
        self.n_members = len(committee.members)
        self.networks = torch.nn.ModuleList(
            ElementNetworks(committee, element, dtype) for element in self.elements
        )
        energies = [settings.atomic_energies_eV[element] for element in self.elements]
        self.register_buffer("atomic_energies_eV", torch.tensor(energies, dtype=torch.float64))

    @property
    def dtype(self) -> torch.dtype:
        """Of symmetry functions and networks."""
        return self.networks[0].factor.dtype

    def forward(self, graph: Graph) -> Tensor:
        """Mean energies of the committee in eV, shape (n_graphs,), float64."""
        return self.member_energies(graph).mean(0)

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


@dataclass(frozen=True)
class CommitteePrediction:
    """What every member says.

    Attributes
    ----------
    energies_eV
        Shape (members, n_graphs).
    forces_eV_per_A
        Shape (members, n, 3).
    """

    energies_eV: Tensor
    forces_eV_per_A: Tensor

    @property
    def energy_deviation_eV(self) -> Tensor:
        """Standard deviation over the members, 1/members normalised, shape (n_graphs,)."""
        return self.energies_eV.std(0, correction=0)

    @property
    def force_deviation_eV_per_A(self) -> Tensor:
        """Standard deviation of each force component, 1/members normalised, shape (n, 3)."""
        return self.forces_eV_per_A.std(0, correction=0)


def predict_members(model: BPNNP, graph: Graph) -> CommitteePrediction:
    """Energies and forces by each member; their means are those of the committee."""
    positions = graph.positions.requires_grad_(True)
    energies = model.member_energies(graph)
    gradients = [
        torch.autograd.grad(energy.sum(), positions, retain_graph=True)[0] for energy in energies
    ]
    graph.positions.requires_grad_(False)
    return CommitteePrediction(energies.detach(), -torch.stack(gradients))


def load_bpnnp(
    directory: str | Path, *, dtype: torch.dtype, device: torch.device | str = "cpu"
) -> BPNNP:
    """Read a committee for evaluation: its parameters are frozen.

    Parameters
    ----------
    directory
        Holds members `nnp-*` in n2p2's or RuNNer's files, or is one member itself.

    Raises
    ------
    ModelError
        As :func:`falsemetal.potentials.bpnnp.files.read_committee`.
    """
    model = BPNNP(read_committee(directory), dtype=dtype)
    return model.to(device).requires_grad_(False).eval()
