"""Runs of one system, read block by block."""

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any, Protocol, cast

import numpy as np
import pandas as pd
from ase.data import atomic_numbers, chemical_symbols

from falsemetal.arrays import BoolArray, FloatArray, IntArray, StrArray
from falsemetal.estimators.dipole import (
    heights_above_centre,
    lateral_area,
    molecular_dipoles,
)
from falsemetal.estimators.relaxation import memory_ps
from falsemetal.observables.registry import INTERFACES, OBSERVABLES, ObserveSpec, needed
from falsemetal.progress import logger
from falsemetal.simulation.trajectory import Trajectory
from falsemetal.systems.boundary import Boundary, boundary_of
from falsemetal.systems.molecule import Molecule
from falsemetal.systems.molecules import Molecules, find_molecules, is_centre
from falsemetal.systems.surfaces import SOLID_REGIONS, outermost_planes

MAXIMUM_BLOCK = 200
"""Frames held in memory at once."""

BLOCKS = {Boundary.FILM: 64, Boundary.BULK: 40}
"""Blocks of a run, at least, if it has the frames."""


@dataclass(frozen=True)
class Block:
    """Consecutive frames of a run, with what the observables need of its system.

    Positions are of the liquid's atoms, unwrapped, shape (n_frames, n_atoms, 3), Å; numbers are
    their atomic numbers. `faces` are heights of the outermost planes of a solid's heaviest element,
    the lower and the upper one, shape (2, n_frames), Å, or None without a solid.
    """

    positions: FloatArray
    numbers: IntArray
    cell: FloatArray
    pbc: BoolArray
    liquid: Molecule
    faces: FloatArray | None

    def __len__(self) -> int:
        return len(self.positions)

    @cached_property
    def molecules(self) -> Molecules:
        """Molecules of each frame."""
        return find_molecules(
            self.positions, self.numbers, self.cell, self.pbc, molecule=self.liquid
        )

    def heights(self, positions: FloatArray) -> FloatArray:
        """Heights above the solid's upper face in Å, shape (n_frames, n_atoms).

        Without a solid above the centre of mass of these atoms themselves; in a periodic cell from
        0 to its height.
        """
        if self.faces is None:
            return heights_above_centre(positions)
        above = positions[..., 2] - self.faces[1][:, None]
        return np.asarray(above % self.cell[2, 2] if self.pbc[2] else above)

    @property
    def gap_A(self) -> FloatArray:
        """Height between the faces of a solid and its periodic image, shape (n_frames,), Å."""
        assert self.faces is not None, "a system without a solid has no gap"
        lower, upper = self.faces
        return np.asarray(self.cell[2, 2] - (upper - lower))

    def dipoles_z(self, charges: Mapping[str, float]) -> FloatArray:
        """Components of the molecular dipoles along z, shape (n_frames, n_molecules), e·Å.

        By fixed charges in e by element. A charged molecule, such as an ion, adds its charge times
        its height; only the sum over a neutral liquid has a meaning then.
        """
        molecules = self.molecules
        dipoles = molecular_dipoles(molecules, charges)[..., 2]
        of_centres = self.numbers[is_centre(self.numbers, self.liquid)]
        bound = sum(n * charges[e] for e, n in self.liquid.satellites.items())
        net = np.array([charges[chemical_symbols[z]] for z in of_centres]) + bound
        return dipoles + net * molecules.centres[..., 2] if np.abs(net).max() > 1e-9 else dipoles

    def of_atoms(self, charges: Mapping[str, float]) -> FloatArray:
        """Charge of each atom in e, shape (n_atoms,), by that of its element."""
        of_atoms = np.zeros(len(self.numbers))
        for element, charge in charges.items():
            of_atoms[self.numbers == atomic_numbers[element]] = charge
        return of_atoms

    def of_element(self, symbol: str) -> FloatArray:
        """Positions of the liquid's atoms of an element, shape (n_frames, n, 3), Å."""
        return self.positions[:, self.numbers == atomic_numbers[symbol]]

    @property
    def n_molecules(self) -> int:
        """Molecules of the liquid."""
        return int(np.count_nonzero(is_centre(self.numbers, self.liquid)))

    @property
    def area_A2(self) -> float:
        """Cross-section of the cell."""
        return lateral_area(self.cell)


