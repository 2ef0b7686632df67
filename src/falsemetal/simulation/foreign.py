"""Trajectories of other programs: what ASE reads and, with a topology, what MDAnalysis reads."""

import warnings
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import ase.io
import h5py
import numpy as np
from ase import Atoms
from ase.data import chemical_symbols

from falsemetal.arrays import BoolArray, FloatArray, IntArray
from falsemetal.simulation.h5md import PARTICLES
from falsemetal.simulation.trajectory import Trajectory
from falsemetal.systems.molecule import Molecule
from falsemetal.systems.molecules import is_centre

VACUUM_A = 8.0
"""Height along z without atoms that bound the vacuum, from which a periodic cell holds a film."""

TIMES = {"time_ps": 1.0, "time_fs": 1e-3, "time": 1e-3}
"""Names of a frame's time, and each one's unit in ps; that without a unit is in fs."""

LEAST_FRAMES = 10
"""Frames that tell anything."""


class TrajectoryError(ValueError):
    """A file that is no trajectory of one system; the message says what to do."""


@dataclass(frozen=True)
class Told:
    """What a user tells of a file that does not tell it.

    Attributes
    ----------
    topology
        File of the elements, for trajectories without (DCD, XTC, foreign H5MD).
    types
        Elements in the order of LAMMPS' types, for dumps without a column `element`.
    interval_ps
        Between frames; by default what the file tells.
    cell_A
        Edges of the cell, in place of what the file tells.
    """

    topology: Path | None = None
    types: Sequence[str] | None = None
    interval_ps: float | None = None
    cell_A: Sequence[float] | None = None


@dataclass(frozen=True)
class Keys:
    """How a user would tell it, for messages; without `cell` nobody can tell that."""

    types: str
    interval: str
    liquid: str
    cell: str | None = None


@dataclass(frozen=True)
class Recording:
    """Frames of one system in memory.

    Numbers have the shape (n_atoms,), times (n_frames,), positions (n_frames, n_atoms, 3), Å; the
    cell's vectors are rows. Periodicity is what the file tells, or None where it tells nothing.
    """

    path: Path
    numbers: IntArray
    cell: FloatArray
    pbc: BoolArray | None
    times_ps: FloatArray
    positions: FloatArray

    @property
    def interval_ps(self) -> float:
        """Time between frames."""
        return float(np.diff(self.times_ps).mean())


def read_recording(path: Path, liquid: Molecule, told: Told, keys: Keys) -> Recording:
    """Read a trajectory of a liquid.

    TrajectoryError if it cannot be read, or is no trajectory of one system at constant volume.
    """
    try:
        first, positions, times_ps = _collect(path, _frames(path, told, keys), told)
    except TrajectoryError:
        raise
    except Exception as error:
        reason = (f"{type(error).__name__}: {error}".splitlines() or [""])[0]
        raise TrajectoryError(f"{path}: cannot be read as a trajectory: {reason}") from error
    if not is_centre(first.numbers, liquid).any():
        raise TrajectoryError(
            f"{path}: holds no {' or '.join(liquid.centres)}; describe the molecules by "
            f"{keys.liquid}"
        )
    return Recording(
        path=path,
        numbers=first.numbers.copy(),
        cell=first.cell.array.copy() if told.cell_A is None else np.diag(told.cell_A).astype(float),
        pbc=np.array(first.pbc) if first.pbc.any() else None,
        times_ps=_even(path, times_ps, len(positions), told, keys),
        positions=positions,
    )


def without_cell(path: Path, keys: Keys) -> str:
    """Message for a file that tells no cell."""
    return f"{path}: tells no cell" + (f"; give its edges: {keys.cell}" if keys.cell else "")


def is_own(path: Path) -> bool:
    """Tell whether a file is H5MD of this program; TrajectoryError if it cannot be opened."""
    if path.suffix not in {".h5", ".h5md"}:
        return False
    try:
        with h5py.File(path) as file:
            return PARTICLES in file and "parameters" in file
    except OSError as error:
        raise TrajectoryError(f"{path}: not a readable HDF5 file ({error})") from error


def widest_gaps(heights: FloatArray, period_A: float) -> tuple[FloatArray, FloatArray]:
    """Width and middle of the widest gap between heights in a period, by frame.

    Heights have the shape (n_frames, n), both results (n_frames,), in Å.
    """
    ordered = np.sort(heights % period_A, axis=1)
    gaps = np.diff(ordered, axis=1, append=ordered[:, :1] + period_A)
    widest = gaps.argmax(axis=1)
    rows = np.arange(len(gaps))
    width = gaps[rows, widest]
    return width, ordered[rows, widest] + 0.5 * width


def cut_along_z(positions: FloatArray, middles: FloatArray, period_A: float) -> None:
    """Wrap along z, in place, so that every frame begins at the middle of its gap.

    Gaps are followed from frame to frame: atoms move as they did, and no farther. Positions have
    the shape (n_frames, n_atoms, 3), middles (n_frames,); the first one becomes z = 0.
    """
    floors = np.unwrap(middles, period=period_A)
    heights = positions[:, :, 2]
    heights -= floors[:, None]
    heights %= period_A
    heights += (floors - floors[0])[:, None]


