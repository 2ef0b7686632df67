"""Energy of one structure by a committee of Behler-Parrinello networks, in the fast form.

Symmetry functions are a kernel; the networks of all members are one batched product.
"""

from collections.abc import Sequence

import torch
from torch import Tensor

from falsemetal.potentials.bpnnp.committee import BPNNP, ElementNetworks
from falsemetal.potentials.fast.neighbours import Neighbours, kinds_of_atoms
from falsemetal.potentials.fast.plain import PlainEvaluator
from falsemetal.potentials.fast.symmetry import SymmetryFunctions
from falsemetal.potentials.model import module_list


class CommitteeEvaluator(torch.nn.Module):
    """A committee, for some species, ascending, by which the atoms are sorted.

    Without kernels it runs in its plain form.
    """

    atomic_energies_eV: Tensor

    def __init__(self, model: BPNNP, species: Sequence[int]) -> None:
        super().__init__()
        present = [model.elements[index] for index in species]
        self.functions = module_list(
            SymmetryFunctions(model.settings.functions[z], present, model.r_cut_A, model.dtype)
            for z in present
        )
        self.networks = module_list(FoldedNetworks(model.networks[i]) for i in species)
        self.register_buffer("atomic_energies_eV", model.atomic_energies_eV[list(species)])
        self.plain = PlainEvaluator(model, species)

    def forward(
        self,
        positions: Tensor,
        neighbours: Neighbours,
        cell: Tensor,
        counts: Sequence[int],
        *,
        slab: bool,
    ) -> Tensor:
        """Mean energy in eV; arguments as in `potentials.fast.evaluator.Evaluator`."""
        if any(functions.kernel is None for functions in self.functions):
            energy: Tensor = self.plain(positions, neighbours, cell, counts, slab=slab)
            return energy
        kinds = kinds_of_atoms(counts, positions.device)
        energy = self.atomic_energies_eV @ torch.tensor(counts).to(self.atomic_energies_eV)
        first = 0
        for functions, networks, count in zip(self.functions, self.networks, counts, strict=True):
            values = functions(positions, neighbours, kinds, slice(first, first + count))
            energy = energy + networks(values).double().sum()
            first += count
        return energy


class FoldedNetworks(torch.nn.Module):
    """Networks of all members for one element; the first layer takes the scaling in."""

    def __init__(self, networks: ElementNetworks) -> None:
        super().__init__()
        weights = [layer.double() for layer in networks.weights]
        biases = [layer.double()[:, None] for layer in networks.biases]
        factor, offset = networks.factor.double(), networks.offset.double()
        biases[0] = biases[0] + (networks.lower - factor * offset)[:, None] @ weights[0]
        weights[0] = factor[..., None] * weights[0]
        dtype = networks.factor.dtype
        self.weights = torch.nn.ParameterList(layer.to(dtype) for layer in weights)
        self.biases = torch.nn.ParameterList(layer.to(dtype) for layer in biases)

    def forward(self, functions: Tensor) -> Tensor:
        """Mean of the members' atomic energies in eV, shape (n,), of functions (n, functions)."""
        x = functions.expand(len(self.weights[0]), *functions.shape)
        for weights, biases in zip(self.weights[:-1], self.biases[:-1], strict=True):
            x = torch.tanh(torch.baddbmm(biases, x, weights))
        return torch.baddbmm(self.biases[-1], x, self.weights[-1])[..., 0].mean(0)
