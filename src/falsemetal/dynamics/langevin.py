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
from falsemetal.dynamics.trajectory import Checkpoint, TrajectoryWriter
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
    stamp: dict[str, Any] | None = None,
) -> None:
    """Run until `n_steps` steps are reached, continuing an unfinished run of the same file.

    Parameters
    ----------
    start
        Equilibrated structure with velocities; unwrapped positions.
    calculator
        Energies and forces.
    dynamics
        Thermostat and timing. The centre of mass is held at rest.
    n_steps
        Steps to reach in total.
    seed
        Of the thermostat's noise.
    path
        Trajectory to write.
    parameters
        What else defines the run, ready for JSON; an unfinished run with others is not continued.
    progress
        Told the number of steps reached.
    stamp
        Provenance, kept in the trajectory.
    """
    atoms = start.copy()
    atoms.set_masses(np.where(atoms.numbers == 1, dynamics.hydrogen_mass_u, atoms.get_masses()))
    # a light hydrogen's start velocities belong to its own mass: the same momenta would be too hot
    atoms.set_velocities(_rescaled_velocities(start, atoms))
    atoms.set_constraint(FixCom())
    atoms.calc = calculator
    generator = np.random.Generator(np.random.PCG64(seed))
    interval = dynamics.frame_interval_steps
    settings = dynamics.model_dump(mode="json", exclude={"discard_ps"})
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
        atoms.set_velocities(writer.checkpoint.velocities)
        generator.bit_generator.state = writer.checkpoint.random_state
        calculator.slots = writer.checkpoint.neighbour_slots
    integrator = Langevin(
        atoms,
        timestep=dynamics.timestep_fs * ASE_FS,
        temperature_K=dynamics.temperature_K,
        friction=dynamics.friction_per_fs / ASE_FS,
        fixcm=False,
        rng=generator,
    )

    def state() -> Checkpoint:
        return Checkpoint(
            step,
            atoms.positions,
            atoms.get_velocities(),
            generator.bit_generator.state,
            calculator.slots,
        )

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
            integrator.run(min(interval, n_steps - step))
            step += min(interval, n_steps - step)
            _check_alive(atoms, step, path)
            _turn_back(atoms)
            record()
            if step % (interval * CHECKPOINT_FRAMES) == 0 or step == n_steps:
                writer.save(state())
                # a resumed run starts like this: both go on with the same forces to the last bit
                calculator.forget_neighbours()
            progress(step)
        writer.finish(n_steps)
    finally:
        writer.close()


def _rescaled_velocities(start: Atoms, atoms: Atoms) -> np.ndarray:
    factor = np.sqrt(start.get_masses() / atoms.get_masses())[:, None]
    velocities = start.get_velocities() * factor
    velocities -= np.average(velocities, axis=0, weights=atoms.get_masses())
    return velocities


def _check_alive(atoms: Atoms, step: int, path: str | Path) -> None:
    if not np.all(np.isfinite(atoms.positions)):
        raise FloatingPointError(
            f"{path}: positions are not finite at step {step}; the potential broke down. "
            "Lower dynamics.timestep_fs or train the potential on more data"
        )


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
