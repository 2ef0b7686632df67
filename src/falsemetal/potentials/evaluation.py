"""Errors of a model on held-out frames (paper, Table S5)."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
import torch
from ase import Atoms

from falsemetal.arrays import FloatArray, IntArray
from falsemetal.potentials.allocator import keep_freed_memory
from falsemetal.potentials.mace.model import predict_all
from falsemetal.potentials.model import Model
from falsemetal.potentials.training.batches import label_graphs, squared_error


def error_table(
    model: Model, frames: Sequence[Atoms], *, device: torch.device, seed: int, resamples: int = 1000
) -> pd.DataFrame:
    """Root-mean-square errors by config type, with 95 % intervals from a bootstrap over frames.

    Frames have `REF_energy` (eV), `REF_forces` (eV/Å) and `config_type`; the model, on the device,
    has its parameters frozen. Returns one row per config type and one called `all`: `config_type,
    n_frames, rmse_energy_meV_per_atom, rmse_force_meV_per_A`, each error with `_low` and `_high`.
    Of a model with charges also `rmse_charge_me`, over frames that have labels of them. Of a
    committee also `committee_std_force_meV_per_A`, the root of its members' mean variance.
    """
    keep_freed_memory()
    rows = []
    for atoms, item in zip(frames, label_graphs(frames, model), strict=True):
        item = item.to(device)  # noqa: PLW2901
        prediction, forces = predict_all(model, item.graph)
        known = ~torch.isnan(item.forces)
        energy_error = float((prediction.energies - item.energies)[0]) / len(atoms)
        row = {
            "config_type": atoms.info["config_type"],
            "energy": (1000.0 * energy_error) ** 2,
            "force": 1e6 * float(((forces - item.forces)[known] ** 2).sum()),
            "components": int(known.sum()),
        }
        charge = squared_error(prediction.charges, item.charges)
        if charge is not None:
            row["charge"] = 1e6 * float(charge)
        deviation = model.force_deviation_eV_per_A(item.graph)
        if deviation is not None:
            row["variance"] = 1e6 * float((deviation[known] ** 2).sum())
        rows.append(row)
    squares = pd.DataFrame(rows)
    groups = [*squares.groupby("config_type"), ("all", squares)]
    generator = np.random.default_rng(seed)
    return pd.DataFrame(
        [{"config_type": name} | _summary(group, generator, resamples) for name, group in groups]
    )


def _summary(
    squares: pd.DataFrame, generator: np.random.Generator, resamples: int
) -> dict[str, float]:
    n_frames = len(squares)
    energy, force, components = (
        squares[key].to_numpy() for key in ("energy", "force", "components")
    )

    def rmse(chosen: IntArray) -> tuple[FloatArray, FloatArray]:
        return (
            np.sqrt(energy[chosen].mean(-1)),
            np.sqrt(force[chosen].sum(-1) / components[chosen].sum(-1)),
        )

    drawn = rmse(generator.integers(n_frames, size=(resamples, n_frames)))
    summary: dict[str, float] = {"n_frames": n_frames}
    keys = ("rmse_energy_meV_per_atom", "rmse_force_meV_per_A")
    for key, value, sample in zip(keys, rmse(np.arange(n_frames)), drawn, strict=True):
        low, high = np.quantile(sample, [0.025, 0.975])
        summary |= {key: float(value), f"{key}_low": float(low), f"{key}_high": float(high)}
    if "charge" in squares:
        summary["rmse_charge_me"] = float(np.sqrt(squares["charge"].mean()))
    if "variance" in squares:
        mean_variance = squares["variance"].sum() / components.sum()
        summary["committee_std_force_meV_per_A"] = float(np.sqrt(mean_variance))
    return summary
