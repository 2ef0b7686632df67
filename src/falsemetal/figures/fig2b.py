"""Response of potential and density to a field along z (paper, Fig. 2b)."""

from collections.abc import Mapping

import pandas as pd
from matplotlib.figure import Figure

from falsemetal.config import Config
from falsemetal.figures import style
from falsemetal.figures.band_diagram import JobKey

COLUMNS = ["frames", "frame", "job", "z_A", "delta_phi_eV", "delta_rho_per_A3"]


def draw(
    jobs: pd.DataFrame, response: Mapping[JobKey, pd.DataFrame], config: Config
) -> tuple[Figure, pd.DataFrame]:
    """Draw Δφ(z) above and Δρ(z) below, a column per frame.

    Parameters
    ----------
    jobs
        Rows of :func:`falsemetal.electronic.summary.summarise_job`, with `frames`, `frame`, `job`.
    response
        Tables of :func:`falsemetal.electronic.summary.tabulate_response` of the jobs in a field.
    config
        Unused: all figures are drawn by the same call.
    """
    in_field = jobs[jobs["field_V_per_A"] > 0.0]
    shown = [
        (job, response[job.frames, job.frame, job.job])
        for job in in_field.itertuples()
        if len(response.get((job.frames, job.frame, job.job), ()))
    ]
    parts = []
    with style.journal_style():
        n_columns = max(1, len(shown))
        figure = style.new_figure(min(style.DOUBLE_COLUMN_IN, 2.4 * n_columns + 0.6), 3.4)
        axes = figure.subplots(2, n_columns, sharex="col", sharey="row", squeeze=False)
        for column, (job, table) in enumerate(shown):
            upper, lower = axes[:, column]
            upper.plot(table["z_A"], table["delta_phi_eV"], color=style.PALETTE[2])
            lower.plot(table["z_A"], table["delta_rho_per_A3"], color=style.PALETTE[1])
            lower.axhline(0.0, color=style.CONTINUUM_COLOR, linewidth=0.6)
            for panel in (upper, lower):
                panel.axvspan(
                    table["slab_low_A"].iloc[0],
                    table["slab_high_A"].iloc[0],
                    color=style.PALETTE[6],
                    alpha=0.15,
                    linewidth=0,
                )
            upper.set_title(
                rf"$P_z$ = {job.P_z_e_per_A:+.4f} e/Å, $E_\mathrm{{g}}$ = {job.gap_eV:.1f} eV",
                fontsize=7,
            )
            lower.set_xlabel("$z$ (Å)")
            described = {"frames": job.frames, "frame": job.frame, "job": job.job}
            parts.append(table.assign(**described)[COLUMNS])
        axes[0, 0].set_ylabel(r"$\Delta\phi$ of an electron (eV)")
        axes[1, 0].set_ylabel(r"$\Delta\rho$ (1/Å$^3$)")
        style.note_jobs(figure, in_field)
    return figure, pd.concat(parts) if parts else pd.DataFrame(columns=COLUMNS)
