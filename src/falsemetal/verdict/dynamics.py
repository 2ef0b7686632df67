"""A short run of a film under a potential that is checked."""

import signal
from pathlib import Path
from typing import Any, cast

import numpy as np
from ase.calculators.abc import GetPropertiesMixin
from ase.md.velocitydistribution import MaxwellBoltzmannDistribution

from falsemetal.interruption import Interruption
from falsemetal.progress import Progress
from falsemetal.simulation.ase_engine import AseLangevin
from falsemetal.simulation.driver import simulate
from falsemetal.simulation.settings import Conditions
from falsemetal.systems.molecule import WATER
from falsemetal.systems.system import System
from falsemetal.verdict.probe import FILM, shipped_frame

TIMESTEP_FS, HYDROGEN_MASS_U, FRICTION_PER_FS, FRAME_FS = 1.0, 2.016, 0.01, 50.0
"""Deuterium's mass leaves equilibrium averages alone."""


def run_film(
    calculator: GetPropertiesMixin,
    duration_ps: float,
    path: Path,
    *,
    identity: dict[str, Any],
    temperature_K: float,
) -> None:
    """Run the shipped film, or go on with what a killed run left at `path`.

    It starts as SPC/E leaves it. `identity`, ready for JSON, tells the potential. A run that
    leaves the limits of temperature, force or broken molecules ends before its time, and its file
    tells why. InterruptedRunError if it is told to end.
    """
    frame = shipped_frame(FILM)
    MaxwellBoltzmannDistribution(frame, temperature_K=temperature_K, rng=np.random.RandomState(1))
    start = System.of(frame, WATER.region)
    interval = round(FRAME_FS / TIMESTEP_FS)
    conditions = Conditions(
        temperature_K=temperature_K,
        timestep_fs=TIMESTEP_FS,
        hydrogen_mass_u=HYDROGEN_MASS_U,
        frame_interval_steps=interval,
        seed=1,
        n_steps=max(1, round(duration_ps * 1000.0 / FRAME_FS)) * interval,
        liquid=WATER,
        label="film",
    )
    engine = AseLangevin(
        start, cast("Any", calculator), conditions, friction_per_fs=FRICTION_PER_FS
    )
    path.parent.mkdir(parents=True, exist_ok=True)
    progress = Progress(conditions.label, conditions.n_steps)
    with Interruption() as interrupted:
        # what stops a program at a terminal saves, too
        before = signal.signal(signal.SIGINT, lambda *_: signal.raise_signal(signal.SIGTERM))
        try:
            simulate(
                start,
                engine,
                conditions,
                path=path,
                identity={"potential": identity} | conditions.identity(extent=False),
                interrupted=interrupted,
                progress=progress.update,
            )
        finally:
            signal.signal(signal.SIGINT, before)
