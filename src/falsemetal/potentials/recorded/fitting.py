"""Whether a run is of a campaign's system, and where its film lies in the cell."""

from pathlib import Path

import numpy as np
from ase import Atoms

from falsemetal.arrays import BoolArray
from falsemetal.potentials.recorded.spec import RecordedSpec
from falsemetal.progress import logger
from falsemetal.simulation.foreign import (
    VACUUM_A,
    Recording,
    TrajectoryError,
    cut_along_z,
    widest_gaps,
    without_cell,
)
from falsemetal.systems.boundary import Boundary, Layout, boundary_of
from falsemetal.systems.molecules import is_centre, orthorhombic_box

MOST_OFF = {"area": 0.10, "height": 0.10, "molecules": 0.15}
"""Relative deviations from the campaign's nominal system beyond which a run is not of it."""

WORTH_TELLING = 0.02
"""Deviation that is logged."""

WRONG_SIDE = 0.05
"""Share of molecules below the middle of a solid from which the liquid lies on both sides of it."""


def require_cell(run: Recording, spec: RecordedSpec) -> bool:
    """Tell whether a cell is periodic along z, or may be, as files of some programs tell nothing.

    TrajectoryError if it is not right-angled, or there is none, or not as the campaign is periodic.
    """
    if not run.cell.any():
        raise TrajectoryError(without_cell(run.path, spec.keys))
    periodic = True
    if run.pbc is not None:
        try:
            periodic = boundary_of(run.pbc) is Boundary.BULK
        except ValueError as error:
            raise spec.fault(run.path, str(error)) from error
        if not periodic and spec.nominal.layout.boundary is Boundary.BULK:
            raise spec.fault(
                run.path,
                f"not periodic along z, as {spec.nominal_key} is; name a campaign of films",
            )
    try:
        orthorhombic_box(run.cell, np.array([True, True, periodic]))
    except ValueError as error:
        raise spec.fault(run.path, f"{error}; or give {spec.keys.cell}") from error
    return periodic


def require_size(first: Atoms, solid: BoolArray, spec: RecordedSpec, path: Path) -> None:
    """TrajectoryError if cell or composition are too far from the campaign's nominal ones."""
    nominal, edges = spec.nominal, first.cell.lengths()
    n_molecules = int(is_centre(first.numbers[~solid], spec.liquid).sum())
    area, nominal_area = edges[0] * edges[1], nominal.edges_A[0] * nominal.edges_A[1]
    told = {
        "area": (area, nominal_area, "Å² of cross-section"),
        "molecules": (n_molecules / area, nominal.n_molecules / nominal_area, "molecules per Å²"),
    }
    mends = {
        "area": f"name the campaign that it is of in {spec.key}.files, or give "
        f"{spec.nominal_key} the cross-section of the run",
        "molecules": f"name the size that it is of in {spec.key}.files, or tell which atoms the "
        f"solid's are: {spec.key}.solid_atoms",
    }
    if nominal.layout is Layout.BULK:
        told["height"] = (edges[2], nominal.edges_A[2], "Å of cell along z")
        mends["height"] = f"name the size that it is of in {spec.key}.files"
    for name, (found, expected, unit) in told.items():
        off = found / expected - 1.0
        message = f"{found:.4g} {unit}, where {spec.nominal_key} has {expected:.4g} ({off:+.0%})"
        if abs(off) > MOST_OFF[name]:
            most = f"at most {MOST_OFF[name]:.0%} are allowed"
            raise spec.fault(path, f"{message}; {most}: {mends[name]}")
        if abs(off) > WORTH_TELLING:
            logger.warning("%s: %s; taken all the same", path, message)


def lay_out(run: Recording, solid: BoolArray, spec: RecordedSpec, *, periodic: bool) -> None:
    """Make film and solid whole along z, the solid below the liquid, in place."""
    edge = solid | is_centre(run.numbers, spec.liquid)
    if periodic:
        _cut(run, edge, solid, spec)
    if spec.nominal.layout is Layout.SUPPORTED:
        _turn_upward(run, solid, edge & ~solid, spec)


def _cut(run: Recording, edge: BoolArray, solid: BoolArray, spec: RecordedSpec) -> None:
    layout, height = spec.nominal.layout, float(run.cell[2, 2])
    widths, middles = widest_gaps(run.positions[:, edge, 2], height)
    frame = int(widths.argmin())
    if layout.boundary is Boundary.FILM:
        if widths[frame] < VACUUM_A:
            raise spec.fault(
                run.path,
                f"a gap of only {widths[frame]:.3g} Å along z in frame {frame}, where "
                f"{spec.nominal_key} has vacuum ({VACUUM_A:g} Å or more); name a campaign of "
                "periodic cells",
            )
        cut_along_z(run.positions, middles, height)
        return
    if widths[frame] >= VACUUM_A:
        raise spec.fault(
            run.path,
            f"{widths[frame]:.3g} Å of vacuum along z, where {spec.nominal_key} has none; name a "
            "campaign of films",
        )
    if layout is Layout.CONFINED:
        _, within = widest_gaps(run.positions[:, solid, 2], height)
        cut_along_z(run.positions, within, height)


def _turn_upward(run: Recording, solid: BoolArray, centres: BoolArray, spec: RecordedSpec) -> None:
    """Turn a film whose liquid lies below its solid by 180° about x."""
    heights = run.positions[0, :, 2]
    middle = 0.5 * (heights[solid].min() + heights[solid].max())
    below = float((heights[centres] < middle).mean())
    if WRONG_SIDE < below < 1.0 - WRONG_SIDE:
        raise spec.fault(
            run.path,
            f"{below:.0%} of the {spec.liquid.region} lies below the solid, where "
            f"{spec.nominal_key} has vacuum; give a run with the liquid on one side",
        )
    if below > 0.5:
        logger.info("%s: turned by 180° about x, the solid below", run.path)
        run.positions[:, :, 1] *= -1.0
        run.positions[:, :, 2] *= -1.0
        run.positions[:, :, 2] += float(run.cell[2, 2])
