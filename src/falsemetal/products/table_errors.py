"""Errors of all models on held-out frames, in the shape of the paper's Table S5."""

from collections.abc import Mapping
from typing import Any

import pandas as pd

from falsemetal.products.registry import ProductSpec

ARCHITECTURE = ["r_cut_A", "l_max", "channels", "layers"]


def tabulate(errors: Mapping[str, pd.DataFrame], spec: ProductSpec) -> pd.DataFrame:
    """Collect the test errors of all models (paper, Table S5), of each those of `all` frames first.

    Errors, by potential, have the columns `config_type`, `n_frames`, `rmse_energy_meV_per_atom` and
    `rmse_force_meV_per_A`.
    """
    parts = []
    for name, shown in spec.potentials.items():
        if name not in errors:
            continue
        rows = errors[name].sort_values(
            "config_type", key=lambda kinds: kinds.where(kinds != "all", ""), kind="stable"
        )
        described: dict[str, Any] = {"model": shown.label, "kind": shown.kind}
        described |= {key: shown.architecture.get(key) for key in ARCHITECTURE}
        described["dataset"] = shown.dataset
        table = rows.assign(**described)
        parts.append(table[[*described, *rows.columns]])
    return pd.concat(parts, ignore_index=True) if parts else pd.DataFrame()
