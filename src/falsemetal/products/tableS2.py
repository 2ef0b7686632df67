# ruff: noqa: N999 (the name of the table in the paper)
"""Formal charges of the elements (paper, Table S2)."""

import pandas as pd

from falsemetal.products.registry import ProductSpec


def tabulate(spec: ProductSpec) -> pd.DataFrame:
    """Tabulate the formal charges of each model that has some: a row each, a column an element."""
    rows = [
        {"model": shown.label} | {f"{element}_e": charge for element, charge in charges.items()}
        for shown in spec.potentials.values()
        if (charges := shown.architecture.get("formal_charges_e"))
    ]
    return pd.DataFrame(rows) if rows else pd.DataFrame(columns=["model"])
