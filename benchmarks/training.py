"""Frames per second of training: this project's loop against `mace_run_train`.

    python benchmarks/training.py

The model `small` of `md_engine.py` on the same boxes of 64 water molecules labelled by the force
field: float32, batches of 5, energies and forces, moving average, validation after every epoch.
Each is run with few and with many epochs; the difference leaves out the start.
"""

import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
from ase.io import write
from common import ORIGIN, THREADS, keep
from md_engine import SMALL

from falsemetal.datasets.sampling import sample_labelled_frames
from falsemetal.datasets.settings import SampleSpec, SamplingRun
from falsemetal.potentials.force_field.settings import WaterForceField

N_TRAIN, N_VALIDATION, BATCH = 100, 20, 5
EPOCHS = (1, 4)
REPEATS = 3

OURS = """
from pathlib import Path
import torch
from ase.io import read
from falsemetal.potentials.training.loop import train
from falsemetal.potentials.training.spec import TrainSpec
torch.set_num_threads({threads})
train(
    TrainSpec.model_validate({spec}),
    read("train.extxyz", ":"),
    read("validation.extxyz", ":"),
    checkpoint=Path("checkpoint.pt"),
    report=lambda *_: None,
)
"""


def write_dataset(folder: Path) -> None:
    """Label boxes of water with the force field."""
    run = SamplingRun(
        kind="bulk",
        n_molecules=64,
        n_frames=N_TRAIN + N_VALIDATION,
        interval_ps=0.02,
        equilibration_ps=2.0,
    )
    shared = {"origin": ORIGIN, "name": "bulk", "seed": 1, "label": "bulk"}
    spec = SampleSpec(run=run, force_field=WaterForceField(), **shared)
    frames = sample_labelled_frames(spec)
    write(folder / "train.extxyz", frames[:N_TRAIN])
    write(folder / "validation.extxyz", frames[N_TRAIN:])


def ours(epochs: int) -> list[str]:
    """Command that trains with this project."""
    spec = {"origin": ORIGIN.model_dump(), "seed": 1, "label": "benchmark"}
    spec["potential"] = SMALL | {"kind": "mace", "dataset": "water"}
    spec["training"] = {"epochs": epochs, "batch_size": BATCH}
    return [sys.executable, "-c", OURS.format(threads=THREADS, spec=spec)]


def theirs(epochs: int) -> list[str]:
    """Command that trains the same model with mace-torch."""
    options: dict[str, Any] = {
        "name": "benchmark",
        "train_file": "train.extxyz",
        "valid_file": "validation.extxyz",
        "energy_key": "REF_energy",
        "forces_key": "REF_forces",
        "E0s": "average",
        "model": "ScaleShiftMACE",
        "r_max": SMALL["r_cut_A"],
        "num_interactions": SMALL["layers"],
        "num_channels": SMALL["channels"],
        "max_L": SMALL["l_max"],
        "max_ell": SMALL["max_ell"],
        "correlation": SMALL["correlation"],
        "radial_MLP": str(SMALL["radial_mlp"]),
        "interaction_first": "RealAgnosticResidualInteractionBlock",
        "batch_size": BATCH,
        "valid_batch_size": BATCH,
        "max_num_epochs": epochs,
        "default_dtype": "float32",
        "device": "cpu",
        "seed": 1,
    }
    flags = [f"--{key}={value}" for key, value in options.items()]
    # its own loop, without the tables and pictures that it makes at the end of a training
    return [str(Path(sys.executable).parent / "mace_run_train"), *flags, "--ema"]


def frames_per_second(command: Any) -> float:
    """Training frames per second, from two lengths."""
    spent = []
    for epochs in EPOCHS:
        with tempfile.TemporaryDirectory() as folder:
            for name in ("train.extxyz", "validation.extxyz"):
                (Path(folder) / name).symlink_to(DATA / name)
            began = time.perf_counter()
            subprocess.run(
                command(epochs),
                cwd=folder,
                check=True,
                capture_output=True,
                env={"OMP_NUM_THREADS": str(THREADS), "PATH": "/usr/bin:/bin"},
            )
            spent.append(time.perf_counter() - began)
    return N_TRAIN * (EPOCHS[1] - EPOCHS[0]) / (spent[1] - spent[0])


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as folder:
        DATA = Path(folder)
        write_dataset(DATA)
        speeds: dict[str, list[float]] = {"falsemetal": [], "mace_run_train": []}
        for _ in range(REPEATS):
            for name, command in (("falsemetal", ours), ("mace_run_train", theirs)):
                speeds[name].append(frames_per_second(command))
                print(name, round(speeds[name][-1], 1), "frames/s", flush=True)
        medians = {name: float(np.median(values)) for name, values in speeds.items()}
        row = {f"{name} (frames/s)": round(value, 1) for name, value in medians.items()}
        gain = round(medians["falsemetal"] / medians["mace_run_train"], 2)
        keep([row | {"gain": gain}], "training")
