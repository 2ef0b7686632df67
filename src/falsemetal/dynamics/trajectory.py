"""H5MD trajectories that a kill cannot spoil.

A file holds the frames and, in the group `checkpoint`, what an exact continuation needs. It grows
under the name `<name>.part.h5`; each save writes a copy and renames it over the old one, so that
whatever happens there is always a whole file to resume from. A finished run gets its final name as
a second name (a hard link): what Snakemake deletes before it runs a job again is not lost, and a
run that is to be longer goes on from its end.
"""

import hashlib
import json
import os
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import h5py
import numpy as np
from ase import Atoms

from falsemetal import __version__
from falsemetal.locks import lock
from falsemetal.progress import logger

PARTICLES = "particles/all"
POSITION, EDGES = f"{PARTICLES}/position", f"{PARTICLES}/box/edges"
ENERGY, TEMPERATURE = "observables/potential_energy", "observables/temperature"
SERIES = (POSITION, EDGES, ENERGY, TEMPERATURE)
FRAMES_PER_CHUNK = 16


@dataclass(frozen=True)
class NeighbourState:
    """What a neighbour list is made anew from, exactly as it was.

    Attributes
    ----------
    origin
        Positions for which it was filled, shape (n_atoms, 3), Å.
    slots
        Width of its rows.
    """

    origin: np.ndarray
    slots: int


@dataclass(frozen=True)
class Checkpoint:
    """State from which a run continues.

    Attributes
    ----------
    step
        Steps reached.
    positions
        Shape (n_atoms, 3), Å, unwrapped.
    momenta
        Shape (n_atoms, 3), in ASE's unit sqrt(u·eV).
    random_state
        State of the thermostat's random-number generator, or None where the engine keeps its own.
    neighbours
        Neighbour list of a trained model, which the order of its sums depends on, or None.
    """

    step: int
    positions: np.ndarray
    momenta: np.ndarray
    random_state: dict[str, Any] | None = None
    neighbours: NeighbourState | None = None


