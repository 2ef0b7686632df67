"""Dipoles of slabs that are released from a field, against time."""

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from falsemetal.estimators.relaxation import SMOOTHED_PS
from falsemetal.products import style
from falsemetal.products.registry import ProductSpec
from falsemetal.products.style import Tables


def draw(voltage: Tables, spec: ProductSpec) -> tuple[Figure, pd.DataFrame]:
    """Draw ΔV of each run of the thickest slabs against time, thin, and its running mean.

    Volts are by the charge of electronic structure; the left axis has P_z by the own charge of the
    first potential.
    """
    table = style.stack(voltage, spec, size_column="thickness_A")
    with style.journal_style():
        figure = style.new_figure(style.SINGLE_COLUMN_IN, 2.7)
        axes = figure.subplots()
        axes.axhline(0.0, color="black", linewidth=0.5)
        for name, look in style.looks(spec, table).items():
            label: str | None = look.label
            for _, run in table[table["potential"] == name].groupby("replica"):
                time = run["time_ps"].to_numpy()
                frames = max(1, round(SMOOTHED_PS / np.diff(time).mean())) if len(time) > 1 else 1
                smooth = run["delta_V_V"].rolling(frames, center=True, min_periods=1).mean()
                axes.plot(time, run["delta_V_V"], color=look.color, linewidth=0.3, alpha=0.5)
                axes.plot(time, smooth, color=look.color, label=label)
                label = None
        style.draw_threshold(axes, spec, r"metallic: $|\Delta V| > E_{\mathrm{g}}/e$", mirror=True)
        axes.set_xlim(0.0, table["time_ps"].max() if len(table) else 1.0)
        axes.set_xlabel("Time after release (ps)")
        style.name_both_charges(axes, spec, dipole="$P_z$", voltage=r"$\Delta V$")
        style.draw_legend_above(figure, *axes.get_legend_handles_labels(), columns=4)
        style.note_missing(figure, voltage, spec)
    return figure, table
