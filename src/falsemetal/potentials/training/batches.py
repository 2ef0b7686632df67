"""Structures with labels as batches: what a model is fitted to and measured against."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from ase import Atoms

from falsemetal.potentials.graph import Graph, build_graph, collate
from falsemetal.potentials.mace.model import DatasetStatistics, predict_all
from falsemetal.potentials.model import Model, Prediction
from falsemetal.potentials.training.settings import Training
from falsemetal.systems.labels import known_charges, known_forces


@dataclass(frozen=True)
class LabelledGraph:
    """A graph or batch with its labels: energies (g,) in eV, forces (n, 3) in eV/Å, charges in e.

    Forces and charges, shape (n,), that are not known are NaN, and no error is made on them. Labels
    are float64.
    """

    graph: Graph
    energies: torch.Tensor
    forces: torch.Tensor
    charges: torch.Tensor

    def to(self, device: torch.device) -> "LabelledGraph":
        """Return the labelled graph on another device."""
        return LabelledGraph(
            self.graph.to(device),
            self.energies.to(device),
            self.forces.to(device),
            self.charges.to(device),
        )


@dataclass(frozen=True)
class Errors:
    """Mean squared errors: energy in (eV/atom)², force in (eV/Å)² per component, charge in e².

    The charge's is None where the model has no charges, or a batch no labels of them.
    """

    energy: torch.Tensor
    force: torch.Tensor
    charge: torch.Tensor | None = None

    def loss(self, training: Training) -> torch.Tensor:
        """Weighted sum that training minimises."""
        loss = training.energy_weight * self.energy + training.force_weight * self.force
        return loss if self.charge is None else loss + training.charge_weight * self.charge


def dataset_statistics(frames: Sequence[Atoms], *, r_cut_A: float) -> DatasetStatistics:
    """Collect the elements and scales of a training set."""
    elements = tuple(sorted({int(z) for atoms in frames for z in atoms.numbers}))
    forces = np.concatenate([known_forces(atoms) for atoms in frames])
    edges = sum(
        build_graph(atoms, elements, r_cut_A, with_charge=True).edge_index.shape[1]
        for atoms in frames
    )
    return DatasetStatistics(
        elements=elements,
        force_rms_eV_per_A=float(np.sqrt(np.nanmean(forces**2))),
        mean_neighbours=edges / len(forces),
    )


def label_graphs(frames: Sequence[Atoms], model: Model) -> list[LabelledGraph]:
    """Graphs of labelled frames; ValueError for a frame that the model cannot treat."""
    return [
        LabelledGraph(
            model.graph_of(atoms),
            torch.tensor([atoms.info["REF_energy"]], dtype=torch.float64),
            torch.tensor(known_forces(atoms)),
            torch.tensor(known_charges(atoms)),
        )
        for atoms in frames
    ]


def join(items: Sequence[LabelledGraph]) -> LabelledGraph:
    """Join labelled graphs into one batch."""
    return LabelledGraph(
        collate([item.graph for item in items]),
        torch.cat([item.energies for item in items]),
        torch.cat([item.forces for item in items]),
        torch.cat([item.charges for item in items]),
    )


def fit_atomic_energies(
    model: Model,
    items: Sequence[LabelledGraph],
    *,
    batch_size: int,
    isolated_eV: Mapping[int, float] | None = None,
) -> None:
    """Set a model's atomic energies to what its energies leave unexplained, by least squares.

    The Coulomb energy of formal charges is several eV per atom: without this an untrained
    long-ranged model would start far from any label. Elements, by atomic number, whose isolated
    atoms have an energy count from it; the others are fitted.
    """
    device = model.atomic_energies_eV.device
    residuals, counts = [], []
    with torch.no_grad():
        for first in range(0, len(items), batch_size):
            batch = join(items[first : first + batch_size]).to(device)
            residuals.append(batch.energies - model(batch.graph))
            index = batch.graph.batch * len(model.elements) + batch.graph.species
            size = batch.graph.n_graphs * len(model.elements)
            counts.append(torch.bincount(index, minlength=size).view(-1, len(model.elements)))
    given = np.array([(isolated_eV or {}).get(z, np.nan) for z in model.elements])
    known = ~np.isnan(given)
    number, residual = torch.cat(counts).cpu().numpy(), torch.cat(residuals).cpu().numpy()
    # water alone fixes only the sum over a molecule: the solution of least norm is as good as any
    left = residual - number[:, known] @ given[known]
    given[~known] = np.linalg.lstsq(number[:, ~known], left, rcond=None)[0]
    model.atomic_energies_eV += torch.as_tensor(given, device=device)


def batch_errors(model: Model, batch: LabelledGraph, *, create_graph: bool = False) -> Errors:
    """Mean squared errors of one batch."""
    prediction, forces = predict_all(model, batch.graph, create_graph=create_graph)
    atoms = torch.bincount(batch.graph.batch, minlength=batch.graph.n_graphs)
    known = ~torch.isnan(batch.forces)
    return Errors(
        energy=(((prediction.energies - batch.energies) / atoms) ** 2).mean(),
        force=((forces - batch.forces)[known] ** 2).mean().double(),
        charge=charge_error(prediction, batch),
    )


def charge_error(prediction: Prediction, batch: LabelledGraph) -> torch.Tensor | None:
    """Mean squared error of the charges in e², None where there is nothing to compare."""
    known = ~torch.isnan(batch.charges)
    if prediction.charges is None or not known.any():
        return None
    return ((prediction.charges - batch.charges)[known] ** 2).mean()
