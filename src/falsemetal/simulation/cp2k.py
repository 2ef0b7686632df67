"""Dynamics of a Behler-Parrinello committee by CP2K, recorded in the project's trajectory format.

NVT with the CSVR thermostat, as the paper runs its BPNNP (Bussi, Donadio, Parrinello, J. Chem.
Phys. 126, 014101 (2007)).
"""

import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ase import Atoms

from falsemetal.config import RunLimits
from falsemetal.potentials.bpnnp.cp2k import Cp2kCommittee, nnp_input
from falsemetal.programs.cp2k import Cp2k, Cp2kError, require_cp2k
from falsemetal.programs.cp2k_frames import frame_files, read_frames, steps_done
from falsemetal.programs.cp2k_input import random_state
from falsemetal.progress import logger
from falsemetal.simulation.checkpoint import Checkpoint
from falsemetal.simulation.health import find_broken_molecules, find_failure
from falsemetal.simulation.interruption import InterruptedRunError
from falsemetal.simulation.langevin import at_rest
from falsemetal.simulation.recording import TrajectoryWriter

SEGMENT_ATOM_STEPS = 600_000
"""Atoms times steps of a segment: 5 to 10 minutes of one core.

CP2K's start and the forces that it begins with cost as much as one to nine steps.
"""


class _BrokenRunError(Exception):
    """The run is no longer one of the liquid it began with."""


def run_cp2k_nnp(
    start: Atoms,
    directory: str | Path,
    *,
    n_steps: int,
    frame_interval_steps: int,
    timestep_fs: float,
    temperature_K: float,
    csvr_time_fs: float,
    hydrogen_mass_u: float,
    seed: int,
    path: str | Path,
    limits: RunLimits,
    progress: Callable[[int], None],
    oh_cutoff_A: float = 1.2,
    n_ranks: int = 1,
    checkpoint_interval_steps: int | None = None,
    interrupted: Callable[[], bool] = lambda: False,
    stamp: dict[str, Any] | None = None,
) -> None:
    """Run CP2K until `n_steps` steps are reached, continuing an unfinished run of the same file.

    The run is a chain of segments, each a process of CP2K begun from the last checkpoint with a
    thermostat seeded by (seed, step); the thermostat has no memory, so the chain samples as one
    process would. A run that was killed loses at most a segment, and on one machine, with as many
    ranks, gives the trajectory of one that was not. To be called in the main thread.

    Parameters
    ----------
    start
        Equilibrated structure with velocities, periodic in all directions.
    directory
        Committee, as for :func:`falsemetal.potentials.bpnnp.cp2k.single_points`.
    n_steps
        Steps to reach in total, a multiple of `frame_interval_steps`.
    frame_interval_steps
        Steps between frames; the start is the first frame.
    timestep_fs, temperature_K, csvr_time_fs
        Of the dynamics and its thermostat, which acts on all atoms together.
    hydrogen_mass_u
        Mass of hydrogen in u.
    seed
        Of the thermostat's noise.
    path
        Trajectory to write, ending in `.h5`; CP2K runs in the folder `<name>.cp2k` beside it. A run
        that breaks down ends there with the frames up to that point, and the reason in
        :attr:`falsemetal.simulation.trajectory.Trajectory.failure`.
    limits
        Largest temperature, force and share of broken molecules of a frame.
    progress
        Told the number of steps reached, also while CP2K runs.
    oh_cutoff_A
        A hydrogen belongs to an oxygen within this distance; beyond, a molecule is broken.
    n_ranks
        MPI ranks of CP2K.
    checkpoint_interval_steps
        Length of a segment, rounded to whole frame intervals; default: some minutes.
    interrupted
        Asked about twice a second whether to end.
    stamp
        Provenance, kept in the trajectory.

    Raises
    ------
    ValueError
        If `n_steps` is not a multiple of `frame_interval_steps`, or the start has no velocities.
    ModelError, UnsupportedStructureError, Cp2kError
        For a committee or a structure that CP2K cannot treat, or when CP2K fails.
    InterruptedRunError
        If it was interrupted.
    """
    if n_steps % frame_interval_steps:
        raise ValueError(
            f"n_steps: {n_steps} is not a multiple of frame_interval_steps: {frame_interval_steps}"
        )
    if not start.has("momenta"):
        raise ValueError("start: has no velocities; equilibrate it first")
    committee = Cp2kCommittee.read(directory)
    committee.check(start)
    cp2k = require_cp2k()
    steps = checkpoint_interval_steps or SEGMENT_ATOM_STEPS // len(start)
    segment_steps = frame_interval_steps * max(1, round(steps / frame_interval_steps))
    conditions = {"temperature_K": temperature_K, "csvr_time_fs": csvr_time_fs, "seed": seed}
    writer = TrajectoryWriter(
        path,
        start,
        timestep_fs=timestep_fs,
        frame_interval_steps=frame_interval_steps,
        creator=f"CP2K {cp2k.version}",
        parameters=conditions
        | {
            "hydrogen_mass_u": hydrogen_mass_u,
            "segment_steps": segment_steps,
            "committee_sha256": committee.checksums(),
        },
        stamp=stamp,
    )
    run = _Run(
        cp2k,
        committee,
        at_rest(start, hydrogen_mass_u),
        writer,
        limits=limits,
        oh_cutoff_A=oh_cutoff_A,
        n_ranks=n_ranks,
        progress=progress,
        interrupted=interrupted,
        **conditions,
    )
    try:
        run.reach(n_steps, segment_steps)
    finally:
        writer.close()


