"""Finished H5MD trajectories, read in chunks."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Self

import h5py
import numpy as np

from falsemetal.simulation.h5md import ENERGY, PARTICLES, TEMPERATURE
from falsemetal.systems.boundary import Boundary, boundary_of
from falsemetal.systems.system import FIXED, REGION


class Trajectory:
    """A finished H5MD trajectory, read in chunks; use as a context manager.

    Atoms have numbers, a `region` and whether they are `fixed`, shape (n_atoms,); the cell's
    vectors are rows in Å. Steps, times, temperatures and energies have the shape (n_frames,).
    `parameters` defined the run, `provenance` made the file, and `failure` is why the run ended
    before its time, or None.
    """

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)
        try:
            self._read()
        except (OSError, LookupError, ValueError, TypeError, AttributeError, RuntimeError) as error:
            reason = " ".join(str(error).split())
            raise OSError(
                f"{self.path}: not a readable trajectory ({reason}); delete it, with "
                f"{self.path.stem}.earlier.h5 beside it if that is there, and run again"
            ) from error

    def _read(self) -> None:
        self._file = h5py.File(self.path, "r")
        particles = self._file[PARTICLES]
        self.numbers = particles["species"][:]
        self.region = np.char.decode(particles[REGION][:], "utf-8")
        self.fixed = particles[FIXED][:]
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
        self.provenance: dict[str, Any] | None = json.loads(attributes["provenance"])
        self.failure: str | None = attributes.get("failure")

    @property
    def boundary(self) -> Boundary:
        """How the system ends."""
        return boundary_of(self.pbc)

    @property
    def timestep_fs(self) -> float:
        """Integration step."""
        return float(self.parameters["timestep_fs"])

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

    def __exit__(self, *_: object) -> None:
        self.close()
