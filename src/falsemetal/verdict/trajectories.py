"""Trajectories of any format, for the observables."""

import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import ase.io
import numpy as np
from ase import Atoms
from ase.data import chemical_symbols

from falsemetal.arrays import BoolArray, FloatArray, IntArray, StrArray
from falsemetal.observables.runs import Frames
from falsemetal.simulation.h5md import PARTICLES
from falsemetal.simulation.trajectory import Trajectory
from falsemetal.systems.molecule import Molecule
from falsemetal.systems.molecules import is_centre
from falsemetal.verdict.errors import CheckError

VACUUM_A = 8.0
"""Height along z without a molecule's centre, from which a periodic cell holds a film."""

TIMES = ("time_ps", "time_fs", "time")
"""Names of a frame's time; that without a unit is in fs."""

LEAST_FRAMES = 10
"""Frames that tell anything."""


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
    """Read a trajectory: H5MD of this program, what ASE reads, or MDAnalysis with a topology.

    Parameters
    ----------
    path
        Of the trajectory. A film in a periodic cell (TTT with vacuum along z) is taken as a film.
    liquid
        Whose molecules it holds.
    topology
        File of the elements, for trajectories that do not tell them (DCD, XTC, foreign H5MD).
    types
        Elements in the order of LAMMPS' types, for dumps without a column `element`.
    interval_ps
        Between frames; by default what the file tells.

    Raises
    ------
    CheckError
        If it cannot be read, or is no trajectory of one system.
    """
    if topology is None and path.suffix in {".h5", ".h5md"} and _is_own(path):
        own: Any = Trajectory(path)
        return cast("Frames", own)
    try:
        times: FloatArray | None
        if topology is not None:
            frames, times = _by_mdanalysis(path, topology)
        else:
            frames, times = _by_ase(path, types)
    except CheckError:
        raise
    except Exception as error:
        reason = f"{type(error).__name__}: {error}".splitlines()[0]
        raise CheckError(f"{path}: cannot be read as a trajectory: {reason}") from error
    return _held(path, frames, times, liquid, interval_ps)


def _is_own(path: Path) -> bool:
    import h5py

    try:
        with h5py.File(path) as file:
            return PARTICLES in file and "parameters" in file
    except OSError as error:
        raise CheckError(f"{path}: not a readable HDF5 file ({error})") from error


def _by_ase(path: Path, types: Sequence[str] | None) -> tuple[list[Atoms], FloatArray | None]:
    dump = path.suffix in {".lammpstrj", ".dump"}
    options: dict[str, Any] = {"format": "lammps-dump-text"} if dump else {}
    if types:
        options["specorder"] = list(types)
    frames = ase.io.read(path, index=":", **options)
    assert isinstance(frames, list)
    if dump and not types and set(frames[0].numbers) <= {1, 2, 3} and 8 not in frames[0].numbers:
        raise CheckError(
            f"{path}: tells types without elements; name these in their order: --types O,H"
        )
    for name in TIMES:
        if all(name in frame.info for frame in frames):
            times: FloatArray = np.array([float(frame.info[name]) for frame in frames])
            return frames, times if name == "time_ps" else times / 1000.0
    return frames, None


def _by_mdanalysis(path: Path, topology: Path) -> tuple[list[Atoms], FloatArray | None]:
    try:
        import MDAnalysis
    except ImportError as error:
        raise CheckError(
            f"{path}: with a topology MDAnalysis reads it; install it: "
            "pip install 'falsemetal[trajectory]'"
        ) from error
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        universe = MDAnalysis.Universe(str(topology), str(path))
        atoms = universe.atoms
        symbols = [_symbol(atom, topology) for atom in atoms]
        frames, times = [], []
        for step in universe.trajectory:
            if step.dimensions is None:
                raise CheckError(f"{path}: tells no cell")
            frames.append(
                Atoms(symbols, step.positions.astype(float), cell=step.dimensions, pbc=True)
            )
            times.append(step.time)
    untold = any("no dt information" in str(warning.message) for warning in caught)
    return frames, None if untold else np.array(times)


def _symbol(atom: Any, topology: Path) -> str:
    told = getattr(atom, "element", "") or atom.name.rstrip("0123456789")
    symbol = str(told).capitalize()
    for candidate in (symbol, symbol[:1]):
        if candidate in chemical_symbols:
            return candidate
    raise CheckError(f"{topology}: '{told}' is no element; give a topology with elements")


def _held(
    path: Path,
    frames: Sequence[Atoms],
    times_ps: FloatArray | None,
    liquid: Molecule,
    interval_ps: float | None,
) -> HeldFrames:
    if len(frames) < LEAST_FRAMES:
        raise CheckError(
            f"{path}: holds {len(frames)} frames; give at least {LEAST_FRAMES} of one run"
        )
    first = frames[0]
    for index, frame in enumerate(frames):
        if len(frame) != len(first) or (frame.numbers != first.numbers).any():
            raise CheckError(f"{path}: frame {index} holds other atoms than the first one")
        if np.abs(frame.cell.array - first.cell.array).max() > 1e-4:
            raise CheckError(
                f"{path}: the cell of frame {index} differs from the first one's; give a run at "
                "constant volume"
            )
    if not is_centre(first.numbers, liquid).any():
        raise CheckError(
            f"{path}: holds no {' or '.join(liquid.centres)}; describe the molecules by --liquid"
        )
    if interval_ps is not None:
        times_ps = np.asarray(interval_ps * np.arange(len(frames)), float)
    if times_ps is None:
        raise CheckError(f"{path}: tells no times; give the time between frames: --interval PS")
    steps = np.diff(times_ps)
    if steps.min() <= 0.0 or np.ptp(steps) > 0.01 * steps.mean():
        raise CheckError(
            f"{path}: its frames are {steps.min():.3g} to {steps.max():.3g} ps apart; give one run "
            "with frames at equal times, or the time between them: --interval PS"
        )
    positions = np.array([frame.positions for frame in frames])
    pbc = np.array(first.pbc)
    if pbc.all():
        positions, is_film = _open(positions, first, liquid)
        pbc[2] = not is_film
    members = np.isin(first.get_chemical_symbols(), [*liquid.centres, *liquid.satellites])
    return HeldFrames(
        path=path,
        numbers=first.numbers.copy(),
        region=np.where(members, liquid.region, "other"),
        cell=first.cell.array.copy(),
        pbc=pbc,
        times_ps=times_ps - times_ps[0],
        positions=positions,
        temperature_K=np.full(len(frames), np.nan),  # formats tell none
    )


def _open(positions: FloatArray, first: Atoms, liquid: Molecule) -> tuple[FloatArray, bool]:
    """Positions with a film's vacuum at the cell's ends, and whether all frames have one."""
    height = float(first.cell[2, 2])
    heights = positions[:, :, 2] % height
    centres = np.sort(heights[:, is_centre(first.numbers, liquid)], axis=1)
    gaps = np.diff(centres, axis=1, append=centres[:, :1] + height)
    widest = gaps.argmax(axis=1)
    rows = np.arange(len(gaps))
    if gaps[rows, widest].min() < VACUUM_A:
        return positions, False
    floors = centres[rows, widest] + 0.5 * gaps[rows, widest]
    opened = positions.copy()
    opened[:, :, 2] = (heights - floors[:, None]) % height
    return opened, True
