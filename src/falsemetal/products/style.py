"""The one style of all figures, and how they are written."""

import json
import textwrap
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

from falsemetal.products.registry import COLORS, ProductSpec

SINGLE_COLUMN_IN = 86 / 25.4
DOUBLE_COLUMN_IN = 178 / 25.4

PALETTE = COLORS
METALLIC_COLOR = "#B22222"
CONTINUUM_COLOR = "#7A7A7A"
SEQUENTIAL = mpl.colormaps["viridis_r"]

RC_PARAMS: Any = {
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


LEGEND_HANDLE_IN, LETTER_IN, SMALL_LETTER_IN = 0.35, 0.055, 0.052
"""Widths in a legend, of a handle with its gaps and of a letter, and of a letter in a note."""

Tables = Mapping[tuple[str, float], pd.DataFrame]
"""One table of observables by potential and size in Å: a slab's thickness, or a cell's length."""


@dataclass(frozen=True)
class Look:
    """How one potential is drawn in every figure."""

    label: str
    color: str
    marker: str


def looks(spec: ProductSpec, table: pd.DataFrame) -> dict[str, Look]:
    """Look of each potential that a figure's table shows, in the configuration's order."""
    there = set(table["potential"])
    return {
        name: Look(label=shown.label, color=shown.color, marker=shown.marker)
        for name, shown in spec.potentials.items()
        if name in there
    }


def stack(tables: Tables, spec: ProductSpec, *, size_column: str | None = None) -> pd.DataFrame:
    """Stack tables by potential, in the configuration's order, and by size, a column if named."""
    parts = []
    for name in spec.potentials:
        for key in sorted(key for key in tables if key[0] == name):
            first = {"potential": name} | ({size_column: key[1]} if size_column else {})
            table = tables[key]
            parts.append(table.assign(**first)[[*first, *table.columns]])
    return pd.concat([part for part in parts if len(part)] or parts, ignore_index=True)


@contextmanager
def journal_style() -> Iterator[None]:
    """Draw in the journal's style without a display, and leave the caller's style alone."""
    with mpl.rc_context(RC_PARAMS):
        yield


def new_figure(width_in: float, height_in: float) -> Figure:
    """Return an empty figure that no window manager holds; call within :func:`journal_style`."""
    return Figure(figsize=(width_in, height_in))


def draw_curves(axes: Axes, table: pd.DataFrame, looks: Mapping[str, Look], x: str, y: str) -> None:
    """Draw a column against another for each potential, with the band of its interval.

    The band is traced thinly, too, so that coinciding ones stay apart.
    """
    for name, look in looks.items():
        rows = table[table["potential"] == name]
        low, high = rows[f"{y}_low"], rows[f"{y}_high"]
        axes.plot(rows[x], rows[y], color=look.color, label=look.label)
        axes.fill_between(rows[x], low, high, color=look.color, alpha=0.14, linewidth=0)
        for edge in (low, high):
            axes.plot(rows[x], edge, color=look.color, alpha=0.5, linewidth=0.4)


def name_both_charges(axes: Axes, spec: ProductSpec, *, dipole: str, voltage: str) -> None:
    """Give an axis of volts to the right a twin of dipoles per area to the left.

    Volts are by the charge of electronic structure, dipoles by the potentials' own; where that is
    not the same for all, there is no axis of dipoles.
    """
    charges = spec.charges()
    axes.yaxis.set_label_position("right")
    axes.yaxis.tick_right()
    axes.tick_params(axis="y", left=False)
    axes.set_ylabel(rf"{voltage} (V), $q_\mathrm{{O}} = {charges.electronic_e:g}$ e")
    if len(spec.references) > 1:
        return
    ratio = spec.e_per_A_per_V()
    to_dipole_and_back: Any = (
        lambda voltage_V: voltage_V * ratio,
        lambda dipole_e_per_A: dipole_e_per_A / ratio,
    )
    left = axes.secondary_yaxis("left", functions=to_dipole_and_back)
    left.set_ylabel(rf"{dipole} (e/Å), $q_\mathrm{{O}} = {charges.own_e:g}$ e")


def draw_threshold(axes: Axes, spec: ProductSpec, label: str, *, mirror: bool = False) -> None:
    """Mark the band gap on an axis of volts, and the scatter of single frames about it.

    With `mirror` also below zero.
    """
    gap = spec.settings["analysis.band_gap_eV"]
    scatter = spec.settings["analysis.band_gap_scatter_eV"]
    for side in (1.0, -1.0)[: 1 + mirror]:
        ends = side * (gap - scatter), side * (gap + scatter)
        axes.axhspan(*ends, color=METALLIC_COLOR, alpha=0.07, linewidth=0)
        axes.axhline(side * gap, color=METALLIC_COLOR, linestyle=":", linewidth=1.0, zorder=1)
    axes.annotate(
        label,
        (0.02, gap),
        xycoords=("axes fraction", "data"),
        xytext=(0, 2),
        textcoords="offset points",
        color=METALLIC_COLOR,
        fontsize=7,
        ha="left",
        va="bottom",
        zorder=4,
    )


def largest(tables: Tables) -> float:
    """Largest size in Å that tables are of."""
    return max(size for _, size in tables)


def note_missing(figure: Figure, tables: Tables, spec: ProductSpec) -> None:
    """Name below a figure what it does not show, and why.

    Tables that it shows are empty, or have no frames, where all runs failed.
    """
    sizes = {size for _, size in tables}
    reasons: dict[str, list[str]] = {}
    for name, shown in spec.potentials.items():
        for size in shown.durations_ps.get(spec.campaign_name, {}):
            if (name, size) in tables:
                reason = "all runs failed" if _is_empty(tables[name, size]) else None
            elif size in sizes or not tables:
                known = spec.missing.get(name, "not made")
                reason = spec.missing.get(f"{name}/{spec.campaign_name}/{size:g}", known)
            else:
                reason = None
            if reason:
                reasons.setdefault(reason, []).append(f"{shown.label} {size:g} Å")
    notes = [f"{reason}: {', '.join(names)}" for reason, names in reasons.items()]
    if notes:
        write_below(figure, "no data, " + "; ".join(notes))


def write_below(figure: Figure, text: str) -> None:
    """Write below a figure what a reader must know of it."""
    width = int(figure.get_figwidth() / SMALL_LETTER_IN)
    figure.supxlabel(textwrap.fill(text, width), fontsize=6.5, color=METALLIC_COLOR)


def _is_empty(table: pd.DataFrame) -> bool:
    return table.empty or ("n_frames" in table and not table["n_frames"].any())


def draw_legend_above(
    figure: Figure, handles: Sequence[Artist], labels: Sequence[str], *, columns: int
) -> None:
    """Set the legend, if any, above the axes, where it hides no data however noisy they are."""
    if not labels:
        return
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
    """Write a figure beside the numbers it was drawn from, and return the paths of the four files.

    They are the stem's `.pdf`, `.png`, `.csv` and `.provenance.json`. The stamp, ready for JSON,
    tells where the figure comes from; its plain entries are embedded in the pictures' metadata.
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
