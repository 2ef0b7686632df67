"""Structures with labels as batches: what a model is fitted to and measured against."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields

import numpy as np
import torch
from ase import Atoms

from falsemetal.arrays import FloatArray
from falsemetal.potentials.graph import Graph, build_graph, collate
from falsemetal.potentials.mace.model import DatasetStatistics, predict_all
from falsemetal.potentials.model import Model
from falsemetal.potentials.training.settings import Training
from falsemetal.systems.labels import (
    known_charges,
    known_dipole,
    known_fermi_level,
    known_forces,
)


@dataclass(frozen=True)
class LabelledGraph:
    """A graph or batch with its labels, float64; those that are not known are NaN.

    Energies (g,) are in eV, forces (n, 3) in eV/Å, charges (n,) in e, dipoles (g, 3) in e·Å, Fermi
    levels (g,) in eV. No error is made on what is not known.
    """

    graph: Graph
    energies: torch.Tensor
    forces: torch.Tensor
    charges: torch.Tensor
    dipoles: torch.Tensor
    fermi_levels_eV: torch.Tensor

    def to(self, device: torch.device) -> "LabelledGraph":
        """Return the labelled graph on another device."""
        return LabelledGraph(*(getattr(self, field.name).to(device) for field in fields(self)))


@dataclass(frozen=True)
class Errors:
    """Mean squared errors: energy in (eV/atom)², force in (eV/Å)² per component.

    `further` are those of what models with charges tell, where there are labels: `charge` in e²,
    `dipole` in (e·Å/atom)², `fermi` in eV².
    """

    energy: torch.Tensor
    force: torch.Tensor
    further: dict[str, torch.Tensor]

    def loss(self, training: Training) -> torch.Tensor:
        """Weighted sum that training minimises."""
        loss = training.energy_weight * self.energy + training.force_weight * self.force
        for name, error in self.further.items():
            loss = loss + getattr(training, f"{name}_weight") * error
        return loss

    def row(self) -> dict[str, float]:
        """Roots of the errors in thousandths, by column of a training's history."""
        columns = {
            "energy_meV_per_atom": self.energy,
            "force_meV_per_A": self.force,
        } | {FURTHER[name]: error for name, error in self.further.items()}
        return {f"rmse_{key}": 1000.0 * float(error) ** 0.5 for key, error in columns.items()}


FURTHER = {"charge": "charge_me", "dipole": "dipole_me_A_per_atom", "fermi": "fermi_meV"}


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
    """Graphs of labelled frames; ValueError for a frame that the model cannot treat, by number."""
    return [
        LabelledGraph(
            _graph_of(atoms, model, number),
            torch.tensor([atoms.info["REF_energy"]], dtype=torch.float64),
            torch.tensor(known_forces(atoms)),
            torch.tensor(known_charges(atoms)),
            torch.tensor(known_dipole(atoms))[None],
            torch.tensor([known_fermi_level(atoms)], dtype=torch.float64),
        )
        for number, atoms in enumerate(frames)
    ]


def _graph_of(atoms: Atoms, model: Model, number: int) -> Graph:
    try:
        return model.graph_of(atoms)
    except ValueError as error:
        kind = f"{atoms.get_chemical_formula()}, {atoms.info.get('config_type', 'no config_type')}"
        raise ValueError(f"frame {number} ({kind}): {error}") from error


def join(items: Sequence[LabelledGraph]) -> LabelledGraph:
    """Join labelled graphs into one batch."""
    labels = [field.name for field in fields(LabelledGraph) if field.name != "graph"]
    return LabelledGraph(
        collate([item.graph for item in items]),
        *(torch.cat([getattr(item, name) for item in items]) for name in labels),
    )


HELD_NOISE_E = 1e-3
"""Of charges that are read off energies: what differs less is decided by the composition."""


