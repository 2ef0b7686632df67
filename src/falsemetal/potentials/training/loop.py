"""One training loop for every model, so that a comparison differs only in the architecture."""

import copy
import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, cast

import numpy as np
import pandas as pd
import torch
from ase import Atoms
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from falsemetal.files import array_sha256, text_sha256
from falsemetal.potentials.allocator import keep_freed_memory
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
from falsemetal.potentials.training.spec import TrainSpec
from falsemetal.progress import logger
from falsemetal.systems.labels import (
    CHARGES,
    DIPOLE,
    EXTERNAL_FIELD,
    FERMI_LEVEL,
    HELD,
    TOTAL_CHARGE,
)

Report = Callable[[int, str], None]

MODULES = ("model", "average", "optimizer", "schedule")
OF_FRAMES = (TOTAL_CHARGE, EXTERNAL_FIELD, DIPOLE, FERMI_LEVEL)
"""What a frame may tell in `info` that a training depends on."""

VALUES = ("fingerprint", "epoch", "history", "best_loss", "best_weights")
"""What a checkpoint keeps of a session."""


def train(
    spec: TrainSpec,
    train_frames: Sequence[Atoms],
    validation_frames: Sequence[Atoms],
    *,
    checkpoint: Path,
    report: Report,
) -> tuple[ShortRangedMACE, pd.DataFrame]:
    """Train a model and return it as of its lowest validation loss, with one row per epoch.

    Frames have `REF_energy` (eV) and `REF_forces` (eV/Å); isolated atoms among those to train on
    give the atomic energies. The checkpoint is written after every
    epoch; the same training of the same frames continues from it. `report` is told the number of
    finished epochs and a line about them. The weights are the averaged ones (EMA) of the best
    epoch.
    """
    keep_freed_memory()
    session = _Session(spec, train_frames, validation_frames)
    session.resume(checkpoint)
    report(session.epoch, "")
    while session.epoch < spec.training.epochs:
        row = session.run_epoch()
        session.save(checkpoint)
        report(
            session.epoch,
            f"validation energy {row['validation_rmse_energy_meV_per_atom']:.2f} meV/atom, "
            f"force {row['validation_rmse_force_meV_per_A']:.1f} meV/Å",
        )
    session.plain.load_state_dict(session.best_weights)
    return session.plain, pd.DataFrame(session.history)


class _Session:
    """State of a training that a kill may interrupt between epochs."""

    def __init__(
        self, spec: TrainSpec, train_frames: Sequence[Atoms], validation_frames: Sequence[Atoms]
    ) -> None:
        self.training, self.seed = training, seed = spec.training, spec.seed
        self.fingerprint = _fingerprint(spec, train_frames, validation_frames)
        isolated_eV = {
            int(atoms.numbers[0]): float(atoms.info["REF_energy"])
            for atoms in train_frames
            if _is_isolated_atom(atoms)
        }
        train_frames = [atoms for atoms in train_frames if not _is_isolated_atom(atoms)]
        self.device = torch_device(training.device)
        dtype = getattr(torch, training.dtype)
        statistics = dataset_statistics(train_frames, r_cut_A=spec.potential.r_cut_A)
        self.model = build_model(spec.potential, statistics, dtype=dtype, seed=seed).to(self.device)
        self.plain = copy.deepcopy(self.model)
        self.model.prepare_training()
        self.train_set = label_graphs(train_frames, self.model)
        self.validation_set = label_graphs(validation_frames, self.model)
        fit_atomic_energies(
            self.model,
            self.train_set,
            batch_size=training.batch_size,
            isolated_eV=isolated_eV,
        )
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
        row: dict[str, float] = {
            "epoch": self.epoch,
            "learning_rate": float(learning_rate),
            "training_loss": float(np.mean(losses)),
            "validation_loss": loss,
        }
        row |= {f"validation_{key}": error for key, error in errors.row().items()}
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
        found: dict[str, list[tuple[torch.Tensor, int]]] = {}
        averaged = cast(ShortRangedMACE, self.average.module)
        for first in range(0, len(self.validation_set), size):
            items = self.validation_set[first : first + size]
            errors = batch_errors(averaged, join(items).to(self.device))
            each = {"energy": errors.energy, "force": errors.force} | errors.further
            for name, error in each.items():
                found.setdefault(name, []).append((error.detach(), len(items)))
        means = {
            name: cast(torch.Tensor, sum(error * n for error, n in values))
            / sum(n for _, n in values)
            for name, values in found.items()
        }
        return Errors(means.pop("energy"), means.pop("force"), means)

    def save(self, path: Path) -> None:
        """Write the state; the old file stays whole until the new one is."""
        path.parent.mkdir(parents=True, exist_ok=True)
        draft = path.with_suffix(".draft")
        state = {name: getattr(self, name).state_dict() for name in MODULES}
        torch.save(state | {name: getattr(self, name) for name in VALUES}, draft)
        draft.replace(path)

    def resume(self, path: Path) -> None:
        """Continue from a checkpoint of the same training, if there is one."""
        if not path.exists():
            return
        try:
            state = torch.load(path, map_location=self.device, weights_only=True)
        except Exception as error:  # any damage means the same: start anew
            reason = type(error).__name__  # PyTorch's own words advise to trust the file
            logger.info("%s: unreadable (%s); training starts anew", path, reason)
            return
        if state["fingerprint"] != self.fingerprint:
            logger.info("%s: left by a training with other settings or data", path)
            return
        for name in MODULES:
            getattr(self, name).load_state_dict(state[name])
        for name in VALUES:
            setattr(self, name, state[name])


def _fingerprint(spec: TrainSpec, *sets: Sequence[Atoms]) -> str:
    frames = [
        array_sha256(array for atoms in frames for array in _arrays(atoms)) for frames in sets
    ]
    return text_sha256(json.dumps([spec.identity(), frames], sort_keys=True))


def _arrays(atoms: Atoms) -> tuple[Any, ...]:
    labels = atoms.info["REF_energy"], atoms.arrays["REF_forces"]
    further = [atoms.arrays[key] for key in (HELD, CHARGES) if key in atoms.arrays]
    further += [np.asarray(atoms.info[key]) for key in OF_FRAMES if key in atoms.info]
    return atoms.numbers, atoms.positions, atoms.cell.array, atoms.pbc, *labels, *further


def _is_isolated_atom(atoms: Atoms) -> bool:
    return len(atoms) == 1 and not atoms.pbc.any()
