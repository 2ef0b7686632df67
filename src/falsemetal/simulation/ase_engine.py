"""Langevin NVT of any ASE calculator (paper, S1.1.1)."""

from collections.abc import Callable, Generator
from typing import Any

import numpy as np
from ase import Atoms
from ase.calculators.calculator import Calculator
from ase.constraints import FixAtoms, FixCom
from ase.md.langevin import Langevin

from falsemetal.simulation.checkpoint import Checkpoint
from falsemetal.simulation.engine import Sample
from falsemetal.simulation.settings import Conditions
from falsemetal.systems.boundary import Boundary, boundary_of
from falsemetal.systems.system import System
from falsemetal.units import ASE_FS

CHECKPOINT_FRAMES = 20
"""Frames between two checkpoints."""


class AseLangevin:
    """Langevin dynamics by ASE; every step is a sample.

    The centre of mass is at rest, unless fixed atoms hold the system in its place.

    The start is equilibrated, with velocities. What runs depend on of the calculator is its
    `identity`, a dict ready for JSON, and what a neighbour list is continued by its `neighbours`,
    if it has them.
    """

    name = "falsemetal, ASE Langevin"

    def __init__(
        self,
        start: System,
        calculator: Calculator,
        conditions: Conditions,
        *,
        friction_per_fs: float,
    ) -> None:
        self._interval_steps = conditions.frame_interval_steps
        self._step = 0
        self._calculator: Any = calculator
        self._atoms = ready_to_move(start, conditions.hydrogen_mass_u)
        self._atoms.calc = calculator
        self._generator = np.random.Generator(np.random.PCG64(conditions.seed))
        self._integrator = Langevin(
            self._atoms,
            timestep=conditions.timestep_fs * ASE_FS,
            temperature_K=conditions.temperature_K,
            friction=friction_per_fs / ASE_FS,
            fixcm=False,
            rng=self._generator,
        )

    def identity(self) -> dict[str, Any]:
        """Tell what the calculator is."""
        found: dict[str, Any] | None = getattr(self._calculator, "identity", None)
        return {"calculator": type(self._calculator).__name__} if found is None else found

    def run(
        self, checkpoint: Checkpoint | None, n_steps: int, *, watch: Callable[[int], None]
    ) -> Generator[Sample, None, None]:
        """Run; see :class:`falsemetal.simulation.engine.MDEngine`."""
        if checkpoint is not None:
            self._restore(checkpoint)
        self._atoms.get_forces()
        yield self._sample()
        while self._step < n_steps:
            self._integrator.run(1)
            self._step += 1
            if self._step % self._interval_steps == 0:
                reflect_at_walls(self._atoms)
            due = self._step % (self._interval_steps * CHECKPOINT_FRAMES) == 0
            yield self._sample(self.checkpoint() if due or self._step == n_steps else None)

    def checkpoint(self) -> Checkpoint:
        """State at the present step, whichever it is."""
        return Checkpoint(
            self._step,
            self._atoms.positions,
            self._atoms.get_momenta(),
            dict(self._generator.bit_generator.state),
            getattr(self._calculator, "neighbours", None),
        )

    def _restore(self, checkpoint: Checkpoint) -> None:
        self._step = checkpoint.step
        self._atoms.set_positions(checkpoint.positions, apply_constraint=False)
        self._atoms.set_momenta(checkpoint.momenta, apply_constraint=False)
        if checkpoint.random_state is not None:
            self._generator.bit_generator.state = checkpoint.random_state
        if checkpoint.neighbours is not None:
            self._calculator.neighbours = checkpoint.neighbours

    def _sample(self, checkpoint: Checkpoint | None = None) -> Sample:
        results = self._calculator.results
        return Sample(
            step=self._step,
            positions=self._atoms.positions,
            forces=results["forces"],
            potential_energy_eV=float(results["energy"]),
            temperature_K=float(self._atoms.get_temperature()),
            checkpoint=checkpoint,
        )


def ready_to_move(start: System, hydrogen_mass_u: float) -> Atoms:
    """Copy atoms with this mass of hydrogen and their fixed atoms or centre of mass held at rest.

    Velocities keep their temperature: a heavier hydrogen with its old momentum would be too cold.
    """
    atoms: Atoms = start.atoms.copy()
    atoms.set_masses(np.where(atoms.numbers == 1, hydrogen_mass_u, atoms.get_masses()))
    factor = np.sqrt(start.atoms.get_masses() / atoms.get_masses())[:, None]
    velocities = start.atoms.get_velocities() * factor
    # never both: with fixed atoms the centre of mass of the others has a temperature, too
    if start.fixed.any():
        velocities[start.fixed] = 0.0
        constraint: FixAtoms | FixCom = FixAtoms(mask=start.fixed)
    else:
        velocities -= np.average(velocities, axis=0, weights=atoms.get_masses())
        constraint = FixCom()
    atoms.set_velocities(velocities)
    atoms.set_constraint(constraint)
    return atoms


def reflect_at_walls(atoms: Atoms) -> None:
    """Turn atoms back that leave a film's cell, as LAMMPS does in the force field's runs.

    Beyond the cell an evaporated molecule would meet the film's image in the electrostatics.
    """
    if boundary_of(atoms.pbc) is not Boundary.FILM:
        return
    heights, velocities = atoms.positions[:, 2], atoms.get_velocities()
    leaving = (heights < 0.0) & (velocities[:, 2] < 0.0)
    leaving |= (heights > atoms.cell[2, 2]) & (velocities[:, 2] > 0.0)
    if leaving.any():
        velocities[leaving, 2] *= -1.0
        atoms.set_velocities(velocities)
