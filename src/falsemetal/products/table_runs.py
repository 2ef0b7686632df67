"""Cells, lengths and temperatures of the MD runs, as in the paper's Tables S6 and S7."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from falsemetal.campaigns.kind import CampaignKind
from falsemetal.products.registry import ProductSpec
from falsemetal.products.style import Tables


def tabulate(summaries: Mapping[str, Tables], spec: ProductSpec) -> pd.DataFrame:
    """List the MD runs that were analysed: a row per potential, campaign and size.

    Summaries are by campaign: one-row tables by potential and size in Å, with the counts,
    temperatures and failures of all runs. `n_runs` counts those analysed, `n_runs_failed` those
    that failed, with the reasons in `failures`. `temperature_K_uncertainty` is half of the 95 %
    interval of the measured mean. Of runs that are files of the user's, cell, timestep and
    temperatures are not known here, and `time_ps` is their mean length.
    """
    rows = []
    for name, shown in spec.potentials.items():
        for campaign, tables in summaries.items():
            for size, time_ps in shown.durations_ps.get(campaign, {}).items():
                if (name, size) not in tables:
                    continue
                row = {"model": shown.label, "campaign": campaign, "size_A": size}
                kind, summary = spec.campaigns[campaign], tables[name, size].iloc[0]
                rows.append(
                    row | _describe_recorded(summary, kind, spec)
                    if time_ps is None
                    else row
                    | _describe_cell(kind, size)
                    | _describe_runs(summary, time_ps, kind, spec)
                )
    return pd.DataFrame(rows)


def _describe_cell(campaign: CampaignKind, size_A: float) -> dict[str, Any]:
    return {
        "cell_A": " × ".join(f"{length:g}" for length in campaign.cell_lengths(size_A)),
        "n_molecules": campaign.n_molecules(size_A),
        "n_atoms": campaign.n_atoms(size_A),
    }


def _describe_runs(
    summary: pd.Series, time_ps: float, campaign: CampaignKind, spec: ProductSpec
) -> dict[str, Any]:
    return {
        "n_runs": int(summary["n_replicas"]),
        "n_runs_failed": int(summary["n_failed"]),
        "time_ps": time_ps,
        "discarded_ps": spec.settings["dynamics.discard_ps"] if campaign.discards else 0.0,
        "sampled_ps": summary["sampled_ps"],
        "timestep_fs": spec.settings["dynamics.timestep_fs"],
        "temperature_set_K": spec.settings["dynamics.temperature_K"],
        "temperature_K": summary["temperature_K"],
        "temperature_K_uncertainty": 0.5
        * (summary["temperature_K_high"] - summary["temperature_K_low"]),
        "failures": summary["failures"],
    }


def _describe_recorded(
    summary: pd.Series, campaign: CampaignKind, spec: ProductSpec
) -> dict[str, Any]:
    described = _describe_runs(summary, np.nan, campaign, spec)
    n_runs = described["n_runs"] or np.nan
    return {
        **{"cell_A": None, "n_molecules": int(summary["n_molecules"]), "n_atoms": None},
        **described,
        "time_ps": described["sampled_ps"] / n_runs + described["discarded_ps"],
        "timestep_fs": np.nan,
        "temperature_set_K": np.nan,
    }
