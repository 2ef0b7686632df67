"""Trajectories of any format, for the observables."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import numpy as np

from falsemetal.arrays import BoolArray, FloatArray, IntArray, StrArray
from falsemetal.observables.runs import Frames
from falsemetal.simulation.foreign import (
    VACUUM_A,
    Keys,
    Recording,
    Told,
    TrajectoryError,
    cut_along_z,
    is_own,
    read_recording,
    widest_gaps,
)
from falsemetal.simulation.trajectory import Trajectory
from falsemetal.systems.molecule import Molecule
from falsemetal.systems.molecules import has_element_of, is_centre
from falsemetal.verdict.errors import CheckError

OPTIONS = Keys(types="--types O,H", interval="--interval PS", liquid="--liquid")


@dataclass
class HeldFrames:
    """Frames in memory; attributes as of :class:`falsemetal.simulation.trajectory.Trajectory`."""

    path: Path
    numbers: IntArray
    region: StrArray
    cell: FloatArray
    pbc: BoolArray
    times_ps: FloatArray
    positions: FloatArray
    temperature_K: FloatArray
    failure: str | None = None

    @property
    def n_frames(self) -> int:
        """Number of frames."""
        return len(self.positions)

    def position_chunks(
        self, start_frame: int = 0, chunk_frames: int = 200
    ) -> Iterator[FloatArray]:
        """Yield positions in Å, shape (up to chunk_frames, n_atoms, 3)."""
        for first in range(start_frame, self.n_frames, chunk_frames):
            yield self.positions[first : first + chunk_frames]


def read_frames_of(
    path: Path,
    liquid: Molecule,
    *,
    topology: Path | None = None,
    types: Sequence[str] | None = None,
    interval_ps: float | None = None,
) -> Frames:
    """Read a trajectory: H5MD of this program, or what ASE or MDAnalysis reads.

    Of a liquid; a film in a periodic cell (TTT with vacuum along z) is taken as a film. Further
    arguments as of :class:`falsemetal.simulation.foreign.Told`. CheckError if it cannot be read, or
    is no trajectory of one system.
    """
    try:
        if topology is None and is_own(path):
            own: Any = Trajectory(path)
            return cast("Frames", own)
        told = Told(topology=topology, types=types, interval_ps=interval_ps)
        return _held(read_recording(path, liquid, told, OPTIONS), liquid)
    except TrajectoryError as error:
        raise CheckError(str(error)) from error


def _held(recording: Recording, liquid: Molecule) -> HeldFrames:
    numbers, positions = recording.numbers, recording.positions
    pbc = np.zeros(3, dtype=bool) if recording.pbc is None else recording.pbc
    if pbc.all():
        height = float(recording.cell[2, 2])
        widths, middles = widest_gaps(positions[:, is_centre(numbers, liquid), 2], height)
        if widths.min() >= VACUUM_A:
            cut_along_z(positions, middles, height)
            pbc[2] = False
    return HeldFrames(
        path=recording.path,
        numbers=numbers,
        region=np.where(has_element_of(numbers, liquid), liquid.region, "other"),
        cell=recording.cell,
        pbc=pbc,
        times_ps=recording.times_ps,
        positions=positions,
        temperature_K=np.full(len(positions), np.nan),  # formats tell none
    )
