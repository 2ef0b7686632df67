"""A check on disk: `check.json`, one figure, one page."""

import base64
from importlib import resources
from itertools import cycle
from pathlib import Path

import matplotlib as mpl
import numpy as np
from jinja2 import Environment
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from falsemetal.estimators.continuum import SURFACE_UNCERTAINTY
from falsemetal.products.style import (
    CONTINUUM_COLOR,
    DOUBLE_COLUMN_IN,
    METALLIC_COLOR,
    PALETTE,
    RC_PARAMS,
)
from falsemetal.verdict.checking import prediction_of
from falsemetal.verdict.errors import CheckError
from falsemetal.verdict.judgement import Verdict
from falsemetal.verdict.prediction import resolved_layers
from falsemetal.verdict.result import CheckResult

JSON, PICTURE, PAGE = "check.json", "check.png", "check.html"


def write_report(result: CheckResult, folder: str | Path, *, overwrite: bool = False) -> None:
    """Write `check.json`, `check.png` and `check.html`.

    CheckError where one of them is already there, unless they may be overwritten.
    """
    folder = Path(folder)
    if not overwrite:
        require_free(folder)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        (folder / JSON).write_text(result.model_dump_json(indent=2) + "\n", encoding="utf-8")
        draw(result).savefig(folder / PICTURE, dpi=200)
        page = _page(result, (folder / PICTURE).read_bytes())
        (folder / PAGE).write_text(page, encoding="utf-8")
    except OSError as error:
        raise CheckError(f"{folder}: the report cannot be written: {error}") from error


def require_free(folder: str | Path) -> None:
    """Make a folder for a report; CheckError if it cannot be made, or holds a report already."""
    try:
        Path(folder).mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise CheckError(
            f"{folder}: cannot be made a folder ({error.strerror}); name another by --output"
        ) from error
    there = [name for name in (JSON, PICTURE, PAGE) if (Path(folder) / name).exists()]
    if there:
        raise CheckError(
            f"{Path(folder) / there[0]}: is there already; name another folder by --output, or "
            "give --overwrite"
        )


def draw(result: CheckResult) -> Figure:
    """λ against thickness, and what it makes of σ(ΔV)."""
    with mpl.rc_context(RC_PARAMS):
        figure = Figure(figsize=(DOUBLE_COLUMN_IN, 0.42 * DOUBLE_COLUMN_IN), layout="constrained")
        left, right = figure.subplots(1, 2)
        _draw_fractions(left, result)
        _draw_films(right, result)
    return figure


def _draw_fractions(axes: Axes, result: CheckResult) -> None:
    axes.axhline(1.0, color=CONTINUUM_COLOR, ls="--", lw=0.8)
    axes.axhline(0.0, color=CONTINUUM_COLOR, lw=0.6)
    curve = prediction_of(result).depolarisation
    thickness = np.linspace(0.0, 1.05 * result.thickest_A, 400)
    axes.plot(thickness, curve(thickness), color=CONTINUUM_COLOR, lw=0.8, label="interpolation")
    for stacking, color in zip(result.stackings, cycle(PALETTE), strict=False):
        for index, increment in enumerate(stacking.increments):
            axes.errorbar(
                increment.middle_A,
                increment.fraction,
                xerr=0.5 * (increment.to_A - increment.from_A),
                yerr=increment.uncertainty,
                marker="o",
                color=color,
                capsize=1.5,
                label=f"{stacking.probe}, energies" if index == 0 else None,
            )
        if result.verdict is Verdict.SHORT_RANGED:
            layers = resolved_layers([stacking])
            axes.plot(
                [layer.depth_A for layer, _ in layers],
                [value for _, value in layers],
                "x",
                color=color,
                label=f"{stacking.probe}, forces",
            )
    axes.set(xlabel="thickness (Å)", ylabel="λ", xlim=(0.0, None))
    axes.set_title("share of the depolarising energy", loc="left")
    axes.legend()


def _draw_films(axes: Axes, result: CheckResult) -> None:
    told = result.assumptions
    prediction = prediction_of(result)
    thickness = np.linspace(4.0, max(60.0, 1.6 * result.thickest_A), 40)
    sigma = np.array([prediction.sigma_V(length) for length in thickness])
    dielectric = [prediction.dielectric_V(length) for length in thickness]
    label = f"this potential, ±{100 * SURFACE_UNCERTAINTY:.0f} %"
    axes.plot(thickness, sigma, color=PALETTE[0], label=label)
    axes.fill_between(
        thickness,
        sigma / (1.0 + SURFACE_UNCERTAINTY),
        sigma * (1.0 + SURFACE_UNCERTAINTY),
        color=PALETTE[0],
        alpha=0.15,
        lw=0,
    )
    axes.plot(thickness, dielectric, color=CONTINUUM_COLOR, ls="--", lw=0.8, label="a dielectric")
    axes.axhline(told.band_gap_eV, color=METALLIC_COLOR, ls=":", lw=0.9, label="band gap / e")
    critical = result.critical_thickness.value_A
    if critical is not None and critical < thickness[-1]:
        axes.axvline(critical, color=METALLIC_COLOR, lw=0.7, label="1 % beyond the gap")
    axes.set(xlabel="film thickness (Å)", ylabel=r"$\sigma(\Delta V)$ (V)", xlim=(0.0, None))
    axes.set_ylim(0.0, None)
    side = f"{told.cross_section_A:g}"
    axes.set_title(f"at equilibrium, {side} × {side} Å, {told.temperature_K:g} K", loc="left")
    axes.legend()


def _page(result: CheckResult, picture: bytes) -> str:
    template = resources.files("falsemetal.verdict").joinpath("report.html").read_text("utf-8")
    environment = Environment(autoescape=True, trim_blocks=True, lstrip_blocks=True)
    return environment.from_string(template).render(
        result=result,
        lines=result.lines(),
        picture=base64.b64encode(picture).decode(),
        json=result.model_dump_json(indent=2),
    )
