"""Verdicts of the stacking test on all potentials."""

from collections.abc import Mapping

import pandas as pd

from falsemetal.products.registry import ProductSpec


def tabulate(verdict: Mapping[str, pd.DataFrame], spec: ProductSpec) -> pd.DataFrame:
    """Collect the verdicts, one row each by potential, in the configuration's order."""
    parts = [
        verdict[name].assign(potential=shown.label)[["potential", *verdict[name].columns]]
        for name, shown in spec.potentials.items()
        if name in verdict
    ]
    return pd.concat(parts, ignore_index=True) if parts else pd.DataFrame()