class Frames(Protocol):
    """A trajectory of one system, whatever it is read from; attributes as of `Trajectory`."""

    path: Path
    numbers: IntArray
    region: StrArray
    cell: FloatArray
    pbc: BoolArray
    times_ps: FloatArray
    temperature_K: FloatArray
    failure: str | None

    @property
    def n_frames(self) -> int:
        """Number of frames."""

    def position_chunks(
        self, start_frame: int = 0, chunk_frames: int = 200
    ) -> Iterator[FloatArray]:
        """Yield positions in Å, unwrapped along z, shape (up to chunk_frames, n_atoms, 3)."""


@dataclass(frozen=True)
class CompletedRun:
    """What was collected of a run that reached its end, the number-th of the system's.

    `collected` holds by observable what its `collect` returned for each block, of `block_frames`.
    """

    number: int
    times_ps: FloatArray
    temperature_K: FloatArray
    block_frames: IntArray
    n_molecules: int
    area_A2: float
    collected: Mapping[str, list[Any]]

    def series(self, observable: str, key: str) -> FloatArray:
        """Values of every frame, which an observable collected by name, shape (n_frames, …)."""
        return np.concatenate([block[key] for block in self.collected[observable]])


@dataclass(frozen=True)
class Runs:
    """All runs of one system: those that reached their end, and why each of the others failed.

    `memory_ps` is what runs released from opposite dipoles tell of their memory, NaN without such.
    """

    completed: Sequence[CompletedRun]
    failures: Sequence[str]
    n_molecules: int
    memory_ps: float = math.nan

    @property
    def n_frames(self) -> int:
        """Frames of all completed runs."""
        return sum(len(run.times_ps) for run in self.completed)

    @property
    def interval_ps(self) -> float:
        """Time between two frames."""
        return float(np.diff(self.completed[0].times_ps).mean())

    @property
    def memory_frames(self) -> float:
        """Memory that other runs tell of, in frames; zero without such."""
        return float(np.nan_to_num(self.memory_ps / self.interval_ps))

    def series(self, observable: str, key: str) -> list[FloatArray]:
        """Values of every frame of each completed run."""
        return [run.series(observable, key) for run in self.completed]

    def frames(self, **columns: Sequence[FloatArray]) -> pd.DataFrame:
        """Table with a row per frame: `replica`, `time_ps` and columns by run."""
        tables = [
            pd.DataFrame(
                {"replica": run.number, "time_ps": run.times_ps}
                | {name: values[index] for name, values in columns.items()}
            )
            for index, run in enumerate(self.completed)
        ]
        return pd.concat(tables, ignore_index=True)


def observe(
    spec: ObserveSpec, paths: Sequence[str | Path], released: Sequence[str | Path] = ()
) -> dict[str, pd.DataFrame]:
    """Tabulate the observables of a system by name; runs that failed are only counted.

    Paths are of H5MD files of independent runs, and of runs that were released from a field, up and
    down in turn, which tell of a memory that the former may be too short for. But for `summary`
    tables are empty if all runs failed. ValueError if a run holds fewer than two frames after
    `discard_ps`, or runs differ in frame interval or in their atoms.
    """
    runs = read_runs(spec, [Path(path) for path in paths])
    if released:
        runs = replace(runs, memory_ps=_memory_ps(spec, [Path(path) for path in released]))
    tables = {}
    for name in spec.observables:
        module = OBSERVABLES[name].load()
        if runs.completed or hasattr(module, "tabulate_nothing"):
            make = module.tabulate if runs.completed else module.tabulate_nothing
            tables[name] = make(runs, spec)
        else:
            tables[name] = pd.DataFrame(columns=list(OBSERVABLES[name].columns))
    return tables


def _memory_ps(spec: ObserveSpec, released: Sequence[Path]) -> float:
    whole = spec.model_copy(update={"observables": ["voltage"], "discard_ps": 0.0})
    runs = read_runs(whole, released)
    up, down = (
        [run.series("voltage", "delta_V") for run in runs.completed if run.number % 2 == side]
        for side in (0, 1)
    )
    if not (up and down):
        logger.info("%s: released to one side alone, tells nothing of memory", released[0].parent)
        return math.nan
    return memory_ps(up, down, runs.interval_ps)


def read_runs(spec: ObserveSpec, paths: Sequence[Path]) -> Runs:
    """Collect what the observables need of each run; arguments and errors as :func:`observe`."""

    def opened() -> Iterator[Frames]:
        for path in paths:
            with Trajectory(path) as trajectory:
                yield cast("Frames", trajectory)

    return collect_runs(spec, opened())


