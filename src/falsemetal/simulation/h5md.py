"""Layout of our H5MD files: where things are, and how frames are added and cut off."""

import json
from collections.abc import Sequence
from itertools import product
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from falsemetal import __version__
from falsemetal.arrays import FloatArray
from falsemetal.systems.system import FIXED, REGION, System

PARTICLES = "particles/all"
POSITION, EDGES = f"{PARTICLES}/position", f"{PARTICLES}/box/edges"
ENERGY, TEMPERATURE = "observables/potential_energy", "observables/temperature"
SERIES = (POSITION, EDGES, ENERGY, TEMPERATURE)
KEYS = ("value", "step", "time")

FRAMES_PER_CHUNK = 16


def create_file(
    path: Path,
    *,
    system: System,
    creator: str,
    parameters: dict[str, Any],
    stamp: dict[str, Any] | None,
) -> None:
    """Create a file without frames; parameters of the run and stamp are ready for JSON."""
    n_atoms = len(system.atoms)
    with h5py.File(path, "w") as file:
        meta = file.create_group("h5md")
        meta.attrs["version"] = [1, 1]
        meta.create_group("author").attrs["name"] = "falsemetal"
        meta.create_group("creator").attrs.update({"name": creator, "version": __version__})
        texts = {"json": json.dumps(parameters), "provenance": json.dumps(stamp)}
        file.create_group("parameters").attrs.update(texts)
        particles = file.create_group(PARTICLES)
        particles["species"] = system.atoms.numbers
        particles[REGION] = np.char.encode(system.region, "utf-8")
        particles[FIXED] = system.fixed
        box = particles.create_group("box")
        box.attrs["dimension"] = 3
        box.attrs["boundary"] = ["periodic" if p else "none" for p in system.atoms.pbc]
        # one cell per frame, though it never changes here: MDAnalysis reads no other form
        _create_series(file, EDGES, (3, 3), np.float64, "Angstrom")
        _create_series(file, POSITION, (n_atoms, 3), np.float32, "Angstrom")
        _create_series(file, ENERGY, (), np.float64, "eV")
        _create_series(file, TEMPERATURE, (), np.float64, "K")


Frame = tuple[int, np.ndarray, float, float]
"""Step, unwrapped positions in Å, shape (n_atoms, 3), potential energy in eV, temperature in K."""


def append_frames(
    file: h5py.File, frames: Sequence[Frame], *, cell: FloatArray, timestep_fs: float
) -> None:
    """Add frames at the end; the cell has the shape (3, 3), in Å."""
    if not frames:
        return
    steps, positions, energies, temperatures = map(np.array, zip(*frames, strict=True))
    times_ps = steps * timestep_fs / 1000.0
    cells = np.tile(cell, (len(steps), 1, 1))
    for name, values in zip(SERIES, (positions, cells, energies, temperatures), strict=True):
        for key, data in zip(KEYS, (values, steps, times_ps), strict=True):
            _extend(file[name][key], data)


def append_file(file: h5py.File, later: h5py.File) -> None:
    """Add all frames of a file that continues this one."""
    for name, key in product(SERIES, KEYS):
        _extend(file[name][key], later[name][key][:])


def truncate(file: h5py.File, n_steps: int) -> None:
    """Remove the frames beyond a step."""
    n_frames = int(np.searchsorted(file[POSITION]["step"][:], n_steps, side="right"))
    for name, key in product(SERIES, KEYS):
        file[name][key].resize(n_frames, axis=0)


def _create_series(
    parent: h5py.Group, name: str, shape: tuple[int, ...], dtype: type, unit: str
) -> None:
    group = parent.create_group(name)
    layout = {"chunks": (FRAMES_PER_CHUNK, *shape), "maxshape": (None, *shape)}
    group.create_dataset("value", shape=(0, *shape), dtype=dtype, **layout).attrs["unit"] = unit
    for key, kind in (("step", np.int64), ("time", np.float64)):
        group.create_dataset(key, shape=(0,), dtype=kind, chunks=(1024,), maxshape=(None,))
    group["time"].attrs["unit"] = "ps"


def _extend(dataset: h5py.Dataset, data: np.ndarray) -> None:
    dataset.resize(dataset.shape[0] + len(data), axis=0)
    dataset[-len(data) :] = data
