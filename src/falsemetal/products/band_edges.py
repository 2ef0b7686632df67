"""How the gap moves with the settings of the search for band edges (of S1.0.5, not recovered)."""

from collections.abc import Mapping

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from falsemetal.electronic.bands import find_band_edges
from falsemetal.electronic.settings import BandSearch
from falsemetal.products import style
from falsemetal.products.band_diagram import JobKey, as_map
from falsemetal.products.jobs import done, note_jobs, slabs_without_field
from falsemetal.products.registry import ProductSpec

VALUES: Mapping[str, np.ndarray] = {
    "threshold_per_eV": np.geomspace(0.05, 20.0, 40),
    "overlap_eV": np.linspace(0.0, 1.5, 31),
    "separation_eV": np.linspace(0.05, 1.5, 30),
}
"""Tried for each setting, the others as configured."""

LABELS = {
    "threshold_per_eV": "threshold (states/eV)",
    "overlap_eV": "start beyond $E_F$ (eV)",
    "separation_eV": "separation (eV)",
}

COLUMNS = ["frames", "frame", "job", "delta_V_V", "gap_eV", "setting", "value", "edge_gap_eV"]


def tabulate(
    jobs: pd.DataFrame, density: Mapping[JobKey, pd.DataFrame], search: BandSearch
) -> pd.DataFrame:
    """Gap of each slab without a field by each value of each setting, varied one at a time.

    Jobs are as of :func:`falsemetal.products.jobs.slabs_without_field`, with their densities of
    states; the gap is that of the liquid, in the layers that are searched.
    """
    rows = []
    for job in done(slabs_without_field(jobs)).itertuples():
        layers = density[job.frames, job.frame, job.job]
        searched = layers[layers["searched"]]
        if searched.empty:
            continue
        _, energies, values = as_map(searched)
        described = {key: getattr(job, key) for key in COLUMNS[:5]}
        for setting, tried in VALUES.items():
            for value in tried:
                edges = find_band_edges(
                    energies,
                    values.sum(axis=0),
                    dipole_e_per_A=job.P_z_e_per_A,
                    **(search.thresholds | {setting: value}),
                )
                rows.append(
                    described | {"setting": setting, "value": value, "edge_gap_eV": edges.gap_eV}
                )
    return pd.DataFrame(rows, columns=COLUMNS)


def draw(
    jobs: pd.DataFrame, density: Mapping[JobKey, pd.DataFrame], spec: ProductSpec
) -> tuple[Figure, pd.DataFrame]:
    """Draw a line per frame, coloured by its ΔV; the configured value is dotted.

    At the right end of each panel a tick marks the gap between levels.
    """
    search = BandSearch.model_validate(spec.settings["electronic.band_search"])
    table = tabulate(jobs, density, search)
    with style.journal_style():
        figure = style.new_figure(style.DOUBLE_COLUMN_IN, 2.5)
        panels = figure.subplots(1, len(VALUES), sharey=True)
        largest = max(1e-9, table["delta_V_V"].abs().max()) if len(table) else 1.0
        for axes, (setting, tried) in zip(panels, VALUES.items(), strict=True):
            of_setting = table[table["setting"] == setting]
            for _, rows in of_setting.groupby(["frames", "frame", "job"]):
                color = style.SEQUENTIAL(0.15 + 0.8 * abs(rows["delta_V_V"].iloc[0]) / largest)
                axes.plot(rows["value"], rows["edge_gap_eV"], color=color, linewidth=0.9)
                axes.plot(tried[-1], rows["gap_eV"].iloc[0], "_", color=color, markersize=9)
            axes.axvline(getattr(search, setting), color=style.CONTINUUM_COLOR, linestyle=":")
            axes.set_xlabel(LABELS[setting])
        panels[0].set_xscale("log")
        panels[0].set_ylabel(r"$E_{\mathrm{g}}$ (eV)")
        note_jobs(figure, slabs_without_field(jobs), spec)
    return figure, table
