"""Jobs that train a model into its folder, and measure it there."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pandas as pd
import torch
from ase import Atoms

from falsemetal.locks import lock
from falsemetal.potentials.evaluation import error_table
from falsemetal.potentials.loading import load_potential
from falsemetal.potentials.store import ModelError, save_model, torch_device
from falsemetal.potentials.training.loop import train
from falsemetal.potentials.training.spec import EvaluateSpec, TrainSpec
from falsemetal.progress import Progress
from falsemetal.systems.charged import find_fault_without_charges


def train_into(
    folder: Path,
    spec: TrainSpec,
    train_frames: Sequence[Atoms],
    validation_frames: Sequence[Atoms],
    *,
    threads: int,
    stamp: dict[str, Any],
) -> None:
    """Train a model, or continue its training, and keep it with its history.

    The checkpoint is in the model's folder, too; the provenance (`stamp`) is kept in its
    description. ModelError if the frames to train on lack an element of the model's runs, or only a
    model that knows total charges could learn from some.
    """
    if not spec.potential.knows_total_charge:
        fault = find_fault_without_charges([*train_frames, *validation_frames])
        if fault is not None:
            raise ModelError(f"{spec.label}: {fault}")
    found = {symbol for frame in train_frames for symbol in frame.symbols}
    if missing := [symbol for symbol in spec.runs_hold if symbol not in found]:
        raise ModelError(
            f"{spec.label}: no frame to train on holds {', '.join(missing)}, which its runs do "
            f"(frames: {', '.join(sorted(found))}); train on another dataset, or remove its runs"
        )
    torch.set_num_threads(threads)
    checkpoint = folder / "checkpoint.pt"
    held = lock(checkpoint)
    progress = Progress(spec.label, spec.training.epochs, unit="epochs")
    model, history = train(
        spec, train_frames, validation_frames, checkpoint=checkpoint, report=progress.update
    )
    save_model(model, spec.potential, folder, charge_e=spec.charge_e, stamp=stamp)
    history.to_csv(folder / "history.csv", index=False)
    held.release()


def evaluate(
    folder: Path, frames: Sequence[Atoms], spec: EvaluateSpec, *, threads: int
) -> pd.DataFrame:
    """Measure the errors of a model in its folder; returns the table of `error_table`."""
    torch.set_num_threads(threads)
    device = torch_device(spec.device)
    model = load_potential(folder, dtype=getattr(torch, spec.dtype), device=device)
    return error_table(model, frames, device=device, seed=spec.seed)