def _frames(path: Path, told: Told, keys: Keys) -> Iterator[Atoms]:
    if told.topology is not None:
        return _by_mdanalysis(path, told, told.topology, keys)
    if is_own(path):
        return _by_ourselves(path)
    return _by_ase(path, told.types, keys)


def _by_ase(path: Path, types: Sequence[str] | None, keys: Keys) -> Iterator[Atoms]:
    dump = path.suffix in {".lammpstrj", ".dump"}
    options: dict[str, Any] = {"format": "lammps-dump-text"} if dump else {}
    if types:
        options["specorder"] = list(types)
    for index, frame in enumerate(ase.io.iread(path, index=":", **options)):
        numbers = set(frame.numbers)
        if index == 0 and dump and not types and numbers == set(range(1, len(numbers) + 1)):
            raise TrajectoryError(
                f"{path}: tells types without elements; name these in their order: {keys.types}"
            )
        yield frame


def _by_ourselves(path: Path) -> Iterator[Atoms]:
    with Trajectory(path) as own:
        if own.failure is not None:
            raise TrajectoryError(f"{path}: ended before its time: {own.failure}")
        times = iter(own.times_ps)
        for chunk in own.position_chunks():
            for positions, time in zip(chunk, times, strict=False):
                yield Atoms(
                    own.numbers, positions, cell=own.cell, pbc=own.pbc, info={"time_ps": time}
                )


def _by_mdanalysis(path: Path, told: Told, topology: Path, keys: Keys) -> Iterator[Atoms]:
    try:
        import MDAnalysis
    except ImportError as error:
        raise TrajectoryError(
            f"{path}: with a topology MDAnalysis reads it; install it: "
            "pip install 'falsemetal[trajectory]'"
        ) from error
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        universe = MDAnalysis.Universe(str(topology), str(path))
        universe.trajectory.ts.time  # noqa: B018 (a reader without times warns here)
    untold = any("no dt information" in str(warning.message) for warning in caught)
    symbols = [_symbol(atom, topology) for atom in universe.atoms]
    for step in universe.trajectory:
        if step.dimensions is None and told.cell_A is None:
            raise TrajectoryError(without_cell(path, keys))
        yield Atoms(
            symbols,
            step.positions.astype(float),
            cell=step.dimensions,
            pbc=step.dimensions is not None,
            info={} if untold else {"time_ps": step.time},
        )


def _symbol(atom: Any, topology: Path) -> str:
    told = getattr(atom, "element", "") or atom.name.rstrip("0123456789")
    symbol = str(told).capitalize()
    for candidate in (symbol, symbol[:1]):
        if candidate in chemical_symbols:
            return candidate
    raise TrajectoryError(f"{topology}: '{told}' is no element; give a topology with elements")


def _collect(
    path: Path, frames: Iterable[Atoms], told: Told
) -> tuple[Atoms, FloatArray, FloatArray | None]:
    """First frame, positions of all, shape (n_frames, n_atoms, 3), and times in ps, if told."""
    first: Atoms | None = None
    positions: list[FloatArray] = []
    times: dict[str, list[float]] = {name: [] for name in TIMES}
    for index, frame in enumerate(frames):
        first = frame if first is None else first
        if len(frame) != len(first) or (frame.numbers != first.numbers).any():
            raise TrajectoryError(f"{path}: frame {index} holds other atoms than the first one")
        moved = np.abs(frame.cell.array - first.cell.array).max()
        if moved > 1e-4 and told.cell_A is None:
            raise TrajectoryError(
                f"{path}: the cell of frame {index} differs from the first one's; give a run at "
                "constant volume"
            )
        positions.append(frame.positions)
        for name in times.keys() & frame.info.keys():
            times[name].append(float(frame.info[name]))
    if first is None or len(positions) < LEAST_FRAMES:
        raise TrajectoryError(
            f"{path}: holds {len(positions)} frames; give at least {LEAST_FRAMES} of one run"
        )
    complete = [name for name in TIMES if len(times[name]) == len(positions)]
    times_ps = TIMES[complete[0]] * np.array(times[complete[0]]) if complete else None
    return first, np.array(positions, dtype=float), times_ps


def _even(
    path: Path, times_ps: FloatArray | None, n_frames: int, told: Told, keys: Keys
) -> FloatArray:
    """Require equal steps of times in ps, which then count from the first frame."""
    if told.interval_ps is not None:
        return np.asarray(told.interval_ps * np.arange(n_frames), float)
    if times_ps is None:
        raise TrajectoryError(
            f"{path}: tells no times; give the time between frames: {keys.interval}"
        )
    steps = np.diff(times_ps)
    if steps.min() <= 0.0 or np.ptp(steps) > 0.01 * steps.mean():
        raise TrajectoryError(
            f"{path}: its frames are {steps.min():.3g} to {steps.max():.3g} ps apart; give one run "
            f"with frames at equal times, or the time between them: {keys.interval}"
        )
    return np.asarray(times_ps - times_ps[0])
