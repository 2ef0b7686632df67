"""Runs that others have made, as runs of a potential: read, held against a campaign, kept as H5MD.

The film of a run may lie anywhere in its periodic cell, with the solid on either side of the
liquid; it becomes whole and lies above its solid, as this program's own.
"""

from pathlib import Path
from typing import Any

import h5py
import numpy as np
from ase import Atoms

from falsemetal.arrays import FloatArray
from falsemetal.files import file_sha256
from falsemetal.potentials.recorded.fitting import lay_out, require_cell, require_size
from falsemetal.potentials.recorded.solid import find_solid
from falsemetal.potentials.recorded.spec import RecordedSpec
from falsemetal.progress import logger
from falsemetal.simulation import h5md
from falsemetal.simulation.foreign import Recording, Told, read_recording
from falsemetal.systems.boundary import PERIODICITY
from falsemetal.systems.molecules import is_centre
from falsemetal.systems.system import System

AT_REST_A = 1e-4
"""An atom that moves no farther in a run is fixed."""

FRAMES_AT_ONCE = 1000


def read_recorded(
    spec: RecordedSpec, source: Path, path: Path, *, topology: Path | None, stamp: dict[str, Any]
) -> None:
    """Read a run of whatever format and write it as H5MD, all of its frames.

    Temperatures and energies are NaN: formats tell none. TrajectoryError if it cannot be read, or
    is no run of the campaign's system.
    """
    told = Told(topology, spec.types, spec.interval_ps, spec.cell_A)
    run = read_recording(source, spec.liquid, told, spec.keys)
    periodic = require_cell(run, spec)
    first = Atoms(run.numbers, run.positions[0], cell=run.cell, pbc=(True, True, periodic))
    solid = find_solid(first, spec, source)
    require_size(first, solid, spec, source)
    lay_out(run, solid, spec, periodic=periodic)
    first.positions, first.pbc = run.positions[0], PERIODICITY[spec.nominal.layout.boundary]
    region = np.where(solid, str(spec.nominal.region), spec.liquid.region)
    fixed = np.ptp(run.positions, axis=0).max(axis=1) < AT_REST_A
    _write(path, run, System(first, region, fixed), spec, stamp)
    logger.info(
        "%s: %d frames, %.4g ps apart; %d molecules, %d atoms of the solid, %d of them fixed",
        *(source, len(run.positions), run.interval_ps),
        int(is_centre(run.numbers[~solid], spec.liquid).sum()),
        *(int(solid.sum()), int((fixed & solid).sum())),
    )


def _write(
    path: Path, run: Recording, system: System, spec: RecordedSpec, stamp: dict[str, Any]
) -> None:
    timestep_fs = 1000.0 * run.interval_ps
    parameters = spec.identity() | {
        "timestep_fs": timestep_fs,
        "frame_interval_steps": 1,
        "source": str(run.path),
        "sha256": file_sha256(run.path),
    }
    draft = path.with_suffix(".draft.h5")
    draft.unlink(missing_ok=True)
    h5md.create_file(
        draft,
        system=system,
        creator="falsemetal, from a file",
        parameters=parameters,
        stamp=stamp,
    )
    with h5py.File(draft, "r+") as file:
        for begin in range(0, len(run.positions), FRAMES_AT_ONCE):
            frames = _as_frames(run.positions[begin : begin + FRAMES_AT_ONCE], begin)
            h5md.append_frames(file, frames, cell=run.cell, timestep_fs=timestep_fs)
    draft.replace(path)


def _as_frames(positions: FloatArray, begin: int) -> list[h5md.Frame]:
    frames = enumerate(positions.astype(np.float32), begin)
    return [(step, frame, np.nan, np.nan) for step, frame in frames]
