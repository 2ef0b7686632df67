"""What a model of any kind is to a calculator, a training and an evaluation."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields
from typing import Any, ClassVar, TypeVar, cast

import torch
from ase import Atoms

from falsemetal.electrostatics.multipoles import MultipoleElectrostatics
from falsemetal.potentials.graph import Graph, build_graph

M = TypeVar("M", bound=torch.nn.Module)


@dataclass(frozen=True)
class Prediction:
    """Energies (g,) in eV, float64, and what models with equilibrated charges know beside them.

    Charges (n,) are in e; dipoles (g, 3), in e·Å, are NaN along directions that are periodic;
    Fermi levels (g,) in eV.
    """

    energies: torch.Tensor
    charges: torch.Tensor | None = None
    dipoles: torch.Tensor | None = None
    fermi_levels_eV: torch.Tensor | None = None

    def detach(self) -> "Prediction":
        """Leave the way back to positions and weights behind."""
        values = {field.name: getattr(self, field.name) for field in fields(self)}
        known: dict[str, Any] = {k: v.detach() for k, v in values.items() if v is not None}
        return Prediction(**known)


@dataclass(frozen=True)
class ChargeStiffness:
    """What decides how charges that share one chemical potential answer to a field.

    Hardness, shape (n,), in eV/e², and the width σ of the Gaussian charges in Å.
    """

    hardness_eV_per_e2: torch.Tensor
    smearing_A: float


@dataclass(frozen=True)
class GaussianCharges:
    """Charges of one structure that answer to fields, with their Coulomb term.

    Attributes
    ----------
    charges
        In e, shape (n,), float64.
    dipoles
        Of atoms in e·Å, shape (n, 3), or None.
    shared
        What of the charges atoms with a hardness J share at one potential of electrons, the
        electrostatic one plus J times that; in e, shape (n,).
    hardness_eV_per_e2
        J, shape (n,), NaN of others.
    term
        Width σ of all charges and largest wave vector.
    """

    charges: torch.Tensor
    dipoles: torch.Tensor | None
    shared: torch.Tensor
    hardness_eV_per_e2: torch.Tensor
    term: MultipoleElectrostatics


class Model(torch.nn.Module):
    """Energies in eV, float64, of a graph with edges up to a cutoff.

    Elements are atomic numbers in ascending order; the constant parts of their energies have the
    shape (n_elements,), float64. A model `with_charge` answers to a total charge and a field, and
    treats what is not periodic.
    """

    with_charge: ClassVar[bool] = False

    elements: Sequence[int]
    r_cut_A: float
    atomic_energies_eV: torch.Tensor

    def forward(self, graph: Graph) -> torch.Tensor:
        """Energies in eV, shape (n_graphs,), float64."""
        raise NotImplementedError

    def evaluate(self, graph: Graph) -> Prediction:
        """Energies with all that comes along with them."""
        return Prediction(self(graph))

    def graph_of(self, atoms: Atoms) -> Graph:
        """Graph of a structure; ValueError for one that the model cannot treat."""
        return build_graph(atoms, self.elements, self.r_cut_A, with_charge=self.with_charge)

    def force_deviation_eV_per_A(self, graph: Graph) -> torch.Tensor | None:
        """Disagreement of a committee's members, shape (n, 3); None for a single model."""
        return None

    def charges_and_dipole(self, graph: Graph) -> tuple[torch.Tensor, torch.Tensor] | None:
        """Charges of atoms in e, and dipoles of cells in e·Å, shape (n_graphs, 3); None without."""
        return None

    def charge_stiffness(self, graph: Graph) -> ChargeStiffness | None:
        """Hardness and width of charges that share one chemical potential; None of others."""
        return None

    def gaussian_charges(self, graph: Graph) -> GaussianCharges | None:
        """Charges of one structure that answer to its field; None of a model without such."""
        return None

    @property
    def common_electronegativity(self) -> torch.Tensor | None:
        """Electronegativities of elements in eV/e, to all of which a start may be added, or None.

        What is added shifts energies by as much times their total charge, of a conductor what it
        holds of it, and moves no charges.
        """
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


def graph_for(model: Model, atoms: Atoms) -> Graph:
    """Graph of a structure where the model's weights are; ValueError for one it cannot treat."""
    return model.graph_of(atoms).to(next(model.parameters()).device)


def module_list(modules: Iterable[M]) -> Sequence[M]:
    """Return a `ModuleList` that type checkers know the modules of."""
    return cast("Sequence[M]", torch.nn.ModuleList(modules))
