"""H5MD trajectories: where things are in the file, and how it is read."""

import json
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import h5py
import numpy as np

PARTICLES = "particles/all"
POSITION, EDGES = f"{PARTICLES}/position", f"{PARTICLES}/box/edges"
ENERGY, TEMPERATURE = "observables/potential_energy", "observables/temperature"
SERIES = (POSITION, EDGES, ENERGY, TEMPERATURE)


class Trajectory:
    """A finished H5MD trajectory, read in chunks; use as a context manager.

    Attributes
    ----------
    numbers
        Atomic numbers, shape (n_atoms,).
    cell, pbc
        Cell vectors as rows in Å, shape (3, 3), and periodicity, shape (3,).
    steps, times_ps
        Shape (n_frames,).
    temperature_K, potential_energy_eV
        Shape (n_frames,).
    parameters, provenance
        What defined the run, and what made the file.
    failure
        Why the run ended before its time, or None.
    """

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)
        try:
            self._file = h5py.File(self.path, "r")
        except OSError as error:
            raise OSError(
                f"{self.path}: not a readable HDF5 file ({error}); delete it and run again"
            ) from error
        particles = self._file[PARTICLES]
        self.numbers = particles["species"][:]
        self.cell = particles["box/edges/value"][0]
        boundary = particles["box"].attrs["boundary"]
        self.pbc = np.array([kind == "periodic" for kind in boundary])
        self._positions = particles["position/value"]
        self.steps = particles["position/step"][:]
        self.times_ps = particles["position/time"][:]
        self.potential_energy_eV = self._file[ENERGY]["value"][:]
        self.temperature_K = self._file[TEMPERATURE]["value"][:]
        attributes = self._file["parameters"].attrs
        self.parameters: dict[str, Any] = json.loads(attributes["json"])
        self.provenance: dict[str, Any] | None = json.loads(attributes.get("provenance", "null"))
        self.failure: str | None = attributes.get("failure")

    @property
    def timestep_fs(self) -> float:
        """Integration step."""
        return self.parameters["timestep_fs"]

    @property
    def n_frames(self) -> int:
        """Number of frames."""
        return len(self.steps)

    def position_chunks(
        self, start_frame: int = 0, chunk_frames: int = 200
    ) -> Iterator[np.ndarray]:
        """Yield unwrapped positions in Å, shape (up to chunk_frames, n_atoms, 3)."""
        for first in range(start_frame, self.n_frames, chunk_frames):
            yield self._positions[first : first + chunk_frames]

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()