def fit_atomic_energies(
    model: Model,
    items: Sequence[LabelledGraph],
    *,
    batch_size: int,
    isolated_eV: Mapping[int, float] | None = None,
) -> None:
    """Set a model's constant energies to what its energies leave unexplained, by least squares.

    Those are of atoms, and of the electrons that frames of other total charges lack, where that is
    no matter of composition: it starts the electronegativities, by volts that would take long to
    learn. What charge one volt counts for, a conductor's without the formal ones, is measured.

    The Coulomb energy of formal charges is several eV per atom: without this an untrained
    long-ranged model would start far from any label. Elements, by atomic number, whose isolated
    atoms have an energy count from it; the others are fitted.
    """
    unexplained, number, charges = _unexplained(model, items, batch_size)
    given = np.array([(isolated_eV or {}).get(z, np.nan) for z in model.elements])
    known = ~np.isnan(given)
    left = unexplained - number[:, known] @ given[known]
    unknown = number[:, ~known]
    start = model.common_electronegativity
    if start is not None and np.ptp(charges) > 0.0:
        before = start.detach().clone()
        with torch.no_grad():
            start += 1.0
            held = unexplained - _unexplained(model, items, batch_size)[0]
            start.copy_(before)
            with_charge = np.column_stack([unknown, held])
            known_rank, rank = (
                np.linalg.matrix_rank(columns, tol=HELD_NOISE_E)
                for columns in (unknown, with_charge)
            )
            if rank > known_rank:
                of_charge = np.linalg.lstsq(with_charge, left, rcond=None)[0][-1]
                start += of_charge
                left = left - of_charge * held
    # water alone fixes only the sum over a molecule: the solution of least norm is as good as any
    given[~known] = np.linalg.lstsq(unknown, left, rcond=None)[0]
    model.atomic_energies_eV += torch.as_tensor(given, device=model.atomic_energies_eV.device)


@torch.no_grad()
def _unexplained(
    model: Model, items: Sequence[LabelledGraph], batch_size: int
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Energies that a model lacks, shape (g,), atoms by element, and total charges."""
    device = model.atomic_energies_eV.device
    residuals, counts, charges = [], [], []
    for first in range(0, len(items), batch_size):
        batch = join(items[first : first + batch_size]).to(device)
        residuals.append(batch.energies - model(batch.graph))
        index = batch.graph.batch * len(model.elements) + batch.graph.species
        size = batch.graph.n_graphs * len(model.elements)
        counts.append(torch.bincount(index, minlength=size).view(-1, len(model.elements)))
        charges.append(batch.graph.total_charge_e)
    return (
        torch.cat(residuals).cpu().numpy(),
        torch.cat(counts).double().cpu().numpy(),
        torch.cat(charges).cpu().numpy(),
    )


def batch_errors(model: Model, batch: LabelledGraph, *, create_graph: bool = False) -> Errors:
    """Mean squared errors of one batch."""
    prediction, forces = predict_all(model, batch.graph, create_graph=create_graph)
    atoms = torch.bincount(batch.graph.batch, minlength=batch.graph.n_graphs)
    known = ~torch.isnan(batch.forces)
    charge = squared_error(prediction.charges, batch.charges)
    dipole = squared_error(prediction.dipoles, batch.dipoles, atoms[:, None])
    fermi = squared_error(prediction.fermi_levels_eV, batch.fermi_levels_eV)
    further = {"charge": charge, "dipole": dipole, "fermi": fermi}
    return Errors(
        energy=(((prediction.energies - batch.energies) / atoms) ** 2).mean(),
        force=((forces - batch.forces)[known] ** 2).mean().double(),
        further={name: error for name, error in further.items() if error is not None},
    )


def squared_error(
    found: torch.Tensor | None, labels: torch.Tensor, scale: torch.Tensor | float = 1.0
) -> torch.Tensor | None:
    """Mean squared error over a scale, where both are known; None where nothing is."""
    if found is None:
        return None
    known = ~(torch.isnan(labels) | torch.isnan(found.detach()))
    if not known.any():
        return None
    return (((found - labels) / scale)[known] ** 2).mean()
