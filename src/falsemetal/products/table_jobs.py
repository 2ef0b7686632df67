"""Electronic-structure jobs: where they are, and what became of them."""

import pandas as pd

from falsemetal.products.registry import ProductSpec

COLUMNS = [
    "folder",
    "engine",
    "functional",
    "field_V_per_A",
    "delta_V_V",
    "delta_V_dft_V",
    "gap_eV",
    "vbm_eV",
    "cbm_eV",
    "edge_gap_eV",
    "edge_flag",
    "status",
    "reason",
]


def tabulate(jobs: pd.DataFrame, spec: ProductSpec) -> pd.DataFrame:
    """List electronic-structure jobs, those first that wait or failed."""
    failed = [
        {"folder": name, "status": "failed", "reason": reason}
        for name, reason in spec.missing.items()
        if name.count("/") > 1
    ]
    table = pd.concat([pd.DataFrame(failed), jobs]) if failed else jobs
    done_last = table.sort_values("status", key=lambda status: status == "done", kind="stable")
    return done_last.reindex(columns=COLUMNS).reset_index(drop=True)
