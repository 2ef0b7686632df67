"""Writing H5MD trajectories that a kill cannot spoil.

A file holds frames and, in the group `checkpoint`, what an exact continuation needs. A run grows
under two names: `<name>.part.h5` holds the latest frames and `<name>.earlier.h5` those before, so
that a checkpoint of a long run writes little. Each save works on a copy that is renamed over the
old file once it is complete, so that whatever happens there is always a whole one to resume from. A
finished run gets its final name as a second name of `<name>.earlier.h5` (a hard link): what
Snakemake deletes before it runs a job again is not lost, and a run that is to be longer continues.
"""

import json
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from falsemetal.files import array_sha256
from falsemetal.locks import lock
from falsemetal.progress import logger
from falsemetal.simulation import h5md
from falsemetal.simulation.checkpoint import Checkpoint, read_checkpoint, write_checkpoint
from falsemetal.systems.system import System

FRAMES_PER_PART = 1000
"""Frames after which the latest are put to those before."""


class TrajectoryWriter:
    """Collect frames in memory and save them together with a checkpoint.

    The path ends in `.h5`; positions of the start tell one start from another. An unfinished file
    with other parameters, which define the run and are ready for JSON, or of another structure is
    discarded rather than continued; OSError if it cannot be read, and it is left as it is. The
    provenance (`stamp`) is kept in the file.

    `checkpoint` is where this run, or an earlier one of the same file, was saved last; or None.
    """

    def __init__(
        self,
        path: str | Path,
        start: System,
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
        self._parameters = parameters | {
            "timestep_fs": timestep_fs,
            "frame_interval_steps": frame_interval_steps,
            "start_sha256": _checksum(start),
        }
        self._create = partial(
            h5md.create_file,
            system=start,
            creator=creator,
            parameters=self._parameters,
            stamp=stamp,
        )
        self._append = partial(
            h5md.append_frames, cell=start.atoms.cell.array, timestep_fs=timestep_fs
        )
        self._frames: list[h5md.Frame] = []
        self._lock = lock(self.path)
        self.checkpoint = self._resume()

    def append(
        self, step: int, positions: np.ndarray, *, potential_energy_eV: float, temperature_K: float
    ) -> None:
        """Add a frame; positions unwrapped, in Å. It is on disk after the next save."""
        copy = np.array(positions, dtype=np.float32)
        self._frames.append((step, copy, potential_energy_eV, temperature_K))

    def save(self, checkpoint: Checkpoint) -> None:
        """Write the frames collected so far and the checkpoint, atomically.

        OSError if a file cannot be written; what was saved before is as it was.
        """
        with self._draft_of(self.part) as draft:
            self._append(draft, self._frames)
            write_checkpoint(draft, checkpoint)
            n_frames = len(draft[h5md.POSITION]["step"])
        self.checkpoint = checkpoint
        self._frames.clear()
        if n_frames >= FRAMES_PER_PART:
            self._put_part_to_earlier()

    def finish(self, n_steps: int) -> None:
        """Give the saved run its final name, without the frames beyond `n_steps`."""
        self._put_part_to_earlier()
        if self.checkpoint is not None and self.checkpoint.step > n_steps:
            with self._draft_of(self.earlier, self.path) as draft:
                del draft["checkpoint"]
                h5md.truncate(draft, n_steps)
        else:
            self.path.unlink(missing_ok=True)
            _link(self.earlier, self.path)
        self.close()

    def fail(self, reason: str) -> None:
        """Give a failed run its final name, with all frames and the reason.

        The last checkpoint stays as it is: with other limits the run continues from there.
        """
        self._put_part_to_earlier()
        with self._draft_of(self.earlier, self.path) as draft:
            self._append(draft, self._frames)
            draft["parameters"].attrs["failure"] = reason
        self.close()

    def _put_part_to_earlier(self) -> None:
        if not self.part.exists():
            return
        if self.earlier.exists():
            with self._draft_of(self.earlier) as draft, h5py.File(self.part, "r") as part:
                h5md.append_file(draft, part)
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
            reason = " ".join(str(error).split())  # HDF5's has several lines
            raise OSError(
                f"{self.path}: could not be written ({reason}); make room and run again: the run "
                f"continues from {kept}"
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
                    checkpoints.append(read_checkpoint(file))
                    steps = file[h5md.POSITION]["step"]
                    first_step = int(steps[0]) if len(steps) else checkpoints[-1].step
            except (OSError, KeyError) as error:
                self._lock.release()
                others = " and ".join(file.name for file in saved if file != path)
                remedy = f"move it{f' and {others}' if others else ''} away to start the run anew"
                if path == self.part and others:
                    remedy = "move the file away to continue without it"
                reason = " ".join(str(error).split())
                raise OSError(
                    f"{path}: the unfinished run cannot be read ({reason}); {remedy}"
                ) from error
            if found != json.loads(json.dumps(self._parameters)):
                for file in saved:
                    kept = file.replace(file.with_suffix(".h5.old"))
                    logger.info("%s: made with other settings, kept as %s", file, kept.name)
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
        logger.info("%s: continues from step %d", self.path, latest.step)
        return latest


def _checksum(start: System) -> str:
    atoms, region = start.atoms, np.char.encode(start.region, "utf-8")
    arrays = (atoms.numbers, atoms.positions, atoms.cell.array, atoms.pbc, region, start.fixed)
    return array_sha256(arrays)


def _link(source: Path, target: Path) -> None:
    try:
        target.hardlink_to(source)
    except OSError:  # a file system without hard links
        shutil.copyfile(source, target)
