"""One training loop for every model, so that a comparison differs only in the architecture."""

import hashlib
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from ase import Atoms
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from falsemetal.config import MACEPotential, Training
from falsemetal.models.graph import Graph, build_graph, collate
from falsemetal.models.mace import DatasetStatistics, ShortRangedMACE
from falsemetal.models.store import build_model, torch_device
from falsemetal.progress import logger

Report = Callable[[int, str], None]


@dataclass(frozen=True)
class LabelledGraph:
    """A graph or batch with its labels: energies (g,) in eV, float64, and forces (n, 3) in eV/Å."""

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
    forces = np.concatenate([atoms.arrays["REF_forces"] for atoms in frames])
    edges = sum(
        build_graph(atoms, elements, r_cut_A, torch.float64).edge_index.shape[1] for atoms in frames
    )
    return DatasetStatistics(
        elements=elements,
        force_rms_eV_per_A=float(np.sqrt(np.mean(forces**2))),
        mean_neighbours=edges / len(forces),
    )


def label_graphs(
    frames: Sequence[Atoms], model: ShortRangedMACE, dtype: torch.dtype
) -> list[LabelledGraph]:
    """Graphs of labelled frames with a model's elements and cutoff."""
    return [
        LabelledGraph(
            build_graph(atoms, model.elements, model.r_cut_A, dtype),
            torch.tensor([atoms.info["REF_energy"]], dtype=torch.float64),
            torch.tensor(atoms.arrays["REF_forces"], dtype=dtype),
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
    model: ShortRangedMACE, items: Sequence[LabelledGraph], *, batch_size: int
) -> None:
    """Set a model's atomic energies to what its energies leave unexplained, by least squares.

    The Coulomb energy of formal charges is several eV per atom: without this an untrained
    long-ranged model would start far from any label.
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
    # water alone fixes only the sum over a molecule: the solution of least norm is as good as any
    fit = np.linalg.lstsq(
        torch.cat(counts).cpu().numpy(), torch.cat(residuals).cpu().numpy(), rcond=None
    )
    model.atomic_energies_eV += torch.as_tensor(fit[0], device=device)


def predict(
    model: torch.nn.Module, graph: Graph, *, create_graph: bool = False
) -> tuple[torch.Tensor, torch.Tensor]:
    """Energies (g,) in eV and forces (n, 3) in eV/Å of a batch."""
    graph.positions.requires_grad_(True)
    energies = model(graph)
    (gradient,) = torch.autograd.grad(energies.sum(), graph.positions, create_graph=create_graph)
    graph.positions.requires_grad_(False)
    return energies if create_graph else energies.detach(), -gradient


def batch_errors(
    model: torch.nn.Module, batch: LabelledGraph, *, create_graph: bool = False
) -> Errors:
    """Mean squared errors of one batch."""
    energies, forces = predict(model, batch.graph, create_graph=create_graph)
    atoms = torch.bincount(batch.graph.batch, minlength=batch.graph.n_graphs)
    return Errors(
        energy=(((energies - batch.energies) / atoms) ** 2).mean(),
        force=((forces - batch.forces) ** 2).mean().double(),
    )


def train(
    settings: MACEPotential,
    training: Training,
    train_frames: Sequence[Atoms],
    validation_frames: Sequence[Atoms],
    *,
    seed: int,
    checkpoint: Path,
    report: Report,
) -> tuple[ShortRangedMACE, pd.DataFrame]:
    """Train a model and return it as of its lowest validation loss.

    Parameters
    ----------
    settings
        Architecture.
    training
        Losses and schedule.
    train_frames, validation_frames
        With `REF_energy` (eV) and `REF_forces` (eV/Å).
    seed
        Of the initial weights and of the order of the frames.
    checkpoint
        File written after every epoch; a run that finds its own continues from it.
    report
        Told the number of finished epochs and a line about them.

    Returns
    -------
    model, history
        The averaged (EMA) weights of the best epoch, and one row per epoch.
    """
    session = _Session(settings, training, train_frames, validation_frames, seed)
    session.resume(checkpoint)
    report(session.epoch, "")
    while session.epoch < training.epochs:
        row = session.run_epoch()
        session.save(checkpoint)
        report(
            session.epoch,
            f"validation energy {row['validation_rmse_energy_meV_per_atom']:.2f} meV/atom, "
            f"force {row['validation_rmse_force_meV_per_A']:.1f} meV/Å",
        )
    session.model.load_state_dict(session.best_weights)
    return session.model, pd.DataFrame(session.history)


class _Session:
    """State of a training that a kill may interrupt between epochs."""

    def __init__(
        self,
        settings: MACEPotential,
        training: Training,
        train_frames: Sequence[Atoms],
        validation_frames: Sequence[Atoms],
        seed: int,
    ) -> None:
        self.training, self.seed = training, seed
        self.fingerprint = _fingerprint(settings, training, train_frames, validation_frames, seed)
        self.device = torch_device(training.device)
        dtype = getattr(torch, training.dtype)
        statistics = dataset_statistics(train_frames, r_cut_A=settings.r_cut_A)
        self.model = build_model(settings, statistics, dtype=dtype, seed=seed).to(self.device)
        self.train_set = label_graphs(train_frames, self.model, dtype)
        self.validation_set = label_graphs(validation_frames, self.model, dtype)
        fit_atomic_energies(self.model, self.train_set, batch_size=training.batch_size)
        averaging = get_ema_multi_avg_fn(training.ema_decay)
        self.average = AveragedModel(self.model, multi_avg_fn=averaging)
        self.optimizer = torch.optim.Adam(
            self.model.parameters(),
            lr=training.learning_rate,
            weight_decay=training.weight_decay,
            amsgrad=True,
        )
        self.schedule = torch.optim.lr_scheduler.CosineAnnealingLR(
            self.optimizer, training.epochs, eta_min=training.final_learning_rate
        )
        self.epoch = 0
        self.history: list[dict[str, float]] = []
        self.best_loss = float("inf")
        self.best_weights: dict[str, torch.Tensor] = {}

    def run_epoch(self) -> dict[str, float]:
        """Pass once over the training set, then measure the averaged weights."""
        generator = np.random.default_rng([self.seed, self.epoch])
        order = generator.permutation(len(self.train_set))
        losses = [
            self._descend([self.train_set[i] for i in chosen])
            for chosen in np.array_split(order, -(-len(order) // self.training.batch_size))
        ]
        learning_rate = self.schedule.get_last_lr()[0]
        self.schedule.step()
        self.epoch += 1
        errors = self._validate()
        loss = float(errors.loss(self.training))
        if loss < self.best_loss:
            self.best_loss = loss
            state = self.average.module.state_dict()
            self.best_weights = {key: value.detach().clone() for key, value in state.items()}
        row = {
            "epoch": self.epoch,
            "learning_rate": learning_rate,
            "training_loss": float(np.mean(losses)),
            "validation_loss": loss,
            "validation_rmse_energy_meV_per_atom": 1000.0 * float(errors.energy) ** 0.5,
            "validation_rmse_force_meV_per_A": 1000.0 * float(errors.force) ** 0.5,
        }
        self.history.append(row)
        return row

    def _descend(self, items: Sequence[LabelledGraph]) -> float:
        errors = batch_errors(self.model, join(items).to(self.device), create_graph=True)
        loss = errors.loss(self.training)
        if not torch.isfinite(loss):
            raise FloatingPointError(
                f"the loss became {loss.item()} in epoch {self.epoch + 1}; "
                "lower training.learning_rate or training.gradient_clip"
            )
        self.optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(self.model.parameters(), self.training.gradient_clip)
        self.optimizer.step()
        self.average.update_parameters(self.model)
        return loss.item()

    def _validate(self) -> Errors:
        size = self.training.batch_size
        energy, force, weight = [], [], []
        for first in range(0, len(self.validation_set), size):
            items = self.validation_set[first : first + size]
            errors = batch_errors(self.average, join(items).to(self.device))
            energy.append(errors.energy.detach() * len(items))
            force.append(errors.force.detach() * len(items))
            weight.append(len(items))
        return Errors(sum(energy) / sum(weight), sum(force) / sum(weight))

    def save(self, path: Path) -> None:
        """Write the state; the old file stays whole until the new one is."""
        path.parent.mkdir(parents=True, exist_ok=True)
        draft = path.with_suffix(".draft")
        torch.save(self._state(), draft)
        draft.replace(path)

    def resume(self, path: Path) -> None:
        """Continue from a checkpoint of the same training, if there is one."""
        if not path.exists():
            return
        try:
            state = torch.load(path, map_location=self.device, weights_only=True)
        except Exception as error:  # any damage means the same: start anew
            logger.info("%s: unreadable (%s); training starts anew", path, error)
            return
        if state["fingerprint"] != self.fingerprint:
            logger.info("%s: left by a training with other settings or data", path)
            return
        for name in ("model", "average", "optimizer", "schedule"):
            getattr(self, name).load_state_dict(state[name])
        for name in ("epoch", "history", "best_loss", "best_weights"):
            setattr(self, name, state[name])

    def _state(self) -> dict[str, Any]:
        modules = ("model", "average", "optimizer", "schedule")
        values = ("fingerprint", "epoch", "history", "best_loss", "best_weights")
        return {name: getattr(self, name).state_dict() for name in modules} | {
            name: getattr(self, name) for name in values
        }


def _fingerprint(
    settings: MACEPotential,
    training: Training,
    train_frames: Sequence[Atoms],
    validation_frames: Sequence[Atoms],
    seed: int,
) -> str:
    architecture = settings.model_dump(mode="json", exclude={"duration_ps", "replicas", "label"})
    plain = [architecture, training.model_dump(mode="json"), seed]
    digest = hashlib.sha256(json.dumps(plain, sort_keys=True).encode())
    for atoms in (*train_frames, *validation_frames):
        digest.update(np.float64(atoms.info["REF_energy"]).tobytes())
        digest.update(atoms.positions.tobytes())
    return digest.hexdigest()
