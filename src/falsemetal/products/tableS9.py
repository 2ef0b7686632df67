# ruff: noqa: N999 (the name of the table in the paper)
"""What each step of learning loops added (paper, Table S9)."""

from collections.abc import Mapping
from typing import Any

import pandas as pd

from falsemetal.products.registry import ProductSpec


def tabulate(added: Mapping[str, pd.DataFrame], spec: ProductSpec) -> pd.DataFrame:
    """Tabulate a row per dataset: what it was, and what came of each exploration.

    Tables are of :func:`falsemetal.learning.extending.extend`, by dataset, in the configuration's
    order. A dataset that none of them made leads those that extend it.
    """
    rows: list[dict[str, Any]] = []
    for table in added.values():
        row = table.iloc[0]
        if row["of"] not in added and row["of"] not in {r["dataset"] for r in rows}:
            count = row["n_before"]
            rows.append({"dataset": row["of"], "n_added": count, "n_total": count})
        rows.append(row.to_dict())
    columns = ["dataset", "of", "by", "n_added", "n_total"]
    told = pd.DataFrame(rows, columns=[*columns, *(rows[-1] if rows else {})])
    told = told.loc[:, ~told.columns.duplicated()]
    counts = [name for name in told.columns if name.startswith("n_")]
    return told.astype(dict.fromkeys(counts, "Int64"))
