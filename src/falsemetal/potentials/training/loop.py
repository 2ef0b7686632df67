"""One training loop for every model, so that a comparison differs only in the architecture."""

import hashlib
import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from ase import Atoms
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from falsemetal.config import MACEPotential, Training
from falsemetal.potentials.mace.model import ShortRangedMACE
from falsemetal.potentials.store import build_model, torch_device
from falsemetal.potentials.training.batches import (
    Errors,
    LabelledGraph,
    batch_errors,
    dataset_statistics,
    fit_atomic_energies,
    join,
    label_graphs,
)
from falsemetal.progress import logger

Report = Callable[[int, str], None]


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
        self.train_set = label_graphs(train_frames, self.model)
        self.validation_set = label_graphs(validation_frames, self.model)
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
    architecture = settings.model_dump(mode="json", exclude={"runs", "label"})
    plain = [architecture, training.model_dump(mode="json"), seed]
    digest = hashlib.sha256(json.dumps(plain, sort_keys=True).encode())
    for atoms in (*train_frames, *validation_frames):
        digest.update(np.float64(atoms.info["REF_energy"]).tobytes())
        digest.update(atoms.positions.tobytes())
    return digest.hexdigest()