def collect_runs(spec: ObserveSpec, trajectories: Iterable[Frames]) -> Runs:
    """Collect what the observables need of each run; errors as of :func:`observe`."""
    completed: list[CompletedRun] = []
    failures: list[str] = []
    paths: list[Path] = []
    n_molecules = 0
    for number, trajectory in enumerate(trajectories):
        path, boundary = trajectory.path, boundary_of(trajectory.pbc)
        paths.append(path)
        if boundary != spec.layout.boundary:
            raise ValueError(f"{path}: a {boundary} cell, not {spec.layout.boundary}")
        if spec.layout in INTERFACES and not np.isin(trajectory.region, SOLID_REGIONS).any():
            raise ValueError(f"{path}: holds no {' or '.join(SOLID_REGIONS)} beside the liquid")
        liquid = trajectory.region == spec.liquid.region
        centre = is_centre(trajectory.numbers, spec.liquid)
        n_molecules = int(np.count_nonzero(liquid & centre))
        if trajectory.failure:
            failures.append(f"{path.name}: {trajectory.failure}")
            continue
        run = collect_run(spec, trajectory, number)
        if completed:
            _require_same(paths, completed[0], run)
        completed.append(run)
    return Runs(completed, failures, n_molecules)


def collect_run(spec: ObserveSpec, trajectory: Frames, number: int) -> CompletedRun:
    """Collect what the observables need of a trajectory; ValueError if it has too few frames."""
    start = first_frame(trajectory, spec.discard_ps)
    liquid = trajectory.region == spec.liquid.region
    collectors = {
        name: module.collect
        for name in needed(spec.observables)
        if hasattr(module := OBSERVABLES[name].load(), "collect")
    }
    collected: dict[str, list[Any]] = {name: [] for name in collectors}
    lengths = []
    n_frames = trajectory.n_frames - start
    size = max(1, min(n_frames // BLOCKS[spec.layout.boundary], MAXIMUM_BLOCK))
    planes: tuple[BoolArray, BoolArray] | None = None
    if np.isin(trajectory.region, SOLID_REGIONS).any():
        planes = _outermost_planes(trajectory)
    for positions in trajectory.position_chunks(start, size):
        block = Block(
            positions[:, liquid],
            trajectory.numbers[liquid],
            trajectory.cell,
            trajectory.pbc,
            spec.liquid,
            None if planes is None else _heights(positions, planes),
        )
        for name, collect in collectors.items():
            collected[name].append(collect(block, spec))
        lengths.append(len(block))
    return CompletedRun(
        number=number,
        times_ps=trajectory.times_ps[start:],
        temperature_K=trajectory.temperature_K[start:],
        block_frames=np.array(lengths),
        n_molecules=block.n_molecules,
        area_A2=block.area_A2,
        collected=collected,
    )


def _outermost_planes(trajectory: Frames) -> tuple[BoolArray, BoolArray]:
    """Tell which atoms are the lower and the upper plane of a solid, in the first frame."""
    [first] = next(iter(trajectory.position_chunks(0, 1)))
    solid = np.isin(trajectory.region, SOLID_REGIONS)
    return outermost_planes(first[:, 2], trajectory.numbers, solid)


def _heights(positions: FloatArray, planes: tuple[BoolArray, BoolArray]) -> FloatArray:
    return np.array([positions[:, plane, 2].mean(axis=1) for plane in planes])


def first_frame(trajectory: Frames, discard_ps: float) -> int:
    """Index of the first frame that is analysed; ValueError if fewer than two frames remain."""
    start = int(np.searchsorted(trajectory.times_ps, discard_ps))
    n_frames = trajectory.n_frames - start
    if n_frames < 2:
        raise ValueError(
            f"{trajectory.path}: {max(n_frames, 0)} frames after the first {discard_ps:g} ps; "
            "run longer or lower discard_ps"
        )
    return start


def _require_same(paths: Sequence[Path], first: CompletedRun, other: CompletedRun) -> None:
    expected_ps, found_ps = (float(np.diff(run.times_ps).mean()) for run in (first, other))
    if not np.isclose(found_ps, expected_ps, rtol=1e-3):
        raise ValueError(
            f"{paths[other.number]}: frames every {found_ps:g} ps, but {expected_ps:g} ps in "
            f"{paths[first.number]}"
        )
    alike = np.isclose(first.area_A2, other.area_A2, rtol=1e-4)
    if first.n_molecules != other.n_molecules or not alike:
        raise ValueError(f"{paths[other.number]}: another system than {paths[first.number]}")
