"""Charge states of structures by models and by their labels: energies, charges, Fermi levels."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from falsemetal.products.registry import ProductSpec

SOURCES = {"labels": "", "model": "model_"}
"""Prefixes of the columns that models and labels share."""


def tabulate(charge_states: Mapping[str, pd.DataFrame], spec: ProductSpec) -> pd.DataFrame:
    """Tabulate held-out frames by model, structure and total charge.

    Tables, by potential, are those of :func:`falsemetal.potentials.charge_states.charge_states`.
    Returns, of each state: test errors of energies per atom and forces; the energy above the state
    of least charge at the same geometry, mean over geometries, by labels and by the model, and the
    root of the mean square of their difference; the mean charge of atoms beside what was removed;
    and the Fermi level, −dE/dQ of the model, of the labels by central differences between the
    neighbouring states where there are two, NaN elsewhere.
    """
    rows = [
        {"model": spec.potentials[name].label, "dataset": spec.potentials[name].dataset} | row
        for name, table in charge_states.items()
        for structure, frames in table.groupby("config_type")
        for row in _states(str(structure), frames)
    ]
    return pd.DataFrame(rows)


def _states(structure: str, frames: pd.DataFrame) -> list[dict[str, Any]]:
    states = sorted(frames["total_charge_e"].unique())
    by_source = {
        source: frames.pivot_table(
            index="geometry", columns="total_charge_e", values=f"{prefix}energy_eV"
        )
        for source, prefix in SOURCES.items()
    }
    least = min(states, key=abs)
    rows = []
    for place, charge in enumerate(states):
        group = frames[frames["total_charge_e"] == charge]
        errors = (group["model_energy_eV"] - group["energy_eV"]) / group["n_atoms"]
        above = {s: (e[charge] - e[least]).dropna() for s, e in by_source.items()}
        row: dict[str, Any] = {
            "structure": structure,
            "total_charge_e": charge,
            "n_frames": len(group),
            "rmse_energy_meV_per_atom": 1000.0 * _rms(errors),
            "rmse_force_meV_per_A": _rms(group["force_rmse_meV_per_A"]),
        }
        row |= {f"energy_above_{source}_eV": e.mean() for source, e in above.items()}
        row["energy_above_rmse_eV"] = _rms(above["model"] - above["labels"])
        row |= {
            f"charge_beside_{source}_e": group[f"{prefix}charge_beside_e"].mean()
            for source, prefix in SOURCES.items()
        }
        row["fermi_labels_eV"] = np.nan
        if 0 < place < len(states) - 1:
            lower, higher = states[place - 1], states[place + 1]
            labels = by_source["labels"]
            row["fermi_labels_eV"] = -(labels[higher] - labels[lower]).mean() / (higher - lower)
        row["fermi_model_eV"] = group["model_fermi_eV"].mean()
        rows.append(row)
    return rows


def _rms(values: pd.Series) -> float:
    return float(np.sqrt((values**2).mean()))
