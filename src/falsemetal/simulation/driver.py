"""Molecular dynamics by any engine: recorded, judged, and resumed after a kill."""

from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

from ase.calculators.calculator import CalculationFailed

from falsemetal.interruption import InterruptedRunError
from falsemetal.progress import logger
from falsemetal.simulation.engine import MDEngine, Sample
from falsemetal.simulation.health import find_broken_molecules, find_failure
from falsemetal.simulation.recording import TrajectoryWriter
from falsemetal.simulation.settings import Conditions
from falsemetal.systems.system import System


def simulate(
    start: System,
    engine: MDEngine,
    conditions: Conditions,
    *,
    path: str | Path,
    identity: dict[str, Any],
    interrupted: Callable[[], bool],
    progress: Callable[[int], None],
    stamp: dict[str, Any] | None = None,
) -> None:
    """Run until all steps are reached, continuing an unfinished run of the same file.

    On one machine's CPU a run that was interrupted and continued, however often, gives the numbers
    of one that was not, to the last bit.

    The engine was made for the start and for these conditions. A run that fails ends the `.h5` at
    `path` with the frames up to that point, and the reason in
    :attr:`falsemetal.simulation.trajectory.Trajectory.failure`. `identity`, ready for JSON, is what
    the run depends on, without the engine's own; an unfinished run of another one, or of another
    start, is not continued. `interrupted` is asked after every sample, and while the engine gives
    none, whether to end: then InterruptedRunError is raised once what can be continued exactly is
    saved. `progress` is told the number of steps reached; the provenance (`stamp`) is kept in the
    trajectory.
    """
    writer = TrajectoryWriter(
        path,
        start,
        timestep_fs=conditions.timestep_fs,
        frame_interval_steps=conditions.frame_interval_steps,
        creator=engine.name,
        parameters=identity | {"engine": engine.identity()},
        stamp=stamp,
    )
    try:
        failure = _run(start, engine, conditions, writer, interrupted, progress)
        if failure is None:
            writer.finish(conditions.n_steps)
        else:
            logger.warning("%s: stopped at %s", path, failure)
            writer.fail(failure)
    except InterruptedRunError:
        saved = writer.checkpoint.step if writer.checkpoint else 0
        logger.info("%s: told to end; saved at step %d of %d", path, saved, conditions.n_steps)
        raise
    finally:
        writer.close()


def _run(
    start: System,
    engine: MDEngine,
    conditions: Conditions,
    writer: TrajectoryWriter,
    interrupted: Callable[[], bool],
    progress: Callable[[int], None],
) -> str | None:
    """Record all samples and return step and reason of a failure, or None."""
    saved, limits = writer.checkpoint, conditions.limits
    reached = saved.step if saved else 0
    mobile = ~start.fixed

    def report(step: int) -> None:
        nonlocal reached
        reached = max(reached, step)  # samples may come after the program has told of their steps
        progress(reached)

    def watch(step: int) -> None:
        report(step)
        if interrupted():
            raise InterruptedRunError

    if reached >= conditions.n_steps:
        report(reached)
        return None
    with closing(engine.run(saved, conditions.n_steps, watch=watch)) as samples:
        for index, sample in enumerate(_until_failure(samples)):
            if isinstance(sample, str):
                return f"step {reached}: {sample}"
            is_begin = index == 0
            is_frame = not is_begin and sample.step % conditions.frame_interval_steps == 0
            if is_begin and saved is None:
                _record(writer, sample)  # whatever it is: a trajectory has a frame
            forces = sample.forces[mobile]
            failure = find_failure(sample.positions, forces, sample.temperature_K, limits)
            if failure is None and is_frame:
                failure = find_broken_molecules(sample.positions, start, conditions.liquid, limits)
            if failure is not None:
                return f"step {sample.step}: {failure}"
            if is_frame:
                _record(writer, sample)
            if sample.checkpoint is not None:
                writer.save(sample.checkpoint)
            if is_begin or is_frame:
                report(sample.step)
            if not is_begin and interrupted() and sample.step < conditions.n_steps:
                state = engine.checkpoint()
                if state is not None:
                    writer.save(state)
                raise InterruptedRunError
    return None


def _until_failure(samples: Iterator[Sample]) -> Iterator[Sample | str]:
    """Pass on samples, and in the end why a calculator gave no more; but for the first, an error.

    What cannot be computed at the start is a fault of the input, later one of the potential.
    """
    yield next(samples)
    try:
        yield from samples
    except CalculationFailed as error:
        yield str(error)


def _record(writer: TrajectoryWriter, sample: Sample) -> None:
    writer.append(
        sample.step,
        sample.positions,
        potential_energy_eV=sample.potential_energy_eV,
        temperature_K=sample.temperature_K,
    )
