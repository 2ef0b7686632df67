# ruff: noqa: N999 (the name of the figure in the paper)
"""Potential difference in cubic cells of bulk water, means over replicas (paper, Fig. S10)."""

import pandas as pd
from matplotlib.figure import Figure

from falsemetal.config import Config
from falsemetal.products import potential_difference, style
from falsemetal.products.style import Tables


def draw(summary: Tables, potential: Tables, config: Config) -> tuple[Figure, pd.DataFrame]:
    """Draw ΔV by edge and potential; arguments as in `potential_difference.tabulate`."""
    table = potential_difference.tabulate(summary, potential, config)
    figure = potential_difference.draw(table, config, size_label="Cell edge $L$ (Å)")
    style.note_missing(figure, summary, config, "cubic")
    return figure, table
