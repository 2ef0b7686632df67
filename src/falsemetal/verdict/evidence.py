"""What runs that a user has tell of a potential, by the observables of the workflow."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from falsemetal.observables.registry import OBSERVABLES, ObserveSpec, read_settings
from falsemetal.observables.runs import Frames, Runs, collect_runs
from falsemetal.observables.settings import Analysis
from falsemetal.specs import Origin
from falsemetal.systems.boundary import Boundary, Layout, boundary_of
from falsemetal.systems.molecule import Molecule
from falsemetal.verdict.errors import CheckError
from falsemetal.verdict.result import Assumptions, Evidence, Quantity
from falsemetal.verdict.trajectories import read_frames_of

SHOWN = {
    Boundary.FILM: ("sigma_dV_V", "mean_P_e_per_A", "fraction_metallic", "fraction_broken"),
    Boundary.BULK: ("mean_dV_V", "fraction_beyond_gap", "fraction_broken"),
}
"""Columns of the summary that are told, if they are there."""

LONGEST_WAVES = ("S_L", "S_T")
"""Structure factors, of the longest waves of a periodic cell."""


def read_evidence(
    paths: Sequence[Path],
    liquid: Molecule,
    assumptions: Assumptions,
    *,
    topology: Path | None = None,
    types: Sequence[str] | None = None,
    interval_ps: float | None = None,
    discard_ps: float = 0.0,
) -> Evidence:
    """Read independent runs of one system, films or periodic cells.

    Dipoles are by the charges of the assumptions, and the gap, the temperature and the width of the
    Gaussians those of the workflow's defaults. `discard_ps` is left out of each run's start;
    further arguments as of :func:`falsemetal.verdict.trajectories.read_frames_of`. CheckError if a
    file cannot be used.
    """
    options = {"topology": topology, "types": types, "interval_ps": interval_ps}
    frames = [read_frames_of(path, liquid, **options) for path in paths]  # type: ignore[arg-type]
    try:
        boundary = boundary_of(frames[0].pbc)
        spec = observe_spec_of(boundary, liquid, assumptions, discard_ps)
        runs = collect_runs(spec, frames)
        if not runs.completed:
            return _failed(paths, frames, runs)
        tables = tabulate(runs, spec)
    except ValueError as error:
        named = any(str(error).startswith(str(path)) for path in paths)
        raise CheckError(str(error) if named else f"{paths[0]}: {error}") from error
    completed = runs.completed
    return Evidence(
        source=", ".join(map(str, paths)),
        kind="film" if boundary is Boundary.FILM else "bulk",
        n_molecules=completed[0].n_molecules,
        n_frames=sum(len(run.times_ps) for run in completed),
        sampled_ps=sum(float(run.times_ps[-1] - run.times_ps[0]) for run in completed),
        thickness_A=_thickness(frames[0], completed[0].n_molecules, completed[0].area_A2),
        quantities=_quantities(tables, boundary),
        failure="; ".join(runs.failures) or None,
    )


def _failed(paths: Sequence[Path], frames: Sequence[Frames], runs: Runs) -> Evidence:
    """Tell of runs that all ended before their time, and of nothing that they show."""
    return Evidence(
        source=", ".join(map(str, paths)),
        kind="bulk" if frames[0].pbc[2] else "film",
        n_molecules=runs.n_molecules,
        n_frames=sum(run.n_frames for run in frames),
        sampled_ps=sum(float(run.times_ps[-1]) for run in frames),
        thickness_A=None,
        quantities={},
        failure="; ".join(runs.failures),
    )


def observe_spec_of(
    boundary: Boundary, liquid: Molecule, assumptions: Assumptions, discard_ps: float
) -> ObserveSpec:
    """Specify the observables as the workflow does."""
    layout = Layout.FREE if boundary is Boundary.FILM else Layout.BULK
    names = ["voltage", "summary"]
    names += ["structure_factors"] * (boundary is Boundary.BULK)
    analysis = Analysis(band_gap_eV=assumptions.band_gap_eV)
    told = {"mass_u": liquid.mass, "temperature_K": assumptions.temperature_K}
    return ObserveSpec(
        origin=Origin(name="check", sha256="", seed=0),
        observables=names,
        layout=layout,
        mirror=boundary is Boundary.FILM,
        liquid=liquid,
        charges=liquid.charges(assumptions.charge_e),
        electronic_charges=liquid.charges(assumptions.electronic_charge_e),
        settings=read_settings(names, layout, of_system=told, analysis=analysis),
        discard_ps=discard_ps,
    )


def tabulate(runs: Runs, spec: ObserveSpec) -> dict[str, pd.DataFrame]:
    """Tables of the observables by name."""
    return {name: OBSERVABLES[name].load().tabulate(runs, spec) for name in spec.observables}


def _quantities(tables: dict[str, pd.DataFrame], boundary: Boundary) -> dict[str, Quantity]:
    row = tables["summary"].iloc[0]
    found = {name: _quantity(row, name) for name in SHOWN[boundary] if name in row}
    if boundary is Boundary.BULK:
        longest = tables["structure_factors"].iloc[0]
        for name in LONGEST_WAVES:
            found[f"{name}({longest['k_per_A']:.3f}/Å)"] = _quantity(longest, name)
    return found


def _quantity(row: pd.Series, name: str) -> Quantity:
    low, high = (row.get(f"{name}_{end}", np.nan) for end in ("low", "high"))
    sure = bool(np.isfinite(low) and np.isfinite(high))
    return Quantity(
        value=float(row[name]),
        low=float(low) if sure else None,
        high=float(high) if sure else None,
    )


def _thickness(frames: Frames, n_molecules: int, area_A2: float) -> float | None:
    """Of a film the extent of its middle 95 % of centres in the first frame, in Å."""
    if frames.pbc[2]:
        return None
    [first] = next(iter(frames.position_chunks(0, 1)))
    heights = first[frames.region == frames.region[0], 2]
    low, high = np.quantile(heights, [0.025, 0.975])
    return float(high - low)
