"""Langevin NVT of any ASE calculator, written to H5MD and resumed after a kill (paper, S1.1.1)."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from ase import Atoms
from ase.constraints import FixCom
from ase.md.langevin import Langevin

from falsemetal.config import Dynamics
from falsemetal.dynamics.calculator import ModelCalculator
from falsemetal.dynamics.checkpoint import Checkpoint
from falsemetal.dynamics.health import find_failure
from falsemetal.dynamics.interruption import InterruptedRunError
from falsemetal.dynamics.recording import TrajectoryWriter
from falsemetal.progress import logger
from falsemetal.units import ASE_FS

CHECKPOINT_FRAMES = 20
"""Frames between two checkpoints."""


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

    On one machine a run that was interrupted and continued, however often, gives the numbers of
    one that was not, to the last bit.

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
        the reason in :attr:`falsemetal.dynamics.trajectory.Trajectory.failure`.
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
    atoms = _prepare(start, dynamics)
    atoms.calc = calculator
    generator = np.random.Generator(np.random.PCG64(seed))
    interval = dynamics.frame_interval_steps
    settings = dynamics.model_dump(mode="json", exclude={"discard_ps", "limits"})
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
        step = writer.checkpoint.step
        atoms.set_positions(writer.checkpoint.positions, apply_constraint=False)
        atoms.set_momenta(writer.checkpoint.momenta, apply_constraint=False)
        generator.bit_generator.state = writer.checkpoint.random_state
        calculator.neighbours = writer.checkpoint.neighbours
    integrator = Langevin(
        atoms,
        timestep=dynamics.timestep_fs * ASE_FS,
        temperature_K=dynamics.temperature_K,
        friction=dynamics.friction_per_fs / ASE_FS,
        fixcm=False,
        rng=generator,
    )

    def save() -> None:
        random_state = generator.bit_generator.state
        momenta = atoms.get_momenta()
        writer.save(Checkpoint(step, atoms.positions, momenta, random_state, calculator.neighbours))

    def record() -> None:
        writer.append(
            step,
            atoms.positions,
            potential_energy_eV=atoms.get_potential_energy(),
            temperature_K=atoms.get_temperature(),
        )

    try:
        if writer.checkpoint is None:
            record()
        progress(step)
        while step < n_steps:
            integrator.run(1)
            step += 1
            if step % interval == 0 or step == n_steps:
                _turn_back(atoms)
                failure = find_failure(atoms, dynamics.limits, oh_cutoff_A=oh_cutoff_A)
                if failure is not None:
                    failure = f"step {step}: {failure}"
                    logger.warning("%s: stopped at %s", path, failure)
                    writer.give_up(failure)
                    return
                record()
                if step % (interval * CHECKPOINT_FRAMES) == 0 or step == n_steps:
                    save()
                progress(step)
            if interrupted() and step < n_steps:
                save()
                logger.info("%s: told to end; saved at step %d of %d", path, step, n_steps)
                raise InterruptedRunError
        writer.finish(n_steps)
    finally:
        writer.close()


def _prepare(start: Atoms, dynamics: Dynamics) -> Atoms:
    atoms = start.copy()
    atoms.set_masses(np.where(atoms.numbers == 1, dynamics.hydrogen_mass_u, atoms.get_masses()))
    # a light hydrogen's start velocities belong to its own mass: the same momenta would be too hot
    atoms.set_velocities(_rescaled_velocities(start, atoms))
    atoms.set_constraint(FixCom())
    return atoms


def _rescaled_velocities(start: Atoms, atoms: Atoms) -> np.ndarray:
    factor = np.sqrt(start.get_masses() / atoms.get_masses())[:, None]
    velocities = start.get_velocities() * factor
    velocities -= np.average(velocities, axis=0, weights=atoms.get_masses())
    return velocities


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
