"""Production runs: one function for every potential and program."""

from pathlib import Path
from typing import Any

from falsemetal.interruption import Interruption
from falsemetal.potentials.runners import RunSpec
from falsemetal.progress import Progress
from falsemetal.simulation.driver import simulate
from falsemetal.systems.system import System


def run(
    spec: RunSpec, start: Path, folder: Path, path: Path, *, threads: int, stamp: dict[str, Any]
) -> None:
    """Run a potential until all steps are reached; to be called in the main thread.

    The run starts from a file of the equilibrated system; the model's folder need not be there for
    a potential without files. An unfinished trajectory at `path` is continued; it keeps the
    provenance (`stamp`). A SIGTERM raises InterruptedRunError once what can be continued exactly is
    saved.
    """
    system, conditions = System.read(start), spec.conditions
    engine = spec.runner.make_engine(system, conditions, path=path, folder=folder, threads=threads)
    with Interruption() as interrupted:
        simulate(
            system,
            engine,
            conditions,
            path=path,
            identity=spec.identity(extent=False),
            interrupted=interrupted,
            progress=Progress(conditions.label, conditions.n_steps).update,
            stamp=stamp,
        )
