"""The training loop: it learns, every parameter takes part, and a kill loses nothing."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from ase import Atoms
from small_models import SETTINGS, small_model, water_layer

from falsemetal.potentials.evaluation import error_table
from falsemetal.potentials.graph import build_graph
from falsemetal.potentials.mace.model import predict
from falsemetal.potentials.store import ModelError, build_model
from falsemetal.potentials.training.batches import (
    dataset_statistics,
    fit_atomic_energies,
    label_graphs,
)
from falsemetal.potentials.training.jobs import train_into
from falsemetal.potentials.training.loop import train
from falsemetal.potentials.training.settings import Training
from falsemetal.potentials.training.spec import TrainSpec
from falsemetal.specs import Origin

TRAINING = Training(epochs=4, batch_size=2, learning_rate=0.01, dtype="float64", device="cpu")
SHORT = TRAINING.model_copy(update={"epochs": 1})


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


def specification(name: str, training: Training, **more) -> TrainSpec:
    return TrainSpec(
        origin=Origin(name="a", sha256="", seed=2),
        potential=SETTINGS[name],
        training=training,
        seed=2,
        label=name,
        **more,
    )


def run(
    name: str,
    frames: list[Atoms],
    checkpoint: Path,
    stop_after: int | None = None,
    training: Training = TRAINING,
    epochs: list[int] | None = None,
):
    def report(epoch: int, _: str) -> None:
        if epochs is not None:
            epochs.append(epoch)
        if epoch == stop_after:
            raise KilledError

    spec = specification(name, training)
    return train(spec, frames[:6], frames[6:], checkpoint=checkpoint, report=report)


@pytest.mark.parametrize("name", list(SETTINGS))
def test_every_parameter_moves_and_the_loss_falls(name: str, frames, tmp_path) -> None:
    """But for the electronegativity of a conductor, as these frames are neutral."""
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
    assert still == (["readouts_of_response.electronegativity_eV"] if name == "metal-2" else [])
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


def test_isolated_atoms_give_the_atomic_energies(frames, tmp_path) -> None:
    """An element without an isolated atom is fitted, so that the energies are still met."""
    alone = Atoms("H", info={"REF_energy": -13.6})
    alone.arrays["REF_forces"] = np.zeros((1, 3))
    spec = specification("mace-1", SHORT)
    plain, with_atom = (
        train(
            spec, atoms + frames[:6], frames[6:], checkpoint=tmp_path / name, report=lambda *_: None
        )[0]
        for name, atoms in (("plain.pt", []), ("with.pt", [alone]))
    )
    assert plain.elements == with_atom.elements == (1, 8)
    hydrogen, oxygen = with_atom.atomic_energies_eV.tolist()
    assert hydrogen == -13.6
    molecule = [
        2.0 * model.atomic_energies_eV[0] + model.atomic_energies_eV[1]
        for model in (plain, with_atom)
    ]
    assert float(molecule[0]) == pytest.approx(float(molecule[1]), abs=1e-6)
    assert oxygen != pytest.approx(float(plain.atomic_energies_eV[1]), abs=1.0)


def test_a_training_set_that_lacks_what_its_runs_hold_is_refused(frames, tmp_path) -> None:
    argon = [frame.copy() for frame in frames]
    for frame in argon:
        frame.numbers[:] = 18
    spec = specification("mace-1", SHORT, runs_hold=("O", "H"))
    with pytest.raises(ModelError, match=r"mace-1: no frame .* holds O, H, .*frames: Ar"):
        train_into(tmp_path, spec, argon[:6], argon[6:], threads=1, stamp={})
    assert not list(tmp_path.iterdir())


CHANGES = {
    "forces": lambda atoms: atoms.set_array("REF_forces", 1.01 * atoms.arrays["REF_forces"]),
    "energy": lambda atoms: atoms.info.update(REF_energy=atoms.info["REF_energy"] + 0.1),
    "positions": lambda atoms: atoms.translate(0.1),
    "cell": lambda atoms: atoms.set_cell(1.01 * atoms.cell),
    "pbc": lambda atoms: atoms.set_pbc([True, True, not atoms.pbc[2]]),
    "held": lambda atoms: atoms.set_array("REF_held", np.arange(len(atoms)) < 1),
    "dipole": lambda atoms: atoms.info.update(REF_dipole=[0.0, 0.0, 0.1]),
    "Fermi level": lambda atoms: atoms.info.update(REF_fermi_eV=-4.0),
    "species": lambda atoms: atoms.set_atomic_numbers(atoms.numbers[::-1]),
}


@pytest.mark.parametrize("change", CHANGES)
@pytest.mark.parametrize("changed", [0, 7], ids=["training", "validation"])
def test_a_training_of_frames_that_changed_starts_anew(change, changed, frames, tmp_path) -> None:
    epochs: list[int] = []
    run("mace-1", frames, tmp_path / "checkpoint.pt", training=SHORT)
    mended = [atoms.copy() for atoms in frames]
    CHANGES[change](mended[changed])
    run("mace-1", mended, tmp_path / "checkpoint.pt", training=SHORT, epochs=epochs)
    assert epochs == [0, 1]


def test_forces_on_held_atoms_are_neither_learned_nor_measured(frames, tmp_path) -> None:
    histories, tables, held = [], [], np.arange(len(frames[0])) < 3
    for label in (0.0, 7.0):
        marked = [atoms.copy() for atoms in frames]
        for atoms in marked:
            atoms.arrays["REF_forces"][held] = label
            atoms.arrays["REF_held"] = held
        model, history = run("mace-1", marked, tmp_path / f"{label}.pt", training=SHORT)
        model.requires_grad_(False)
        tables.append(error_table(model, marked[6:], device=torch.device("cpu"), seed=0))
        histories.append(history)
    pd.testing.assert_frame_equal(*histories)
    pd.testing.assert_frame_equal(*tables)
    whole = run("mace-1", frames, tmp_path / "whole.pt", training=SHORT)[1]
    assert not whole.equals(histories[0])


@pytest.mark.parametrize(
    ("update", "resumes"), [({"device": "auto"}, True), ({"learning_rate": 0.02}, False)]
)
def test_only_settings_that_change_the_weights_start_anew(
    update, resumes, frames, tmp_path
) -> None:
    epochs: list[int] = []
    run("mace-1", frames, tmp_path / "checkpoint.pt", training=SHORT)
    other = SHORT.model_copy(update=update)
    run("mace-1", frames, tmp_path / "checkpoint.pt", training=other, epochs=epochs)
    assert epochs == ([1] if resumes else [0, 1])


def test_a_kind_that_is_not_trained_is_refused() -> None:
    field = {"kind": "force_field", "dataset": "water"}
    with pytest.raises(ValueError, match="force_field is not one that is trained"):
        TrainSpec(
            origin=Origin(name="a", sha256="", seed=2),
            potential=field,
            training=TRAINING,
            seed=2,
            label="a",
        )


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
