"""The training loop: it learns, every parameter takes part, and a kill loses nothing."""

from pathlib import Path

import pandas as pd
import pytest
import torch
from ase import Atoms
from small_models import SETTINGS, small_model, water_layer

from falsemetal.config import Training
from falsemetal.potentials.evaluation import error_table
from falsemetal.potentials.graph import build_graph
from falsemetal.potentials.mace.model import predict
from falsemetal.potentials.store import build_model
from falsemetal.potentials.training.batches import (
    dataset_statistics,
    fit_atomic_energies,
    label_graphs,
)
from falsemetal.potentials.training.loop import train

TRAINING = Training(epochs=4, batch_size=2, learning_rate=0.01, dtype="float64", device="cpu")


def labelled_frames(n_frames: int, seed: int) -> list[Atoms]:
    """Labels of another, fixed model: smooth and learnable."""
    teacher = small_model("split-1")
    frames = []
    for index in range(n_frames):
        atoms = water_layer(5, slab=bool(index % 2), seed=seed + index)
        graph = build_graph(atoms, teacher.elements, teacher.r_cut_A)
        energies, forces = predict(teacher, graph)
        atoms.info |= {"REF_energy": float(energies[0]) - 40.0 * 5, "config_type": "slab"}
        atoms.arrays["REF_forces"] = forces.numpy()
        frames.append(atoms)
    return frames


@pytest.fixture(scope="module")
def frames() -> list[Atoms]:
    return labelled_frames(8, seed=10)


class KilledError(Exception):
    """Stands for a kill."""


def run(
    name: str,
    frames: list[Atoms],
    checkpoint: Path,
    stop_after: int | None = None,
    training: Training = TRAINING,
):
    def report(epoch: int, _: str) -> None:
        if epoch == stop_after:
            raise KilledError

    return train(
        SETTINGS[name],
        training,
        frames[:6],
        frames[6:],
        seed=2,
        checkpoint=checkpoint,
        report=report,
    )


@pytest.mark.parametrize("name", list(SETTINGS))
def test_every_parameter_moves_and_the_loss_falls(name: str, frames, tmp_path) -> None:
    model, history = run(name, frames, tmp_path / "checkpoint.pt")
    statistics = dataset_statistics(frames[:6], r_cut_A=SETTINGS[name].r_cut_A)
    before = dict(
        build_model(SETTINGS[name], statistics, dtype=torch.float64, seed=2).named_parameters()
    )
    still = [
        key
        for key, value in model.named_parameters()
        if value.numel() and torch.equal(value, before[key])
    ]
    assert still == []
    assert history["validation_loss"].iloc[-1] < history["validation_loss"].iloc[0]


def test_interrupted_training_ends_as_the_uninterrupted_one(frames, tmp_path) -> None:
    whole, whole_history = run("split-2", frames, tmp_path / "whole.pt")
    with pytest.raises(KilledError):
        run("split-2", frames, tmp_path / "parts.pt", stop_after=2)
    resumed, history = run("split-2", frames, tmp_path / "parts.pt")
    pd.testing.assert_frame_equal(history, whole_history)
    for key, value in whole.state_dict().items():
        assert torch.equal(value, resumed.state_dict()[key]), key


def test_checkpoint_of_other_data_is_not_continued(frames, tmp_path) -> None:
    run("mace-1", frames, tmp_path / "checkpoint.pt")
    _, history = run("mace-1", labelled_frames(8, seed=50), tmp_path / "checkpoint.pt")
    assert len(history) == TRAINING.epochs
    (tmp_path / "checkpoint.pt").write_bytes(b"half a file")
    assert len(run("mace-1", frames, tmp_path / "checkpoint.pt")[1]) == TRAINING.epochs


def test_the_model_is_that_of_the_lowest_validation_loss(frames, tmp_path) -> None:
    model, history = run("mace-1", frames, tmp_path / "checkpoint.pt")
    table = error_table(
        model.requires_grad_(False),
        frames[6:],
        device=torch.device("cpu"),
        seed=0,
    )
    best = history.loc[history["validation_loss"].idxmin()]
    row = table[table["config_type"] == "all"].iloc[0]
    assert row["rmse_force_meV_per_A"] == pytest.approx(best["validation_rmse_force_meV_per_A"])
    assert row["rmse_force_meV_per_A_low"] <= row["rmse_force_meV_per_A"]


def test_atomic_energies_absorb_a_constant(frames) -> None:
    model = small_model("split-1")
    items = label_graphs(frames, model)
    fit_atomic_energies(model, items, batch_size=3)
    # the labels are this model's own energies less 40 eV per molecule
    for item in items:
        assert float(model(item.graph)[0]) == pytest.approx(float(item.energies[0]), abs=1e-6)


def test_a_diverging_training_says_so(frames, tmp_path) -> None:
    wild = TRAINING.model_copy(update={"learning_rate": 1e30, "gradient_clip": 1e30})
    with pytest.raises(FloatingPointError, match=r"lower training\.learning_rate"):
        run("mace-1", frames, tmp_path / "checkpoint.pt", training=wild)
