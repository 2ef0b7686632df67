"""Writing H5MD trajectories that a kill cannot spoil.

A file holds frames and, in the group `checkpoint`, what an exact continuation needs. A run grows
under two names: `<name>.part.h5` holds the latest frames and `<name>.earlier.h5` those before, so
that a checkpoint of a long run writes little. Each save works on a copy that is renamed over the
old file once it is complete, so that whatever happens there is always a whole one to resume from. A
finished run gets its final name as a second name of `<name>.earlier.h5` (a hard link): what
Snakemake deletes before it runs a job again is not lost, and a run that is to be longer goes on.
"""

import hashlib
import json
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from ase import Atoms

from falsemetal import __version__
from falsemetal.locks import lock
from falsemetal.progress import logger
from falsemetal.simulation.checkpoint import Checkpoint, read_checkpoint, write_checkpoint
from falsemetal.simulation.trajectory import (
    EDGES,
    ENERGY,
    PARTICLES,
    POSITION,
    SERIES,
    TEMPERATURE,
)

FRAMES_PER_CHUNK = 16

FRAMES_PER_PART = 1000
"""Frames after which the latest are put to those before."""


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
        self.earlier = self.path.with_suffix(".earlier.h5")
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
            If a file cannot be written; what was saved before is as it was.
        """
        with self._draft_of(self.part) as draft:
            self._append_frames(draft)
            write_checkpoint(draft, checkpoint)
            n_frames = len(draft[POSITION]["step"])
        self.checkpoint = checkpoint
        self._frames.clear()
        if n_frames >= FRAMES_PER_PART:
            self._put_part_to_earlier()

    def finish(self, n_steps: int) -> None:
        """Give the saved run its final name, without the frames beyond `n_steps`."""
        self._put_part_to_earlier()
        if self.checkpoint.step > n_steps:
            with self._draft_of(self.earlier, self.path) as draft:
                _truncate(draft, n_steps)
        else:
            self.path.unlink(missing_ok=True)
            _link(self.earlier, self.path)
        self.close()

    def give_up(self, failure: str) -> None:
        """Give a run that broke down its final name, with all frames and the reason.

        The last checkpoint stays as it is: with other limits the run goes on from there.
        """
        self._put_part_to_earlier()
        with self._draft_of(self.earlier, self.path) as draft:
            self._append_frames(draft)
            draft["parameters"].attrs["failure"] = failure
        self.close()

    def _put_part_to_earlier(self) -> None:
        if not self.part.exists():
            return
        if self.earlier.exists():
            with self._draft_of(self.earlier) as draft, h5py.File(self.part, "r") as part:
                for name in SERIES:
                    for key in ("value", "step", "time"):
                        _extend(draft[name][key], part[name][key][:])
                write_checkpoint(draft, read_checkpoint(part))
            self.part.unlink()
        else:
            self.part.replace(self.earlier)

    @contextmanager
    def _draft_of(self, source: Path, target: Path | None = None) -> Iterator[h5py.File]:
        """Copy of a file, or a new one; takes its place once it is complete and on the disk."""
        draft = self.path.with_suffix(".draft.h5")
        draft.unlink(missing_ok=True)
        try:
            if source.exists():
                shutil.copyfile(source, draft)
            else:
                self._create(draft)
            with h5py.File(draft, "r+") as file:
                yield file
            with draft.open("rb") as stream:
                os.fsync(stream.fileno())
        except (OSError, RuntimeError) as error:
            draft.unlink(missing_ok=True)
            kept = f"step {self.checkpoint.step}" if self.checkpoint else "its beginning"
            raise OSError(
                f"{self.path}: could not be written ({error}); make room and run again: the run "
                f"goes on from {kept}"
            ) from error
        draft.replace(target or source)

    def close(self) -> None:
        """Let other processes write this trajectory; unsaved frames are dropped."""
        self._lock.release()

    def _resume(self) -> Checkpoint | None:
        saved = [path for path in (self.part, self.earlier) if path.exists()]
        checkpoints = []
        for path in saved:
            try:
                with h5py.File(path, "r") as file:
                    found = json.loads(file["parameters"].attrs["json"])
                    first_step = int(file[POSITION]["step"][0])
                    checkpoints.append(read_checkpoint(file))
            except (OSError, KeyError, IndexError) as error:
                self._lock.release()
                mend = (
                    "move the file away to go on without it"
                    if path == self.part and self.earlier.exists()
                    else f"move it and {self.part.name} away to start the run anew"
                )
                raise OSError(
                    f"{path}: the unfinished run cannot be read ({error}); {mend}"
                ) from error
            if found != json.loads(json.dumps(self._parameters)):
                self._put_away(saved)
                return None
            if saved == [self.part] and first_step != 0:
                self._lock.release()
                raise OSError(
                    f"{self.earlier}: missing, and {self.part.name} begins at step {first_step}; "
                    f"put it back, or move {self.part.name} away to start the run anew"
                )
        if not checkpoints:
            return None
        latest = max(checkpoints, key=lambda checkpoint: checkpoint.step)
        if len(saved) == 2 and checkpoints[0].step <= checkpoints[1].step:
            self.part.unlink()  # a kill left it behind after it was put to the earlier frames
        logger.info("%s: goes on from step %d", self.path, latest.step)
        return latest

    def _put_away(self, saved: list[Path]) -> None:
        for file in saved:
            kept = file.with_suffix(".h5.old")
            file.replace(kept)
            logger.info("%s: made with other settings; kept as %s, starting anew", file, kept.name)

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
        times_ps = np.array(steps) * self.timestep_fs / 1000.0
        for name, values in (
            (POSITION, np.stack(positions)),
            (ENERGY, np.array(energies)),
            (TEMPERATURE, np.array(temperatures)),
            (EDGES, np.tile(self._atoms.cell.array, (len(steps), 1, 1))),
        ):
            for key, data in (("value", values), ("step", np.array(steps)), ("time", times_ps)):
                _extend(file[name][key], data)


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


def _extend(dataset: h5py.Dataset, data: np.ndarray) -> None:
    dataset.resize(dataset.shape[0] + len(data), axis=0)
    dataset[-len(data) :] = data


def _link(source: Path, target: Path) -> None:
    try:
        target.hardlink_to(source)
    except OSError:  # a file system without hard links
        shutil.copyfile(source, target)


def _truncate(file: h5py.File, n_steps: int) -> None:
    del file["checkpoint"]
    for name in SERIES:
        group = file[name]
        n_frames = int(np.searchsorted(group["step"][:], n_steps, side="right"))
        for key in ("value", "step", "time"):
            group[key].resize(n_frames, axis=0)
