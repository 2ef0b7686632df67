"""Charge states of structures by a model, beside their labels."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from ase import Atoms

from falsemetal.arrays import FloatArray
from falsemetal.potentials.loading import load_potential
from falsemetal.potentials.mace.model import predict_all
from falsemetal.potentials.store import torch_device
from falsemetal.potentials.training.batches import label_graphs
from falsemetal.potentials.training.spec import EvaluateSpec
from falsemetal.systems.labels import BESIDE, CHARGES, ENERGY, FORCES, GEOMETRY, total_charge

COLUMNS = (
    *("config_type", "geometry", "total_charge_e", "n_atoms"),
    *("energy_eV", "model_energy_eV", "force_rmse_meV_per_A"),
    *("charge_beside_e", "model_charge_beside_e", "model_fermi_eV"),
)


def charge_states(
    folder: Path, frames: Sequence[Atoms], spec: EvaluateSpec, *, threads: int
) -> pd.DataFrame:
    """Tabulate energies and charges by a model in its folder and by the labels, frame by frame.

    Columns are `config_type`, `geometry`, `total_charge_e`, `n_atoms`; `energy_eV` of the labels
    and `model_energy_eV`; `force_rmse_meV_per_A` over the components of a frame; the mean charge of
    the atoms that were neighbours of what was removed, `charge_beside_e` of the labels and
    `model_charge_beside_e`, NaN where nothing was removed; and `model_fermi_eV`, −dE/dQ.
    """
    torch.set_num_threads(threads)
    device = torch_device(spec.device)
    model = load_potential(folder, dtype=getattr(torch, spec.dtype), device=device)
    rows: list[dict[str, Any]] = []
    for atoms, item in zip(frames, label_graphs(frames, model), strict=True):
        prediction, forces = predict_all(model, item.to(device).graph)
        charges, fermi = prediction.charges, prediction.fermi_levels_eV
        errors = forces.cpu().numpy() - atoms.arrays[FORCES]
        rows.append(
            {
                "config_type": atoms.info["config_type"],
                "geometry": atoms.info[GEOMETRY],
                "total_charge_e": total_charge(atoms),
                "n_atoms": len(atoms),
                "energy_eV": atoms.info[ENERGY],
                "model_energy_eV": float(prediction.energies[0]),
                "force_rmse_meV_per_A": 1000.0 * float(np.sqrt((errors**2).mean())),
                "charge_beside_e": _mean_beside(atoms, atoms.arrays.get(CHARGES)),
                "model_charge_beside_e": _mean_beside(
                    atoms, None if charges is None else charges.cpu().numpy()
                ),
                "model_fermi_eV": np.nan if fermi is None else float(fermi[0]),
            }
        )
    return pd.DataFrame(rows, columns=list(COLUMNS))


def _mean_beside(atoms: Atoms, charges: FloatArray | None) -> float:
    """Mean charge of the neighbours of what was removed in e, or NaN."""
    if charges is None or BESIDE not in atoms.info:
        return float("nan")
    return float(np.mean(charges[np.atleast_1d(atoms.info[BESIDE])]))