@dataclass(frozen=True)
class _Run:
    cp2k: Cp2k
    committee: Cp2kCommittee
    atoms: Atoms
    writer: TrajectoryWriter
    temperature_K: float
    csvr_time_fs: float
    seed: int
    limits: RunLimits
    oh_cutoff_A: float
    n_ranks: int
    progress: Callable[[int], None]
    interrupted: Callable[[], bool]

    @property
    def folder(self) -> Path:
        return self.writer.path.with_suffix(".cp2k")

    def reach(self, n_steps: int, segment_steps: int) -> None:
        writer = self.writer
        checkpoint = writer.checkpoint
        if checkpoint is None:
            checkpoint = Checkpoint(0, self.atoms.positions, self.atoms.get_momenta())
        self.progress(checkpoint.step)
        try:
            while checkpoint.step < n_steps:
                if self.interrupted():
                    raise InterruptedRunError
                end = min(checkpoint.step + segment_steps, n_steps)
                checkpoint = self._run_segment(checkpoint, end)
                writer.save(checkpoint)
                self.progress(checkpoint.step)
        except InterruptedRunError:
            step = checkpoint.step
            logger.info("%s: told to end; saved at step %d of %d", writer.path, step, n_steps)
            raise
        except _BrokenRunError as failure:
            logger.warning("%s: stopped at %s", writer.path, failure)
            writer.give_up(str(failure))
        else:
            writer.finish(n_steps)
        shutil.rmtree(self.folder, ignore_errors=True)

    def _run_segment(self, checkpoint: Checkpoint, end: int) -> Checkpoint:
        """Run from a checkpoint to a step, collect the frames and return the state reached."""
        first, crash = checkpoint.step, None
        atoms = self.atoms.copy()
        atoms.positions = checkpoint.positions
        atoms.set_momenta(checkpoint.momenta, apply_constraint=False)
        shutil.rmtree(self.folder, ignore_errors=True)
        self.folder.mkdir(parents=True)

        def watch() -> None:
            if self.interrupted():
                raise InterruptedRunError
            reached = first + steps_done(self.folder)
            if first < reached < end:
                self.progress(reached)

        text = nnp_input(atoms, self.committee, self._motion(first, end), self.folder)
        try:
            self.cp2k.run(text, self.folder, n_ranks=self.n_ranks, watch=watch)
        except Cp2kError as error:
            crash = error  # perhaps since the atoms are nowhere, which the frames tell better
        offset_eV = self.committee.atomic_energy_eV(atoms)
        for steps, frame in read_frames(self.folder, atoms, offset_eV):
            if steps == 0 and self.writer.checkpoint is None:
                self._record(first, frame)  # whatever it is: a trajectory has a frame
            self._check(first + steps, frame)
            if steps > 0:
                self._record(first + steps, frame)
        if crash is not None:
            raise crash
        return Checkpoint(first + steps, frame.positions, frame.get_momenta())

    def _motion(self, step: int, end: int) -> dict[str, Any]:
        interval = self.writer.frame_interval_steps
        thermostat = {
            "TIMECON": f"[fs] {self.csvr_time_fs!r}",
            "RNG_INIT": {"": random_state(self.seed, step)},
        }
        md = {
            "ENSEMBLE": "NVT",
            "STEPS": end - step,
            "TIMESTEP": f"[fs] {self.writer.timestep_fs!r}",
            "TEMPERATURE": f"[K] {self.temperature_K!r}",
            "THERMOSTAT": {"TYPE": "CSVR", "REGION": "GLOBAL", "CSVR": thermostat},
            "PRINT": {"ENERGY": {"EACH": {"MD": interval}}},
        }
        return {"MD": md, "PRINT": frame_files(interval)}

    def _check(self, step: int, frame: Atoms) -> None:
        failure = find_failure(frame, self.limits)
        if failure is None:
            failure = find_broken_molecules(frame, self.limits, oh_cutoff_A=self.oh_cutoff_A)
        if failure is not None:
            raise _BrokenRunError(f"step {step}: {failure}")

    def _record(self, step: int, frame: Atoms) -> None:
        self.writer.append(
            step,
            frame.positions,
            potential_energy_eV=frame.get_potential_energy(),
            temperature_K=frame.get_temperature(),
        )