class TrajectoryWriter:
    """Collect frames in memory and save them together with a checkpoint.

    Parameters
    ----------
    path
        Final name of the file, ending in `.h5`.
    atoms
        Species, cell and periodicity.
    timestep_fs, frame_interval_steps
        Timing of the frames.
    creator
        Engine that makes the trajectory.
    parameters
        What defines the run, ready for JSON. An unfinished file with other parameters or another
        structure is discarded rather than continued.
    stamp
        Provenance, kept in the file.

    Raises
    ------
    OSError
        If an unfinished file cannot be read; it is left as it is.

    Attributes
    ----------
    checkpoint
        Where this run, or an earlier one of the same file, was saved last; or None.
    """

    def __init__(
        self,
        path: str | Path,
        atoms: Atoms,
        *,
        timestep_fs: float,
        frame_interval_steps: int,
        creator: str,
        parameters: dict[str, Any],
        stamp: dict[str, Any] | None = None,
    ) -> None:
        self.path = Path(path)
        self.part = self.path.with_suffix(".part.h5")
        self.timestep_fs = timestep_fs
        self.frame_interval_steps = frame_interval_steps
        self._atoms = atoms
        self._creator = creator
        self._stamp = stamp
        self._parameters = parameters | {
            "timestep_fs": timestep_fs,
            "frame_interval_steps": frame_interval_steps,
            "start_sha256": _structure_checksum(atoms),
        }
        self._frames: list[tuple[int, np.ndarray, float, float]] = []
        self._lock = lock(self.path)
        self.checkpoint = self._resume()

    def append(
        self,
        step: int,
        positions: np.ndarray,
        *,
        potential_energy_eV: float,
        temperature_K: float,
    ) -> None:
        """Add a frame; positions unwrapped, in Å. It is on disk after the next save."""
        frame = np.asarray(positions, dtype=np.float32)
        self._frames.append((step, frame.copy(), potential_energy_eV, temperature_K))

    def save(self, checkpoint: Checkpoint) -> None:
        """Write the frames collected so far and the checkpoint, atomically.

        Raises
        ------
        OSError
            If the file cannot be written; what was saved before is as it was.
        """
        draft = self._new_draft()
        try:
            self._copy_with_new_frames(draft)
            with h5py.File(draft, "r+") as file:
                _write_checkpoint(file, checkpoint)
            with draft.open("rb") as stream:
                os.fsync(stream.fileno())
        except (OSError, RuntimeError) as error:
            draft.unlink(missing_ok=True)
            kept = f"step {self.checkpoint.step}" if self.checkpoint else "its beginning"
            raise OSError(
                f"{self.path}: step {checkpoint.step} could not be saved ({error}); make room and "
                f"run again: the run goes on from {kept}"
            ) from error
        draft.replace(self.part)
        self.checkpoint = checkpoint
        self._frames.clear()

    def finish(self, n_steps: int) -> None:
        """Give the saved run its final name, without the frames beyond `n_steps`."""
        draft = self._new_draft()
        with h5py.File(self.part, "r") as file:
            too_long = int(file["checkpoint"].attrs["step"]) > n_steps
        if too_long:
            shutil.copyfile(self.part, draft)
            _truncate(draft, n_steps)
        else:
            _link(self.part, draft)
        draft.replace(self.path)
        self.close()

    def give_up(self, failure: str) -> None:
        """Give a run that broke down its final name, with all frames and the reason.

        The last checkpoint stays as it is: with other limits the run goes on from there.
        """
        draft = self._new_draft()
        self._copy_with_new_frames(draft)
        with h5py.File(draft, "r+") as file:
            file["parameters"].attrs["failure"] = failure
        draft.replace(self.path)
        self.close()

    def _copy_with_new_frames(self, draft: Path) -> None:
        if self.part.exists():
            shutil.copyfile(self.part, draft)
        else:
            self._create(draft)
        with h5py.File(draft, "r+") as file:
            self._append_frames(file)

    def _new_draft(self) -> Path:
        draft = self.path.with_suffix(".draft.h5")
        draft.unlink(missing_ok=True)
        return draft

    def close(self) -> None:
        """Let other processes write this trajectory; unsaved frames are dropped."""
        self._lock.release()

    def _resume(self) -> Checkpoint | None:
        if not self.part.exists():
            return None
        try:
            with h5py.File(self.part, "r") as file:
                found = json.loads(file["parameters"].attrs["json"])
                checkpoint = _read_checkpoint(file)
        except (OSError, KeyError) as error:
            self._lock.release()
            raise OSError(
                f"{self.part}: the unfinished run cannot be read ({error}); move the file away to "
                "start the run anew"
            ) from error
        if found != json.loads(json.dumps(self._parameters)):
            logger.info("%s: made with other settings; the run starts anew", self.part)
            self.part.unlink()
            return None
        logger.info("%s: goes on from step %d", self.path, checkpoint.step)
        return checkpoint

    def _create(self, path: Path) -> None:
        n_atoms = len(self._atoms)
        with h5py.File(path, "w") as file:
            meta = file.create_group("h5md")
            meta.attrs["version"] = [1, 1]
            meta.create_group("author").attrs["name"] = "falsemetal"
            creator = meta.create_group("creator")
            creator.attrs.update({"name": self._creator, "version": __version__})
            parameters = file.create_group("parameters")
            parameters.attrs["json"] = json.dumps(self._parameters)
            parameters.attrs["provenance"] = json.dumps(self._stamp)
            particles = file.create_group(PARTICLES)
            particles["species"] = self._atoms.numbers
            box = particles.create_group("box")
            box.attrs["dimension"] = 3
            box.attrs["boundary"] = ["periodic" if p else "none" for p in self._atoms.pbc]
            # one cell per frame, though it never changes here: MDAnalysis reads no other form
            edges = _create_series(file, EDGES, (3, 3), np.float64)
            edges["value"].attrs["unit"] = "Angstrom"
            position = _create_series(file, POSITION, (n_atoms, 3), np.float32)
            position["value"].attrs["unit"] = "Angstrom"
            energy = _create_series(file, ENERGY, (), np.float64)
            energy["value"].attrs["unit"] = "eV"
            temperature = _create_series(file, TEMPERATURE, (), np.float64)
            temperature["value"].attrs["unit"] = "K"

    def _append_frames(self, file: h5py.File) -> None:
        if not self._frames:
            return
        steps, positions, energies, temperatures = zip(*self._frames, strict=True)
        for name, values in (
            (POSITION, np.stack(positions)),
            (ENERGY, np.array(energies)),
            (TEMPERATURE, np.array(temperatures)),
            (EDGES, np.tile(self._atoms.cell.array, (len(steps), 1, 1))),
        ):
            group = file[name]
            times_ps = np.array(steps) * self.timestep_fs / 1000.0
            for key, data in (("value", values), ("step", np.array(steps)), ("time", times_ps)):
                dataset = group[key]
                dataset.resize(dataset.shape[0] + len(data), axis=0)
                dataset[-len(data) :] = data


