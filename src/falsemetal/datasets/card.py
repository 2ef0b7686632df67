"""The dataset card: what is in a dataset, where it comes from and what was left out."""

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from ase import Atoms

from falsemetal.datasets.checks import Rejection
from falsemetal.datasets.settings import CurateSpec
from falsemetal.files import file_sha256
from falsemetal.systems.charged import frames_in_field
from falsemetal.systems.labels import (
    CHARGES,
    DIPOLE,
    ENERGY,
    FERMI_LEVEL,
    known_forces,
    total_charge,
)

UNITS = {"length": "Å", "energy": "eV", "forces": "eV/Å", "time": "ps", "charge": "e"}


def dataset_card(
    spec: CurateSpec,
    parts: Mapping[str, Sequence[Atoms]],
    rejections: Sequence[Rejection],
    files: Sequence[Path],
) -> dict[str, Any]:
    """Describe a dataset, ready for JSON, with the checksums of its files.

    Energies are per atom, by `config_type`; forces are components. `labels` counts the frames that
    have what models with charges learn from, and those of each total charge.
    """
    frames = [frame for part in parts.values() for frame in part]
    return {
        "name": spec.name,
        "source": spec.source,
        "units": UNITS,
        "n_frames": len(frames),
        "counts": {part: _counts(members) for part, members in parts.items()},
        "n_atoms": {"minimum": min(map(len, frames)), "maximum": max(map(len, frames))},
        "elements": sorted({symbol for frame in frames for symbol in set(frame.symbols)}),
        "labels": _labels(frames),
        "statistics": {kind: _statistics(group) for kind, group in _by_type(frames).items()},
        "checks": spec.checks.model_dump(mode="json"),
        "rejected": {
            "n_frames": len(rejections),
            "by_check": dict(Counter(rejection.check for rejection in rejections).most_common()),
        },
        "sha256": {file.name: file_sha256(file) for file in files},
    }


def _by_type(frames: Sequence[Atoms]) -> dict[str, list[Atoms]]:
    groups: dict[str, list[Atoms]] = {}
    for frame in frames:
        groups.setdefault(str(frame.info.get("config_type", "unknown")), []).append(frame)
    return dict(sorted(groups.items()))


def _counts(frames: Sequence[Atoms]) -> dict[str, int]:
    return {kind: len(group) for kind, group in _by_type(frames).items()} | {"total": len(frames)}


def _labels(frames: Sequence[Atoms]) -> dict[str, Any]:
    states = Counter(total_charge(frame) for frame in frames)
    return {
        "charges": sum(CHARGES in frame.arrays for frame in frames),
        "total_charge_e": {f"{charge:g}": states[charge] for charge in sorted(states)},
        "external_field": len(frames_in_field(frames)),
        "dipole": sum(DIPOLE in frame.info for frame in frames),
        "fermi_level": sum(FERMI_LEVEL in frame.info for frame in frames),
    }


def _statistics(frames: Sequence[Atoms]) -> dict[str, float]:
    energies = np.array([frame.info[ENERGY] / len(frame) for frame in frames])
    forces = np.concatenate([known_forces(frame).ravel() for frame in frames])
    return {
        "energy_per_atom_mean_eV": float(energies.mean()),
        "energy_per_atom_std_eV": float(energies.std()),
        "energy_per_atom_minimum_eV": float(energies.min()),
        "energy_per_atom_maximum_eV": float(energies.max()),
        "force_rms_eV_per_A": float(np.sqrt(np.nanmean(forces**2))),
        "force_maximum_eV_per_A": float(np.nanmax(np.abs(forces))),
    }
