"""Molecular dynamics of the force field by LAMMPS: production runs, and what heats a start."""

from collections.abc import Callable, Generator, Iterator
from typing import Any

import numpy as np

from falsemetal.potentials.force_field.engine import LammpsEngine
from falsemetal.potentials.force_field.settings import WaterForceField
from falsemetal.simulation.checkpoint import Checkpoint
from falsemetal.simulation.engine import Sample
from falsemetal.simulation.settings import Conditions
from falsemetal.systems.system import System

SEGMENT_STEPS = 20_000
"""Steps between checkpoints: what a kill loses at most."""

SEED_LIMIT = 900_000_000
"""LAMMPS' largest seed."""

LANGEVIN_TIME_FS = 100.0
"""Relaxation time in sampling and equilibration."""

TIMESTEP_FS = 1.0
"""Of sampling and equilibration; flexible O-H bonds need 1 fs or less."""


class LammpsMD:
    """Langevin dynamics by LAMMPS; every frame is a sample.

    The centre of mass is at rest, unless fixed atoms hold the system in its place.

    A run is a chain of segments, each begun from a checkpoint with a thermostat seeded by (seed,
    step). It continues exactly from the ends of segments alone. Segments are rounded down to whole
    frame intervals, at least one.

    Velocities are drawn anew at the start, since the masses may differ; forces of the thermostat,
    by its friction, are part of those that samples hold.
    """

    name = "LAMMPS"

    def __init__(
        self,
        start: System,
        force_field: WaterForceField,
        conditions: Conditions,
        *,
        friction_per_fs: float,
        segment_steps: int = SEGMENT_STEPS,
    ) -> None:
        self._start, self._force_field, self._conditions = start, force_field, conditions
        self._relaxation_fs = 1.0 / friction_per_fs
        interval = conditions.frame_interval_steps
        self._segment_steps = interval * max(1, segment_steps // interval)

    def identity(self) -> dict[str, Any]:
        """Tell where thermostats are seeded anew."""
        return {"segment_steps": self._segment_steps}

    def run(
        self, checkpoint: Checkpoint | None, n_steps: int, *, watch: Callable[[int], None]
    ) -> Generator[Sample, None, None]:
        """Run; see :class:`falsemetal.simulation.engine.MDEngine`."""
        step = begin = checkpoint.step if checkpoint else 0
        interval = self._conditions.frame_interval_steps
        while step < n_steps:
            end = min(step + self._segment_steps, n_steps)
            with self._begin_segment(checkpoint) as engine:
                if step == begin:
                    yield _sample(engine, step)
                while step < end:
                    engine.command(f"run {interval} pre no post no")
                    step += interval
                    checkpoint = self._state(engine, step) if step == end else None
                    yield _sample(engine, step, checkpoint)

    def checkpoint(self) -> None:
        """Return None: a run continues from the ends of segments."""

    def _begin_segment(self, checkpoint: Checkpoint | None) -> LammpsEngine:
        conditions, atoms = self._conditions, self._start.atoms.copy()
        if checkpoint:
            atoms.positions = checkpoint.positions
            atoms.set_momenta(checkpoint.momenta)
        seeds = lammps_seeds(conditions.seed, checkpoint.step if checkpoint else 0)
        engine = LammpsEngine(
            atoms,
            self._force_field,
            fixed=self._start.fixed,
            hydrogen_mass_u=conditions.hydrogen_mass_u,
        )
        if checkpoint is None:
            engine.draw_velocities(conditions.temperature_K, seeds[0])
        engine.command(f"timestep {conditions.timestep_fs!r}")
        engine.start_langevin(conditions.temperature_K, self._relaxation_fs, seeds[1])
        engine.command("run 0 post no")
        return engine

    def _state(self, engine: LammpsEngine, step: int) -> Checkpoint:
        atoms = self._start.atoms.copy()
        atoms.set_velocities(engine.velocities)
        return Checkpoint(step, engine.positions, atoms.get_momenta())


def lammps_seeds(*entropy: int) -> tuple[int, int]:
    """Two independent seeds in the range that LAMMPS takes."""
    first, second = np.random.SeedSequence(entropy).generate_state(2)
    return int(first % SEED_LIMIT) + 1, int(second % SEED_LIMIT) + 1


def heat(engine: LammpsEngine, temperature_K: float, seed: int) -> None:
    """Relax a built structure and start Langevin dynamics at a temperature."""
    engine.minimise()
    engine.command(f"timestep {TIMESTEP_FS!r}")
    engine.draw_velocities(temperature_K, seed)
    engine.start_langevin(temperature_K, LANGEVIN_TIME_FS, seed)


def run_in_parts(engine: LammpsEngine, n_steps: int, part: int = 1000) -> Iterator[int]:
    """Run, and yield the steps done after every part."""
    for done in range(0, n_steps, part):
        engine.command(f"run {min(part, n_steps - done)} post no")
        yield min(done + part, n_steps)


def _sample(engine: LammpsEngine, step: int, checkpoint: Checkpoint | None = None) -> Sample:
    return Sample(
        step=step,
        positions=engine.positions,
        forces=engine.forces,
        potential_energy_eV=engine.potential_energy_eV,
        temperature_K=engine.temperature_K,
        checkpoint=checkpoint,
    )
