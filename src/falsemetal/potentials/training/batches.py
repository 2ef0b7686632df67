"""Structures with labels as batches: what a model is fitted to and measured against."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from ase import Atoms

from falsemetal.potentials.graph import Graph, build_graph, collate
from falsemetal.potentials.mace.model import DatasetStatistics, predict
from falsemetal.potentials.model import Model
from falsemetal.potentials.training.settings import Training
from falsemetal.systems.labels import known_forces


@dataclass(frozen=True)
class LabelledGraph:
    """A graph or batch with its labels: energies (g,) in eV, float64, and forces (n, 3) in eV/Å.

    Forces that are not known are NaN, and no error is made on them.
    """

    graph: Graph
    energies: torch.Tensor
    forces: torch.Tensor

    def to(self, device: torch.device) -> "LabelledGraph":
        """Return the labelled graph on another device."""
        return LabelledGraph(
            self.graph.to(device), self.energies.to(device), self.forces.to(device)
        )


@dataclass(frozen=True)
class Errors:
    """Mean squared errors: energy in (eV/atom)², force in (eV/Å)² per component."""

    energy: torch.Tensor
    force: torch.Tensor

    def loss(self, training: Training) -> torch.Tensor:
        """Weighted sum that training minimises."""
        return training.energy_weight * self.energy + training.force_weight * self.force


def dataset_statistics(frames: Sequence[Atoms], *, r_cut_A: float) -> DatasetStatistics:
    """Collect the elements and scales of a training set."""
    elements = tuple(sorted({int(z) for atoms in frames for z in atoms.numbers}))
    forces = np.concatenate([known_forces(atoms) for atoms in frames])
    edges = sum(build_graph(atoms, elements, r_cut_A).edge_index.shape[1] for atoms in frames)
    return DatasetStatistics(
        elements=elements,
        force_rms_eV_per_A=float(np.sqrt(np.nanmean(forces**2))),
        mean_neighbours=edges / len(forces),
    )


def label_graphs(frames: Sequence[Atoms], model: Model) -> list[LabelledGraph]:
    """Graphs of labelled frames with a model's elements and cutoff."""
    return [
        LabelledGraph(
            build_graph(atoms, model.elements, model.r_cut_A),
            torch.tensor([atoms.info["REF_energy"]], dtype=torch.float64),
            torch.tensor(known_forces(atoms)),
        )
        for atoms in frames
    ]


def join(items: Sequence[LabelledGraph]) -> LabelledGraph:
    """Join labelled graphs into one batch."""
    return LabelledGraph(
        collate([item.graph for item in items]),
        torch.cat([item.energies for item in items]),
        torch.cat([item.forces for item in items]),
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


def batch_errors(
    model: Callable[[Graph], torch.Tensor], batch: LabelledGraph, *, create_graph: bool = False
) -> Errors:
    """Mean squared errors of one batch."""
    energies, forces = predict(model, batch.graph, create_graph=create_graph)
    atoms = torch.bincount(batch.graph.batch, minlength=batch.graph.n_graphs)
    known = ~torch.isnan(batch.forces)
    return Errors(
        energy=(((energies - batch.energies) / atoms) ** 2).mean(),
        force=((forces - batch.forces)[known] ** 2).mean().double(),
    )
