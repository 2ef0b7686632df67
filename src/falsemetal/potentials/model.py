"""What a model of any kind is to a calculator, a training and an evaluation."""

from collections.abc import Iterable, Sequence
from typing import TypeVar, cast

import torch
from ase import Atoms

from falsemetal.potentials.graph import Graph

M = TypeVar("M", bound=torch.nn.Module)


class Model(torch.nn.Module):
    """Energies in eV, float64, of a graph with edges up to a cutoff.

    Elements are atomic numbers in ascending order; the constant parts of their energies have the
    shape (n_elements,), float64.
    """

    elements: Sequence[int]
    r_cut_A: float
    atomic_energies_eV: torch.Tensor

    def forward(self, graph: Graph) -> torch.Tensor:
        """Energies in eV, shape (n_graphs,), float64."""
        raise NotImplementedError

    def force_deviation_eV_per_A(self, graph: Graph) -> torch.Tensor | None:
        """Disagreement of a committee's members, shape (n, 3); None for a single model."""
        return None

    def charges_and_dipole(self, graph: Graph) -> tuple[torch.Tensor, torch.Tensor] | None:
        """Charges of atoms in e, and dipoles of cells in e·Å, shape (n_graphs, 3); None without."""
        return None

    def check(self, atoms: Atoms) -> None:
        """Raise an error for a structure that the model cannot treat; by default for none."""

    def prepare_training(self) -> None:
        """Let kernels do what a training spends its time in, where there are any."""

    def fast_form(self, species: Sequence[int]) -> torch.nn.Module:
        """Build the form that runs use, or raise a NotImplementedError where there is none.

        For species present in a structure: indices into the elements, ascending. By default that
        of MACE models.
        """
        from falsemetal.potentials.fast.evaluator import Evaluator

        return Evaluator(self, species)  # type: ignore[arg-type]  # it refuses what it does not know


def module_list(modules: Iterable[M]) -> Sequence[M]:
    """Return a `ModuleList` that type checkers know the modules of."""
    return cast("Sequence[M]", torch.nn.ModuleList(modules))
