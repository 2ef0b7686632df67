"""Fluctuations of slabs beside the errors of the models that let them happen."""

from collections.abc import Mapping

import pandas as pd

from falsemetal.products import fig3a
from falsemetal.products.registry import ProductSpec
from falsemetal.products.style import Tables

ERRORS = ["rmse_energy_meV_per_atom", "rmse_force_meV_per_A"]


def tabulate(
    summary: Tables, errors: Mapping[str, pd.DataFrame], spec: ProductSpec
) -> pd.DataFrame:
    """Tabulate what Figure 3a shows, with each model's errors on all held-out frames."""
    table = fig3a.tabulate(summary, spec)
    for place, column in enumerate(ERRORS, 4):
        of_all = {
            name: rows.set_index("config_type")[column].get("all") for name, rows in errors.items()
        }
        table.insert(place, column, table["potential"].map(of_all))
    return table
