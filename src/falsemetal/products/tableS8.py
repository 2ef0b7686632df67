# ruff: noqa: N999 (the name of the table in the paper)
"""Errors of models by dataset, depth and order (paper, Table S8)."""

from collections.abc import Mapping

import pandas as pd

from falsemetal.products.registry import ProductSpec
from falsemetal.products.table_errors import tabulate as tabulate_errors

ORDER = ["kind", "dataset", "seed", "layers", "l_max"]


def tabulate(errors: Mapping[str, pd.DataFrame], spec: ProductSpec) -> pd.DataFrame:
    """Tabulate errors as of Table S5, of all test frames and by what they are of.

    Test frames of an extended dataset are those of the first one and some of what was added: the
    rows of a `config_type` are of the same frames.
    """
    table = tabulate_errors(errors, spec)
    if table.empty:
        return table
    own = {shown.label: shown.architecture.get("seed") for shown in spec.potentials.values()}
    seeds = {name: spec.origin.seed if seed is None else seed for name, seed in own.items()}
    table.insert(2, "seed", table["model"].map(seeds))
    kinds = {kind: place for place, kind in enumerate(table["config_type"].unique())}
    table["_place"] = table["config_type"].map(kinds)
    ordered = table.sort_values(["_place", *ORDER], kind="stable")
    return ordered.drop(columns="_place").reset_index(drop=True)
