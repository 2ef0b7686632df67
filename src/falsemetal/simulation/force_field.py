"""Langevin dynamics of the force field, recorded in the project's trajectory format."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from ase import Atoms

from falsemetal.config import WaterForceField
from falsemetal.potentials.force_field.engine import LammpsEngine, lammps_seeds
from falsemetal.simulation.checkpoint import Checkpoint
from falsemetal.simulation.recording import TrajectoryWriter


def run_force_field(
    start: Atoms,
    force_field: WaterForceField,
    *,
    n_steps: int,
    frame_interval_steps: int,
    timestep_fs: float,
    temperature_K: float,
    friction_per_fs: float,
    hydrogen_mass_u: float,
    seed: int,
    path: str | Path,
    checkpoint_interval_steps: int = 20_000,
    progress: Callable[[int], None] | None = None,
    log: str | Path | None = None,
    stamp: dict[str, Any] | None = None,
) -> None:
    """Run Langevin NVT by LAMMPS and write an H5MD trajectory.

    The run is a chain of segments, each begun from a checkpoint with a thermostat seeded by
    (seed, step). A run that was killed continues from its last checkpoint, and gives the same
    trajectory as one that was not. The centre of mass is kept at rest.

    Parameters
    ----------
    start
        Structure; velocities are drawn anew at `temperature_K`, since the masses may differ.
    force_field
        Parameters of the water model.
    n_steps
        Length, a multiple of `frame_interval_steps`.
    frame_interval_steps
        Steps between frames; the start is the first frame.
    timestep_fs, temperature_K, friction_per_fs
        Of the Langevin dynamics.
    hydrogen_mass_u
        Mass of hydrogen in u.
    seed
        Of velocities and thermostat.
    path
        Trajectory, ending in `.h5`.
    checkpoint_interval_steps
        Steps between checkpoints, rounded to whole frame intervals.
    progress
        Called with the steps done.
    log
        File to which LAMMPS appends its log, or None.
    stamp
        Provenance, kept in the trajectory.

    Raises
    ------
    ValueError
        If `n_steps` is not a multiple of `frame_interval_steps`.
    """
    if n_steps % frame_interval_steps:
        raise ValueError(
            f"n_steps: {n_steps} is not a multiple of frame_interval_steps: {frame_interval_steps}"
        )
    thermostat = {
        "temperature_K": temperature_K,
        "friction_per_fs": friction_per_fs,
        "hydrogen_mass_u": hydrogen_mass_u,
    }
    segment_steps = frame_interval_steps * max(1, checkpoint_interval_steps // frame_interval_steps)
    writer = TrajectoryWriter(
        path,
        start,
        timestep_fs=timestep_fs,
        frame_interval_steps=frame_interval_steps,
        creator="LAMMPS",
        parameters=thermostat
        | {
            "seed": seed,
            "segment_steps": segment_steps,
            "force_field": force_field.model_dump(mode="json"),
        },
        stamp=stamp,
    )
    report = progress or (lambda _: None)
    try:
        checkpoint = writer.checkpoint
        report(checkpoint.step if checkpoint else 0)
        while checkpoint is None or checkpoint.step < n_steps:
            checkpoint = _run_segment(
                writer,
                start,
                force_field,
                checkpoint,
                end=min((checkpoint.step if checkpoint else 0) + segment_steps, n_steps),
                seed=seed,
                report=report,
                log=log,
                **thermostat,
            )
            writer.save(checkpoint)
        writer.finish(n_steps)
    finally:
        writer.close()


def _run_segment(
    writer: TrajectoryWriter,
    start: Atoms,
    force_field: WaterForceField,
    checkpoint: Checkpoint | None,
    *,
    end: int,
    seed: int,
    temperature_K: float,
    friction_per_fs: float,
    hydrogen_mass_u: float,
    report: Callable[[int], None],
    log: str | Path | None,
) -> Checkpoint:
    step = checkpoint.step if checkpoint else 0
    atoms = start.copy()
    if checkpoint:
        atoms.positions = checkpoint.positions
        atoms.set_momenta(checkpoint.momenta)
    velocity_seed, thermostat_seed = lammps_seeds(seed, step)
    with LammpsEngine(atoms, force_field, hydrogen_mass_u=hydrogen_mass_u, log=log) as engine:
        if checkpoint is None:
            engine.command(
                f"velocity all create {temperature_K!r} {velocity_seed} mom yes dist gaussian"
            )
        engine.command(f"timestep {writer.timestep_fs!r}")
        engine.start_langevin(temperature_K, 1.0 / friction_per_fs, thermostat_seed)
        engine.command("run 0 post no")
        if checkpoint is None:
            _record(writer, engine, step)
        while step < end:
            engine.command(f"run {writer.frame_interval_steps} pre no post no")
            step += writer.frame_interval_steps
            _record(writer, engine, step)
            report(step)
        atoms.set_velocities(engine.velocities)
        return Checkpoint(step, engine.positions, atoms.get_momenta())


def _record(writer: TrajectoryWriter, engine: LammpsEngine, step: int) -> None:
    writer.append(
        step,
        engine.positions,
        potential_energy_eV=engine.potential_energy_eV,
        temperature_K=engine.temperature_K,
    )
