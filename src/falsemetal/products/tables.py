"""Tables in the shape of the paper's S5 (errors of the models), S6 and S7 (the MD runs)."""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from falsemetal.config import Campaign, CampaignName, Config
from falsemetal.products.style import Tables

ARCHITECTURE = ["kind", "r_cut_A", "l_max", "channels", "layers", "dataset"]


def read_tables(paths: Iterable[str | Path]) -> dict[str, Tables]:
    """Read tables of one campaign, `.../<potential>/<campaign>/<size>A/<name>.csv`, by name."""
    tables: dict[str, dict[tuple[str, float], pd.DataFrame]] = {}
    for path in map(Path, paths):
        potential, size = path.parts[-4], float(path.parts[-2].removesuffix("A"))
        tables.setdefault(path.stem, {})[potential, size] = pd.read_csv(path)
    return tables


def read_job_tables(paths: Iterable[str | Path]) -> dict[str, Any]:
    """Read tables of jobs, `.../<frames>/<frame>/<job>/<name>.csv`, by name.

    Returns
    -------
    dict
        `jobs`: all summaries as one table; of any other name the tables by set of frames, number
        of the frame and name of the job.
    """
    summaries, tables = [], {}
    for path in map(Path, paths):
        frames, frame, job = path.parts[-4], int(path.parts[-3]), path.parts[-2]
        table = pd.read_csv(path)
        if path.stem == "summary":
            summaries.append(table.assign(frames=frames, frame=frame, job=job))
        else:
            tables.setdefault(path.stem, {})[frames, frame, job] = table
    return {"jobs": pd.concat(summaries, ignore_index=True), **tables}


def table_errors(errors: Mapping[str, pd.DataFrame], config: Config) -> pd.DataFrame:
    """Collect the test errors of all models (paper, Table S5).

    Parameters
    ----------
    errors
        By potential: columns `config_type`, `n_frames`, `rmse_energy_meV_per_atom` and
        `rmse_force_meV_per_A`, one row for each kind of frame and one named `all`.
    config
        Gives order and architecture of the potentials.

    Returns
    -------
    DataFrame
        A row per model and `config_type`, `all` first.
    """
    parts = []
    for name, potential in config.potentials.items():
        if name not in errors:
            continue
        rows = errors[name].sort_values(
            "config_type", key=lambda kinds: kinds.where(kinds != "all", ""), kind="stable"
        )
        described = {"model": potential.label or name}
        described |= {key: getattr(potential, key, None) for key in ARCHITECTURE}
        table = rows.assign(**described)
        parts.append(table[[*described, *rows.columns]])
    return pd.concat(parts, ignore_index=True) if parts else pd.DataFrame()


def table_runs(summaries: Mapping[CampaignName, Tables], config: Config) -> pd.DataFrame:
    """List the MD runs that were analysed (paper, Tables S6 and S7).

    Parameters
    ----------
    summaries
        By campaign: one-row tables by potential and size in Å, with the counts, temperatures and
        failures of all runs.
    config
        Gives cells, durations and settings.

    Returns
    -------
    DataFrame
        A row per potential, campaign and size. `n_runs` counts those analysed, `n_runs_failed`
        those that broke down, with the reasons in `failures`. `temperature_K_uncertainty` is half
        of the 95 % interval of the measured mean.
    """
    rows = []
    for name, potential in config.potentials.items():
        for campaign, tables in summaries.items():
            for size, time_ps in config.durations_ps(name, campaign).items():
                if (name, size) not in tables:
                    continue
                row = {"model": potential.label or name, "campaign": campaign, "size_A": size}
                row |= _describe_cell(config.campaigns[campaign], size)
                rows.append(row | _describe_runs(tables[name, size].iloc[0], time_ps, config))
    return pd.DataFrame(rows)


JOB_COLUMNS = [
    "folder",
    "engine",
    "functional",
    "field_V_per_A",
    "delta_V_V",
    "delta_V_dft_V",
    "gap_eV",
    "edge_gap_eV",
    "edge_flag",
    "status",
    "reason",
]


def table_jobs(jobs: pd.DataFrame) -> pd.DataFrame:
    """List electronic-structure jobs, those first that wait or failed.

    Parameters
    ----------
    jobs
        Rows of :func:`falsemetal.electronic.summary.summarise_job`.
    """
    return jobs.sort_values("status", key=lambda status: status == "done", kind="stable")[
        JOB_COLUMNS
    ].reset_index(drop=True)


def _describe_cell(campaign: Campaign, size_A: float) -> dict[str, Any]:
    n_molecules = campaign.n_molecules(size_A)
    return {
        "cell_A": " × ".join(f"{length:g}" for length in campaign.cell_lengths(size_A)),
        "n_molecules": n_molecules,
        "n_atoms": 3 * n_molecules,
    }


def _describe_runs(summary: pd.Series, time_ps: float, config: Config) -> dict[str, Any]:
    return {
        "n_runs": int(summary["n_replicas"]),
        "n_runs_failed": int(summary["n_failed"]),
        "time_ps": time_ps,
        "discarded_ps": config.dynamics.discard_ps,
        "sampled_ps": summary["sampled_ps"],
        "timestep_fs": config.dynamics.timestep_fs,
        "temperature_set_K": config.dynamics.temperature_K,
        "temperature_K": summary["temperature_K"],
        "temperature_K_uncertainty": 0.5
        * (summary["temperature_K_high"] - summary["temperature_K_low"]),
        "failures": summary["failures"],
    }


def to_markdown(table: pd.DataFrame) -> str:
    """Render a table as Markdown; numbers to four significant digits, unknown ones as a dash."""
    lines = [list(table.columns), ["---"] * len(table.columns)]
    lines += [[_render(value) for value in row] for row in table.itertuples(index=False)]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines) + "\n"


def save_table(table: pd.DataFrame, stem: Path) -> list[Path]:
    """Write `<stem>.csv` and `<stem>.md`."""
    csv, markdown = stem.with_name(stem.name + ".csv"), stem.with_name(stem.name + ".md")
    stem.parent.mkdir(parents=True, exist_ok=True)
    table.to_csv(csv, index=False, float_format="%.8g")
    markdown.write_text(to_markdown(table))
    return [csv, markdown]


def _render(value: object) -> str:
    if pd.isna(value):
        return "–"
    return f"{value:.4g}" if isinstance(value, float) else str(value)
