"""The one style of all figures, and how they are written."""

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import matplotlib as mpl
import pandas as pd
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from falsemetal.config import CampaignName, Config

SINGLE_COLUMN_IN = 86 / 25.4
DOUBLE_COLUMN_IN = 178 / 25.4

# Okabe and Ito's colours, told apart by colour-blind readers, with wine for their yellow, which is
# too faint for lines
PALETTE = ("#000000", "#D55E00", "#0072B2", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#882255")
SPARE_MARKERS = ("v", "P", "X", "<", ">")
MARKERS = {"force_field": "o", "mace": "s", "split_charge": "^", "bpnnp": "D"}

METALLIC_COLOR = "#B22222"
CONTINUUM_COLOR = "#7A7A7A"
SEQUENTIAL = mpl.colormaps["viridis_r"]

RC_PARAMS = {
    "font.family": "sans-serif",
    "font.sans-serif": ["DejaVu Sans"],
    "font.size": 7.5,
    "axes.labelsize": 8,
    "axes.titlesize": 8,
    "xtick.labelsize": 7,
    "ytick.labelsize": 7,
    "legend.fontsize": 7,
    "legend.frameon": False,
    "legend.handlelength": 1.6,
    "legend.borderaxespad": 0.3,
    "axes.linewidth": 0.6,
    "lines.linewidth": 1.1,
    "lines.markersize": 4.0,
    "xtick.direction": "in",
    "ytick.direction": "in",
    "xtick.top": True,
    "ytick.right": True,
    "xtick.major.width": 0.6,
    "ytick.major.width": 0.6,
    "xtick.major.size": 3.0,
    "ytick.major.size": 3.0,
    "axes.formatter.use_mathtext": True,
    "mathtext.fontset": "dejavusans",
    "figure.constrained_layout.use": True,
    "pdf.fonttype": 42,
    "svg.hashsalt": "falsemetal",
}


LEGEND_HANDLE_IN, LETTER_IN = 0.35, 0.055
"""Widths in a legend, of a handle with its gaps and of a letter on average."""

Tables = Mapping[tuple[str, float], pd.DataFrame]
"""One table of observables by potential and size in Å: a slab's thickness, or a cell's length."""


@dataclass(frozen=True)
class Look:
    """How one potential is drawn in every figure."""

    label: str
    color: str
    marker: str


def looks(config: Config, table: pd.DataFrame | None = None) -> dict[str, Look]:
    """Look of each potential: colour by its place in the config, marker by its kind.

    With a figure's table, of those potentials alone that it shows.
    """
    shown = config.potentials if table is None else set(table["potential"])
    kinds = list(dict.fromkeys(potential.kind for potential in config.potentials.values()))
    spare = [kind for kind in kinds if kind not in MARKERS]
    return {
        name: Look(
            label=potential.label or name,
            color=PALETTE[index % len(PALETTE)],
            marker=MARKERS.get(potential.kind)
            or SPARE_MARKERS[spare.index(potential.kind) % len(SPARE_MARKERS)],
        )
        for index, (name, potential) in enumerate(config.potentials.items())
        if name in shown
    }


@contextmanager
def journal_style() -> Iterator[None]:
    """Draw in the journal's style without a display, and leave the caller's style alone."""
    with mpl.rc_context(RC_PARAMS):
        yield


def new_figure(width_in: float, height_in: float) -> Figure:
    """Return an empty figure that no window manager holds; call within :func:`journal_style`."""
    return Figure(figsize=(width_in, height_in))


def draw_band(
    axes: Axes, x: Sequence[float], low: Sequence[float], high: Sequence[float], color: str
) -> None:
    """Shade between two curves and trace them thinly, so that coinciding bands stay apart."""
    axes.fill_between(x, low, high, color=color, alpha=0.14, linewidth=0)
    for edge in (low, high):
        axes.plot(x, edge, color=color, alpha=0.5, linewidth=0.4)


def thickest(tables: Tables) -> float:
    """Largest nominal thickness in Å that tables of slabs are of."""
    return max(thickness for _, thickness in tables)


def note_missing(figure: Figure, tables: Tables, config: Config, campaign: CampaignName) -> None:
    """Name below a figure what it does not show: runs that broke down or whose engine is absent.

    Parameters
    ----------
    figure
        As drawn.
    tables
        Those that it shows, by potential and size: empty, or with no frames, where all runs broke
        down.
    config
        Gives labels, order, and which runs there should be.
    campaign
        Which the tables are of.
    """
    sizes = {size for _, size in tables}
    lost, absent = [], []
    for name, look in looks(config).items():
        expected = sizes & set(config.durations_ps(name, campaign))
        for size in sorted(expected | {size for owner, size in tables if owner == name}):
            if (name, size) not in tables:
                absent.append(f"{look.label} {size:g} Å")
            elif _is_empty(tables[name, size]):
                lost.append(f"{look.label} {size:g} Å")
    reasons = {"runs broke down": lost, "no usable CP2K": absent}
    notes = [f"{reason}: {', '.join(names)}" for reason, names in reasons.items() if names]
    if notes:
        write_below(figure, "no data, " + "; ".join(notes))


def write_below(figure: Figure, text: str) -> None:
    """Write below a figure what a reader must know of it."""
    figure.supxlabel(text, fontsize=6.5, color=METALLIC_COLOR, wrap=True)


def _is_empty(table: pd.DataFrame) -> bool:
    return table.empty or ("n_frames" in table and not table["n_frames"].any())


def draw_legend_above(
    figure: Figure, handles: Sequence[Artist], labels: Sequence[str], *, columns: int
) -> None:
    """Set the legend above the axes, where it hides no data however noisy they are."""
    fitting = int(figure.get_figwidth() / (LEGEND_HANDLE_IN + LETTER_IN * max(map(len, labels))))
    figure.legend(
        handles,
        labels,
        loc="outside upper center",
        ncols=max(1, min(columns, len(labels), fitting)),
        columnspacing=1.2,
        handletextpad=0.5,
    )


def save_figure(
    figure: Figure, table: pd.DataFrame, stem: Path, *, stamp: Mapping[str, Any]
) -> list[Path]:
    """Write a figure beside the numbers it was drawn from.

    Parameters
    ----------
    figure
        As drawn.
    table
        Tidy numbers of all that is drawn.
    stem
        Path without suffix; `.pdf`, `.png`, `.csv` and `.provenance.json` are written.
    stamp
        Where the figure comes from, ready for JSON. Its plain entries are embedded in the
        pictures' metadata.

    Returns
    -------
    list of Path
        The four files.
    """
    paths = [
        stem.with_name(stem.name + end) for end in (".pdf", ".png", ".csv", ".provenance.json")
    ]
    pdf, png, csv, provenance = paths
    stem.parent.mkdir(parents=True, exist_ok=True)
    # no date inside: the same data give the same file
    plain = {key: value for key, value in stamp.items() if _is_plain(value) and key != "made"}
    text = "; ".join(f"{key}={value}" for key, value in plain.items())
    pdf_metadata = {"Title": stem.name, "Subject": text, "CreationDate": None}
    with mpl.rc_context(RC_PARAMS):
        figure.savefig(pdf, metadata=pdf_metadata)
        figure.savefig(png, dpi=300, metadata={"Title": stem.name, "Description": text})
    table.to_csv(csv, index=False, float_format="%.8g")
    provenance.write_text(json.dumps(dict(stamp), indent=2, ensure_ascii=False) + "\n")
    return paths


def _is_plain(value: object) -> bool:
    return isinstance(value, str | int | float | bool)
