"""Frames as a user's own program would have left them."""

from pathlib import Path
from typing import Any

import ase.io
import numpy as np
from ase import Atoms

from falsemetal.systems.molecule import WATER
from falsemetal.systems.molecules import whole_molecules
from falsemetal.systems.system import System

INTERVAL_PS = 0.05


def tumbling(start: System, n_frames: int, *, seed: int = 1) -> list[Atoms]:
    """Frames in which water turns about x and shakes, and all else rests."""
    generator = np.random.default_rng(seed)
    water = start.within("water")
    part = start.atoms[water]
    cell = (part.cell.array, part.pbc)
    whole, owner = whole_molecules(part.positions, part.numbers, *cell, molecule=WATER)
    centres = whole[part.numbers == 8]
    offsets = whole - centres[owner]
    frames = []
    for index in range(n_frames):
        angles = 0.3 * generator.normal(size=len(centres))[owner]
        turned = offsets.copy()
        turned[:, 1] = np.cos(angles) * offsets[:, 1] - np.sin(angles) * offsets[:, 2]
        turned[:, 2] = np.sin(angles) * offsets[:, 1] + np.cos(angles) * offsets[:, 2]
        frame = start.atoms.copy()
        frame.positions[water] = (centres + 0.05 * generator.normal(size=centres.shape))[owner]
        frame.positions[water] += turned
        frame.info["time_ps"] = INTERVAL_PS * index
        frames.append(frame)
    return frames


def wrapped(frames: list[Atoms], shift_A: float, drift_A: float = 0.0) -> list[Atoms]:
    """Copy into a periodic cell, move along z, by more in each frame, and wrap."""
    moved = [frame.copy() for frame in frames]
    for index, frame in enumerate(moved):
        frame.pbc = True
        frame.positions[:, 2] += shift_A + drift_A * index
        frame.wrap()
    return moved


def write(path: Path, frames: list[Atoms], **options: Any) -> Path:
    """Write frames; extended xyz unless another format is told."""
    ase.io.write(path, frames, **({"format": "extxyz"} | options))
    return path
