"""Response of potential and density to a field along z (paper, Fig. 2b)."""

from collections.abc import Mapping

import pandas as pd
from matplotlib.figure import Figure

from falsemetal.electronic.profiles import slope_within
from falsemetal.products import style
from falsemetal.products.band_diagram import JobKey
from falsemetal.products.jobs import done, note_jobs
from falsemetal.products.registry import ProductSpec

COLUMNS = ["frames", "frame", "job", "share_within", "z_A", "delta_phi_eV", "delta_rho_per_A3"]


def field_within(response: pd.DataFrame) -> float:
    """Slope of Δφ in the middle half of a slab, in V/Å: the field that its electrons leave.

    Δφ is that of :func:`falsemetal.electronic.summary.tabulate_response`.
    """
    low, high = response["slab_low_A"].iloc[0], response["slab_high_A"].iloc[0]
    quarter = 0.25 * (high - low)
    return slope_within(
        response["z_A"].to_numpy(),
        response["delta_phi_eV"].to_numpy(),
        between_A=(low + quarter, high - quarter),
    )


def draw(
    jobs: pd.DataFrame, response: Mapping[JobKey, pd.DataFrame], spec: ProductSpec
) -> tuple[Figure, pd.DataFrame]:
    """Draw Δφ(z) above and Δρ(z) below, a column per frame.

    Responses are tables of :func:`falsemetal.electronic.summary.tabulate_response` of the jobs in a
    field.
    """
    # those without a field that are the reference of one with it write cubes, too
    needed = jobs[jobs["cubes"]]
    at_rest = needed[needed["field_V_per_A"] == 0.0].set_index(["frames", "frame", "functional"])
    found = [
        (job, response.get((job.frames, job.frame, job.job), ()))
        for job in done(needed[needed["field_V_per_A"] > 0.0]).itertuples()
    ]
    shown = [(job, table) for job, table in found if len(table)]
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
            share = field_within(table) / job.field_V_per_A
            gap = at_rest.loc[job.frames, job.frame, job.functional]["gap_eV"]
            upper.set_title(
                # zero has no sign
                rf"$P_z$ = {round(job.P_z_e_per_A, 4) + 0.0:+.4f} e/Å, "
                rf"$E_\mathrm{{g}}$ = {gap:.1f} eV"
                f"\n{100 * share:.0f} % of the field within",
                fontsize=7,
            )
            lower.set_xlabel("$z$ (Å)")
            described = {"frames": job.frames, "frame": job.frame, "job": job.job}
            described["share_within"] = share
            parts.append(table.assign(**described)[COLUMNS])
        axes[0, 0].set_ylabel(r"$\Delta\phi$ of an electron (eV)")
        axes[1, 0].set_ylabel(r"$\Delta\rho$ (1/Å$^3$)")
        unread = [
            f"no response of {job.frames}/{job.frame}/{job.job} could be read"
            for job, table in found
            if not len(table)
        ]
        note_jobs(figure, needed, spec, *unread)
    return figure, pd.concat(parts) if parts else pd.DataFrame(columns=COLUMNS)