class Trajectory:
    """A finished H5MD trajectory, read in chunks; use as a context manager.

    Attributes
    ----------
    numbers
        Atomic numbers, shape (n_atoms,).
    cell, pbc
        Cell vectors as rows in Å, shape (3, 3), and periodicity, shape (3,).
    steps, times_ps
        Shape (n_frames,).
    temperature_K, potential_energy_eV
        Shape (n_frames,).
    parameters, provenance
        What defined the run, and what made the file.
    failure
        Why the run ended before its time, or None.
    """

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)
        try:
            self._file = h5py.File(self.path, "r")
        except OSError as error:
            raise OSError(
                f"{self.path}: not a readable HDF5 file ({error}); delete it and run again"
            ) from error
        particles = self._file[PARTICLES]
        self.numbers = particles["species"][:]
        self.cell = particles["box/edges/value"][0]
        boundary = particles["box"].attrs["boundary"]
        self.pbc = np.array([kind == "periodic" for kind in boundary])
        self._positions = particles["position/value"]
        self.steps = particles["position/step"][:]
        self.times_ps = particles["position/time"][:]
        self.potential_energy_eV = self._file[ENERGY]["value"][:]
        self.temperature_K = self._file[TEMPERATURE]["value"][:]
        attributes = self._file["parameters"].attrs
        self.parameters: dict[str, Any] = json.loads(attributes["json"])
        self.provenance: dict[str, Any] | None = json.loads(attributes.get("provenance", "null"))
        self.failure: str | None = attributes.get("failure")

    @property
    def timestep_fs(self) -> float:
        """Integration step."""
        return self.parameters["timestep_fs"]

    @property
    def n_frames(self) -> int:
        """Number of frames."""
        return len(self.steps)

    def position_chunks(
        self, start_frame: int = 0, chunk_frames: int = 200
    ) -> Iterator[np.ndarray]:
        """Yield unwrapped positions in Å, shape (up to chunk_frames, n_atoms, 3)."""
        for first in range(start_frame, self.n_frames, chunk_frames):
            yield self._positions[first : first + chunk_frames]

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()


def _structure_checksum(atoms: Atoms) -> str:
    digest = hashlib.sha256()
    for array in (atoms.numbers, atoms.positions, atoms.cell.array, atoms.pbc):
        digest.update(np.ascontiguousarray(array).tobytes())
    return digest.hexdigest()


def _create_series(
    parent: h5py.Group, name: str, shape: tuple[int, ...], dtype: type
) -> h5py.Group:
    group = parent.create_group(name)
    layout = {"chunks": (FRAMES_PER_CHUNK, *shape), "maxshape": (None, *shape)}
    group.create_dataset("value", shape=(0, *shape), dtype=dtype, **layout)
    for key, kind in (("step", np.int64), ("time", np.float64)):
        group.create_dataset(key, shape=(0,), dtype=kind, chunks=(1024,), maxshape=(None,))
    group["time"].attrs["unit"] = "ps"
    return group


def _link(source: Path, target: Path) -> None:
    try:
        target.hardlink_to(source)
    except OSError:  # a file system without hard links
        shutil.copyfile(source, target)


def _truncate(path: Path, n_steps: int) -> None:
    with h5py.File(path, "r+") as file:
        del file["checkpoint"]
        for name in SERIES:
            group = file[name]
            n_frames = int(np.searchsorted(group["step"][:], n_steps, side="right"))
            for key in ("value", "step", "time"):
                group[key].resize(n_frames, axis=0)


def _write_checkpoint(file: h5py.File, checkpoint: Checkpoint) -> None:
    if "checkpoint" in file:
        del file["checkpoint"]
    group = file.create_group("checkpoint")
    group.attrs["step"] = checkpoint.step
    group.attrs["random_state"] = json.dumps(checkpoint.random_state)
    group["positions"] = np.asarray(checkpoint.positions, dtype=np.float64)
    group["momenta"] = np.asarray(checkpoint.momenta, dtype=np.float64)
    if checkpoint.neighbours is not None:
        group["neighbours/origin"] = checkpoint.neighbours.origin
        group["neighbours"].attrs["slots"] = checkpoint.neighbours.slots


def _read_checkpoint(file: h5py.File) -> Checkpoint:
    group = file["checkpoint"]
    neighbours = None
    if "neighbours" in group:
        found = group["neighbours"]
        neighbours = NeighbourState(found["origin"][:], int(found.attrs["slots"]))
    return Checkpoint(
        step=int(group.attrs["step"]),
        positions=group["positions"][:],
        momenta=group["momenta"][:],
        random_state=json.loads(group.attrs["random_state"]),
        neighbours=neighbours,
    )
