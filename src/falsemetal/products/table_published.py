"""Errors of models on held-out frames, over seeds, beside those that others have published."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from falsemetal.products.published import PublishedErrors
from falsemetal.products.registry import ProductSpec

ERRORS = {
    "energy": "rmse_energy_meV_per_atom",
    "force": "rmse_force_meV_per_A",
    "charge": "rmse_charge_me",
}
TOTAL_CHARGE = "maximum_total_charge_error_e"
OWN = "this configuration"
COLUMNS = [
    *("dataset", "model", "seed", "n_frames"),
    *(f"{error}{end}" for error in ERRORS.values() for end in ("", "_low", "_high", "_std")),
    *(TOTAL_CHARGE, "source"),
]


def tabulate(errors: Mapping[str, pd.DataFrame], spec: ProductSpec) -> pd.DataFrame:
    """Tabulate the errors on all test frames by dataset, model and seed, then the published ones.

    Errors, by potential, are those of `error_table`. Models that differ in their seed alone are
    followed by their mean, with the standard deviation over seeds (`_std`), and the largest error
    of the total charge. Intervals (`_low`, `_high`) are of one seed, over frames.
    """
    rows: list[dict[str, Any]] = []
    for dataset, published in spec.published.items():
        for members in _alike(errors, spec, dataset):
            model = spec.potentials[members[0]].label
            of_seeds = [_row(errors[name], name, spec) | {"model": model} for name in members]
            rows += of_seeds
            if len(of_seeds) > 1:
                rows.append(_mean(of_seeds))
        rows += [_published(row, dataset) for row in published]
    return pd.DataFrame(rows, columns=COLUMNS)


def _alike(errors: Mapping[str, pd.DataFrame], spec: ProductSpec, dataset: str) -> list[list[str]]:
    """Models of a dataset that differ in their seed alone, in the configuration's order."""
    groups: dict[str, list[str]] = {}
    for name, shown in spec.potentials.items():
        if shown.dataset == dataset and name in errors:
            settings = {key: v for key, v in shown.architecture.items() if key != "seed"}
            groups.setdefault(json.dumps(settings, sort_keys=True), []).append(name)
    return list(groups.values())


def _row(errors: pd.DataFrame, name: str, spec: ProductSpec) -> dict[str, Any]:
    shown = spec.potentials[name]
    seed = shown.architecture.get("seed")
    found = errors.set_index("config_type").loc["all"].to_dict()
    described = {
        "dataset": shown.dataset,
        "seed": str(spec.origin.seed if seed is None else seed),
        "source": OWN,
    }
    return described | {key: value for key, value in found.items() if key in COLUMNS}


def _mean(rows: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    table = pd.DataFrame(rows)
    mean = dict(rows[0]) | {"seed": f"mean of {len(rows)}"}
    for error in ERRORS.values():
        if error in table:
            mean |= {error: table[error].mean(), f"{error}_std": table[error].std()}
            mean |= dict.fromkeys((f"{error}_low", f"{error}_high"))
    if TOTAL_CHARGE in table:
        mean[TOTAL_CHARGE] = table[TOTAL_CHARGE].max()
    return mean


def _published(row: PublishedErrors, dataset: str) -> dict[str, Any]:
    described = {"dataset": dataset, "model": row.model, "source": row.source}
    return described | {column: getattr(row, key) for key, column in ERRORS.items()}
