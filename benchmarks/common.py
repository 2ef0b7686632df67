"""What all benchmarks share: water to start from, workers that take turns, and the table."""

import os
import platform
import resource
from collections.abc import Callable, Mapping
from concurrent.futures import ProcessPoolExecutor
from importlib.metadata import version
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from falsemetal.campaigns import WaterCube
from falsemetal.campaigns.kind import CampaignKind, StartSpec
from falsemetal.potentials.force_field.settings import WaterForceField
from falsemetal.specs import Origin
from falsemetal.systems.system import System
from falsemetal.systems.water import cubic_cell
from falsemetal.units import WATER_DENSITY_G_PER_CM3

RESULTS = Path(__file__).parent / "results"
PACKAGES = ("torch", "mace-torch", "e3nn", "ase", "numpy")
THREADS = 2
ORIGIN = Origin(name="benchmark", sha256="", seed=1)


def equilibrate(
    campaign: CampaignKind, size_A: float, force_field: WaterForceField | None = None
) -> System:
    """System of a campaign at 300 K, by SPC/E."""
    force_field = force_field or WaterForceField()
    shared = {"origin": ORIGIN, "force_field": force_field, "temperature_K": 300.0, "seed": 1}
    return campaign.start(StartSpec(campaign=campaign, size_A=size_A, **shared))


def equilibrate_cube(n_molecules: int, equilibration_ps: float) -> System:
    """Cube of liquid water at 300 K."""
    length_A = round(cubic_cell(n_molecules, WATER_DENSITY_G_PER_CM3)[0], 2)
    cube = WaterCube(kind="water_cube", sizes_A=[length_A], equilibration_ps=equilibration_ps)
    return equilibrate(cube, length_A)


class Worker:
    """A fresh process, so that no contender profits from what another one has set up.

    Parameters
    ----------
    setup
        Called in the process with `arguments`; gives the function that is timed there.
    """

    def __init__(
        self, setup: Callable[..., Callable[..., Any]], *arguments: Any, threads: int = THREADS
    ) -> None:
        # read where a library is loaded
        os.environ["OMP_NUM_THREADS"] = str(threads)
        self._pool = ProcessPoolExecutor(
            1,
            mp_context=get_context("spawn"),
            initializer=_prepare,
            initargs=(setup, arguments, threads),
        )
        self._pool.submit(int).result()

    def __call__(self, *arguments: Any) -> Any:
        """Call the function in the process."""
        return self._pool.submit(_call, arguments).result()

    def close(self) -> None:
        """End the process."""
        self._pool.shutdown()


_here: dict[str, Callable[..., Any]] = {}


def _prepare(
    setup: Callable[..., Callable[..., Any]], arguments: tuple[Any, ...], threads: int
) -> None:
    import torch

    torch.set_num_threads(threads)
    _here["timed"] = setup(*arguments)


def _call(arguments: tuple[Any, ...]) -> Any:
    return _here["timed"](*arguments)


def medians_in_turn(
    workers: Mapping[str, Worker], repeats: int, *arguments: Any
) -> dict[str, float]:
    """Median over repeats in which the workers take turns, so that a busy spell hits them all."""
    values: dict[str, list[float]] = {name: [] for name in workers}
    for _ in range(repeats):
        for name, worker in workers.items():
            values[name].append(worker(*arguments))
    return {name: float(np.median(found)) for name, found in values.items()}


def machine(threads: str) -> str:
    """Processor, threads and versions, in one line."""
    cpu = platform.processor() or platform.machine()
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
        cpu = next(line.split(":")[1].strip() for line in lines if line.startswith("model name"))
    except (OSError, StopIteration):
        pass
    versions = ", ".join(f"{name} {version(name)}" for name in PACKAGES)
    return f"{cpu}{threads}, Python {platform.python_version()}, {versions}"


def peak_memory_GB() -> float:
    """Largest memory that this process has had."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6


def keep(rows: list[dict[str, Any]], question: str, *, part: str | None = None) -> None:
    """Print the table and write it to `benchmarks/results/<question>.csv`.

    Parameters
    ----------
    rows
        Of the table.
    question
        Name of the file.
    part
        Column by which the table may be made in parts: rows of other parts stay.
    """
    threads = "" if "threads" in rows[0] else f", {THREADS} threads"
    table = pd.DataFrame(rows).assign(machine=machine(threads))
    print(table.drop(columns="machine").to_string(index=False))
    path = RESULTS / f"{question}.csv"
    RESULTS.mkdir(exist_ok=True)
    if part is not None and path.exists():
        before = pd.read_csv(path)
        table = pd.concat([before[~before[part].isin(table[part])], table])
    table.to_csv(path, index=False)
