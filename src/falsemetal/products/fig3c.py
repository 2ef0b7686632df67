"""Potential difference in elongated cells of bulk water against their length (paper, Fig. 3c)."""

import pandas as pd
from matplotlib.figure import Figure

from falsemetal.config import Config
from falsemetal.products import potential_difference, style
from falsemetal.products.style import Tables


def draw(summary: Tables, potential: Tables, config: Config) -> tuple[Figure, pd.DataFrame]:
    """Draw ΔV by length and potential; arguments as in `potential_difference.tabulate`."""
    table = potential_difference.tabulate(summary, potential, config)
    figure = potential_difference.draw(table, config, size_label="Cell length $L_z$ (Å)")
    style.note_missing(figure, summary, config, "elongated")
    return figure, table
