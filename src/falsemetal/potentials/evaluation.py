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
from falsemetal.potentials.training.batches import LabelledGraph, label_graphs


def error_table(
    model: Model, frames: Sequence[Atoms], *, device: torch.device, seed: int, resamples: int = 1000
) -> pd.DataFrame:
    """Root-mean-square errors by config type, with 95 % intervals from a bootstrap over frames.

    Frames have `REF_energy` (eV), `REF_forces` (eV/Å) and `config_type`; the model, on the device,
    has its parameters frozen. Returns one row per config type and one called `all`: `config_type,
    n_frames, rmse_energy_meV_per_atom, rmse_force_meV_per_A`, each error with `_low` and `_high`.
    Of a model with charges also `rmse_charge_me`, where frames have labels of them, and
    `maximum_total_charge_error_e`, how far the sum of its charges is from a frame's total charge at
    most. Of a committee also `committee_std_force_meV_per_A`, the root of its members' mean
    variance.
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
        if prediction.charges is not None:
            row |= _charge_errors(prediction.charges, item)
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


def _charge_errors(charges: torch.Tensor, item: LabelledGraph) -> dict[str, float]:
    """Sum of the squared errors of charges in me², on how many atoms, and the error of the sum."""
    known = ~torch.isnan(item.charges)
    total_e = float(item.graph.total_charge_e)
    return {
        "charge": 1e6 * float(((charges - item.charges)[known] ** 2).sum()),
        "atoms": int(known.sum()),
        "total_charge": abs(float(charges.sum()) - total_e),
    }


def _summary(
    squares: pd.DataFrame, generator: np.random.Generator, resamples: int
) -> dict[str, float]:
    n_frames = len(squares)
    values = {key: squares[key].to_numpy() for key in squares if key != "config_type"}
    charges_known = "atoms" in values and values["atoms"].any()

    def rmse(chosen: IntArray) -> dict[str, FloatArray]:
        drawn = {key: value[chosen] for key, value in values.items()}
        errors = {
            "rmse_energy_meV_per_atom": np.sqrt(drawn["energy"].mean(-1)),
            "rmse_force_meV_per_A": np.sqrt(drawn["force"].sum(-1) / drawn["components"].sum(-1)),
        }
        if charges_known:
            # a draw may hold no frame with labels of charges
            with np.errstate(invalid="ignore"):
                charge = np.sqrt(drawn["charge"].sum(-1) / drawn["atoms"].sum(-1))
            errors["rmse_charge_me"] = charge
        return errors

    found = rmse(np.arange(n_frames))
    drawn = rmse(generator.integers(n_frames, size=(resamples, n_frames)))
    summary: dict[str, float] = {"n_frames": n_frames}
    for key, value in found.items():
        low, high = np.nanquantile(drawn[key], [0.025, 0.975])
        summary |= {key: float(value), f"{key}_low": float(low), f"{key}_high": float(high)}
    if "total_charge" in values:
        summary["maximum_total_charge_error_e"] = float(values["total_charge"].max())
    if "variance" in values:
        mean_variance = values["variance"].sum() / values["components"].sum()
        summary["committee_std_force_meV_per_A"] = float(np.sqrt(mean_variance))
    return summary
