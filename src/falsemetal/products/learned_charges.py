"""Charges that long-ranged models have learned, and their polarization (paper, eqs. S4 and S5)."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from falsemetal.products import style
from falsemetal.products.registry import ProductSpec


def tabulate(charges: Mapping[str, pd.DataFrame], spec: ProductSpec) -> pd.DataFrame:
    """Tabulate mean charges by element, and how the polarization compares with eq. 1.

    `charge_O_e` and `charge_std_O_e` are means over frames of the mean and the standard deviation
    over atoms; `dipole_slope` is that of a line through the origin, of the model's dipoles against
    those by the charge of its labels, `dipole_rmse_e_A` their scatter about it.
    """
    rows = []
    for name, table in charges.items():
        row: dict[str, Any] = {
            "model": spec.potentials[name].label,
            "charge_of_labels_e": spec.charges(name).own_e,
            "n_frames": len(table),
        }
        row |= {c: table[c].mean() for c in table if c.startswith("charge_")}
        model, fixed = dipoles(table)
        if len(table):
            row["dipole_slope"] = (model * fixed).sum() / (fixed**2).sum()
            row["dipole_rmse_e_A"] = np.sqrt(np.mean((model - row["dipole_slope"] * fixed) ** 2))
        rows.append(row)
    return pd.DataFrame(rows)


def dipoles(table: pd.DataFrame) -> tuple[np.ndarray, np.ndarray]:
    """All components of dipoles by a model and by eq. 1, in e·Å."""
    model, fixed = (
        table.reindex(columns=[f"{name}_{axis}_e_A" for axis in "xyz"]).to_numpy().ravel()
        for name in ("dipole", "dipole_eq1")
    )
    return model, fixed


def draw(charges: Mapping[str, pd.DataFrame], spec: ProductSpec) -> tuple[Figure, pd.DataFrame]:
    """Draw the model's polarization against the dipole by eq. 1, held-out frame by frame."""
    with style.journal_style():
        figure = style.new_figure(style.SINGLE_COLUMN_IN, 3.0)
        axes = figure.subplots()
        axes.axline((0.0, 0.0), slope=1.0, color=style.CONTINUUM_COLOR, linewidth=0.7, zorder=1)
        parts = []
        for name, table in charges.items():
            shown, (model, fixed) = spec.potentials[name], dipoles(table)
            parts.append(table.assign(potential=name))
            axes.plot(
                fixed,
                model,
                linestyle="none",
                marker=shown.marker,
                markersize=2.5,
                color=shown.color,
                alpha=0.6,
                label=shown.label,
            )
        axes.set_xlabel("Dipole by eq. 1 (e Å)")
        axes.set_ylabel("Polarization by the model, eq. S5 (e Å)")
        axes.set_aspect("equal", adjustable="datalim")
        style.draw_legend_above(figure, *axes.get_legend_handles_labels(), columns=4)
    return figure, pd.concat(parts, ignore_index=True) if parts else pd.DataFrame()
