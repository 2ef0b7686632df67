"""Langevin NVT of a model, written to H5MD and resumed after a kill (paper, S1.1.1)."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from ase import Atoms
from ase.constraints import FixCom
from ase.md.langevin import Langevin

from falsemetal.config import Dynamics
from falsemetal.potentials.calculator import ModelCalculator
from falsemetal.progress import logger
from falsemetal.simulation.checkpoint import Checkpoint
from falsemetal.simulation.health import find_broken_molecules, find_failure
from falsemetal.simulation.interruption import InterruptedRunError
from falsemetal.simulation.recording import TrajectoryWriter
from falsemetal.units import ASE_FS

CHECKPOINT_FRAMES = 20
"""Frames between two checkpoints."""

NOT_PHYSICAL = {"discard_ps", "limits", "device", "compile", "neighbour_skin_A"}
"""Settings under which a run is the same but for rounding, and is continued."""


def run_langevin(
    start: Atoms,
    calculator: ModelCalculator,
    dynamics: Dynamics,
    *,
    n_steps: int,
    seed: int,
    path: str | Path,
    parameters: dict[str, Any],
    progress: Callable[[int], None],
    oh_cutoff_A: float = 1.2,
    interrupted: Callable[[], bool] = lambda: False,
    stamp: dict[str, Any] | None = None,
) -> None:
    """Run until `n_steps` steps are reached, continuing an unfinished run of the same file.

    On one machine's CPU a run that was interrupted and continued, however often, gives the numbers
    of one that was not, to the last bit.

    Parameters
    ----------
    start
        Equilibrated structure with velocities; unwrapped positions.
    calculator
        Energies and forces.
    dynamics
        Thermostat, timing and limits. The centre of mass is held at rest.
    n_steps
        Steps to reach in total.
    seed
        Of the thermostat's noise.
    path
        Trajectory to write. A run that breaks down ends there with the frames up to that point, and
        the reason in :attr:`falsemetal.simulation.trajectory.Trajectory.failure`.
    parameters
        What else defines the run, ready for JSON; an unfinished run with others is not continued.
    progress
        Told the number of steps reached.
    oh_cutoff_A
        A hydrogen belongs to an oxygen within this distance; beyond, a molecule is broken.
    interrupted
        Asked after every step whether to end.
    stamp
        Provenance, kept in the trajectory.

    Raises
    ------
    InterruptedRunError
        If it was interrupted; the state is saved.
    """
    atoms = at_rest(start, dynamics.hydrogen_mass_u)
    atoms.calc = calculator
    generator = np.random.Generator(np.random.PCG64(seed))
    interval = dynamics.frame_interval_steps
    settings = dynamics.model_dump(mode="json", exclude=NOT_PHYSICAL)
    writer = TrajectoryWriter(
        path,
        start,
        timestep_fs=dynamics.timestep_fs,
        frame_interval_steps=interval,
        creator="falsemetal, ASE Langevin",
        parameters=parameters | {"dynamics": settings, "seed": seed},
        stamp=stamp,
    )
    step = 0
    if writer.checkpoint is not None:
        step = _go_on(atoms, calculator, generator, writer.checkpoint)
    integrator = Langevin(
        atoms,
        timestep=dynamics.timestep_fs * ASE_FS,
        temperature_K=dynamics.temperature_K,
        friction=dynamics.friction_per_fs / ASE_FS,
        fixcm=False,
        rng=generator,
    )

    def save() -> None:
        state = atoms.positions, atoms.get_momenta(), generator.bit_generator.state
        writer.save(Checkpoint(step, *state, calculator.neighbours))

    def record() -> None:
        writer.append(
            step,
            atoms.positions,
            potential_energy_eV=atoms.get_potential_energy(),
            temperature_K=atoms.get_temperature(),
        )

    try:
        atoms.get_forces()
        if writer.checkpoint is None:
            record()
        failure = find_failure(atoms, dynamics.limits)
        progress(step)
        while failure is None and step < n_steps:
            integrator.run(1)
            step += 1
            frame = step % interval == 0 or step == n_steps
            if frame:
                _turn_back(atoms)
            failure = find_failure(atoms, dynamics.limits)
            if failure is None and frame:
                failure = find_broken_molecules(atoms, dynamics.limits, oh_cutoff_A=oh_cutoff_A)
            if failure is not None:
                break
            if frame:
                record()
                if step % (interval * CHECKPOINT_FRAMES) == 0 or step == n_steps:
                    save()
                progress(step)
            if interrupted() and step < n_steps:
                save()
                logger.info("%s: told to end; saved at step %d of %d", path, step, n_steps)
                raise InterruptedRunError
        if failure is None:
            writer.finish(n_steps)
        else:
            logger.warning("%s: stopped at step %d: %s", path, step, failure)
            writer.give_up(f"step {step}: {failure}")
    finally:
        writer.close()


def at_rest(start: Atoms, hydrogen_mass_u: float) -> Atoms:
    """Copy of a structure with this mass of hydrogen and its centre of mass held at rest.

    Velocities keep their temperature: a heavier hydrogen with its old momentum would be too cold.
    """
    atoms = start.copy()
    atoms.set_masses(np.where(atoms.numbers == 1, hydrogen_mass_u, atoms.get_masses()))
    factor = np.sqrt(start.get_masses() / atoms.get_masses())[:, None]
    velocities = start.get_velocities() * factor
    velocities -= np.average(velocities, axis=0, weights=atoms.get_masses())
    atoms.set_velocities(velocities)
    atoms.set_constraint(FixCom())
    return atoms


def _go_on(
    atoms: Atoms,
    calculator: ModelCalculator,
    generator: np.random.Generator,
    checkpoint: Checkpoint,
) -> int:
    """Put everything back to where it was, and return the step."""
    atoms.set_positions(checkpoint.positions, apply_constraint=False)
    atoms.set_momenta(checkpoint.momenta, apply_constraint=False)
    generator.bit_generator.state = checkpoint.random_state
    calculator.neighbours = checkpoint.neighbours
    return checkpoint.step


def _turn_back(atoms: Atoms) -> None:
    """Reflect atoms that leave a slab's cell, as LAMMPS does in the reference's runs.

    Beyond the cell an evaporated molecule would meet the slab's image in the electrostatics.
    """
    if atoms.pbc[2]:
        return
    heights, velocities = atoms.positions[:, 2], atoms.get_velocities()
    leaving = (heights < 0.0) & (velocities[:, 2] < 0.0)
    leaving |= (heights > atoms.cell[2, 2]) & (velocities[:, 2] > 0.0)
    if leaving.any():
        velocities[leaving, 2] *= -1.0
        atoms.set_velocities(velocities)
