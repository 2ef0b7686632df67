"""Systems equilibrated by the force field."""

from pathlib import Path

from falsemetal.potentials.force_field.engine import LammpsEngine
from falsemetal.potentials.force_field.md import TIMESTEP_FS, heat, run_in_parts
from falsemetal.potentials.force_field.settings import WaterForceField
from falsemetal.progress import Progress
from falsemetal.systems.system import System


def equilibrate(
    system: System,
    force_field: WaterForceField,
    *,
    temperature_K: float,
    duration_ps: float,
    seed: int,
    field_V_per_A: float = 0.0,
    label: str = "equilibration",
    log: str | Path | None = None,
) -> System:
    """Relax a system and run Langevin dynamics at constant volume, in a uniform field along z.

    LAMMPS appends its log to `log`. Returns the system unwrapped, with velocities (for hydrogen of
    normal mass).
    """
    n_steps = round(duration_ps * 1000.0 / TIMESTEP_FS)
    progress = Progress(label, n_steps)
    progress.update(0)
    with LammpsEngine(system.atoms, force_field, fixed=system.fixed, log=log) as engine:
        heat(engine, temperature_K, seed)
        if field_V_per_A:
            engine.apply_field(field_V_per_A)
        for done in run_in_parts(engine, n_steps):
            progress.update(done)
        return System(engine.snapshot(), system.region, system.fixed)
