"""Checks that a labelled frame must pass before anything learns from it."""

from collections import defaultdict
from collections.abc import Callable, Hashable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from ase import Atoms
from matscipy.neighbours import neighbour_list

from falsemetal.datasets.io import ENERGY, FORCES
from falsemetal.datasets.settings import Checks

DUPLICATE_TOLERANCE_A = 1e-3
"""Frames whose atoms all agree within this distance are one frame."""

MINIMUM_GROUP = 8
"""Frames needed to speak of an outlier."""

MINIMUM_SIGMA_EV = 1e-4
"""Floor of the spread of the energy per atom: labels themselves are no better."""

MAD_TO_SIGMA = 1.4826

Fault = tuple[str, str]
"""Name of a check and the reason, as in :class:`Rejection`."""

Indexed = list[tuple[int, Atoms]]


@dataclass(frozen=True)
class Rejection:
    """A frame left out, by its index and where it comes from, if it says so, and why.

    `check` is a short name to count by; `reason`, for people, the number and the limit that it
    breaks.
    """

    frame: int
    trajectory: str | None
    time_ps: float | None
    check: str
    reason: str


def check_frames(frames: Sequence[Atoms], checks: Checks) -> tuple[list[Atoms], list[Rejection]]:
    """Part frames that can be learned from from those that cannot.

    A frame is rejected for the first check that it fails: labels present, of the right shape and
    finite; atoms not closer than their pair's limit; force magnitudes and net force plausible; no
    duplicate of an earlier frame; energy per atom not an outlier among the frames of the same
    `config_type` and composition. Accepted frames and rejections keep their order.
    """
    faults: dict[int, Fault] = {}
    for index, frame in enumerate(frames):
        fault = _label_fault(frame) or _distance_fault(frame, checks) or _force_fault(frame, checks)
        if fault is not None:
            faults[index] = fault
    for find in (_duplicates, _energy_outliers):
        passed = [(index, frame) for index, frame in enumerate(frames) if index not in faults]
        faults.update(find(passed, checks))
    accepted = [frame for index, frame in enumerate(frames) if index not in faults]
    origins = {index: frames[index].info for index in sorted(faults)}
    return accepted, [
        Rejection(index, info.get("trajectory"), info.get("time_ps"), *faults[index])
        for index, info in origins.items()
    ]


def _label_fault(frame: Atoms) -> Fault | None:
    energy, forces = frame.info.get(ENERGY), frame.arrays.get(FORCES)
    if energy is None or forces is None:
        absent = ENERGY if energy is None else FORCES
        return "missing label", f"no {absent}"
    if np.shape(energy) != () or forces.shape != (len(frame), 3):
        return "label shape", (
            f"energy of shape {np.shape(energy)} and forces of shape {forces.shape} "
            f"for {len(frame)} atoms"
        )
    if not (np.isfinite(energy) and np.isfinite(forces).all()):
        count = int(np.sum(~np.isfinite(forces)))
        return "not finite", f"energy {energy}, {count} force components not finite"
    return None


def _distance_fault(frame: Atoms, checks: Checks) -> Fault | None:
    limit_of = checks.minimum_distance_A
    first, second, distances = neighbour_list("ijd", frame, max(limit_of.values()))
    elements, kind = np.unique(frame.get_chemical_symbols(), return_inverse=True)
    limits = np.array(
        [
            [limit_of.get(_pair(a, b), limit_of.get("default", 0.0)) for b in elements]
            for a in elements
        ]
    )[kind[first], kind[second]]
    if not np.any(distances < limits):
        return None
    worst = np.argmin(distances / limits)
    i, j = first[worst], second[worst]
    return "close atoms", (
        f"{_pair(frame.symbols[i], frame.symbols[j])} distance {distances[worst]:.3f} Å "
        f"(atoms {i} and {j}) below {limits[worst]:g} Å"
    )


def _pair(a: str, b: str) -> str:
    return "-".join(sorted((a, b)))


def _force_fault(frame: Atoms, checks: Checks) -> Fault | None:
    forces = frame.arrays[FORCES]
    largest = float(np.linalg.norm(forces, axis=1).max())
    if largest > checks.maximum_force_eV_per_A:
        return "large force", (
            f"largest force {largest:.3g} eV/Å above {checks.maximum_force_eV_per_A:g}; "
            "wrong units or overlapping atoms"
        )
    rms = float(np.sqrt(np.mean(forces**2)))
    if rms < checks.minimum_force_rms_eV_per_A:
        return "small forces", (
            f"force rms {rms:.3g} eV/Å below {checks.minimum_force_rms_eV_per_A:g}; wrong units"
        )
    if rms > checks.maximum_force_rms_eV_per_A:
        return "large forces", (
            f"force rms {rms:.3g} eV/Å above {checks.maximum_force_rms_eV_per_A:g}; wrong units"
        )
    net = float(np.abs(forces.sum(axis=0)).max())
    if net > checks.maximum_net_force_eV_per_A:
        return "net force", (
            f"net force {net:.3g} eV/Å above {checks.maximum_net_force_eV_per_A:g}; "
            "incomplete or inconsistent labels"
        )
    return None


def _duplicates(frames: Indexed, checks: Checks) -> dict[int, Fault]:
    """Find later copies of a frame; candidates are neighbours along a random projection."""
    faults: dict[int, Fault] = {}
    for group in _grouped(frames, lambda frame: frame.numbers.tobytes()):
        weights = np.random.default_rng(0).normal(size=3 * len(group[0][1]))
        projections = np.array([frame.positions.ravel() @ weights for _, frame in group])
        window = DUPLICATE_TOLERANCE_A * np.abs(weights).sum()
        order = np.argsort(projections, kind="stable")
        for rank, a in enumerate(order):
            for b in order[rank + 1 :]:
                if projections[b] - projections[a] > window:
                    break
                (early, one), (late, other) = sorted((group[a], group[b]), key=lambda pair: pair[0])
                if late not in faults and _same_structure(one, other):
                    faults[late] = (
                        "duplicate",
                        f"all atoms within {DUPLICATE_TOLERANCE_A:g} Å of frame {early}",
                    )
    return faults


def _same_structure(one: Atoms, other: Atoms) -> bool:
    return all(
        np.allclose(a, b, rtol=0.0, atol=DUPLICATE_TOLERANCE_A)
        for a, b in ((one.positions, other.positions), (one.cell.array, other.cell.array))
    )


def _energy_outliers(frames: Indexed, checks: Checks) -> dict[int, Fault]:
    faults: dict[int, Fault] = {}
    for group in _grouped(
        frames, lambda frame: (frame.info.get("config_type"), frame.get_chemical_formula())
    ):
        if len(group) < MINIMUM_GROUP:
            continue
        energies = np.array([frame.info[ENERGY] / len(frame) for _, frame in group])
        centre = np.median(energies)
        deviations = np.abs(energies - centre)
        sigma = max(MAD_TO_SIGMA * float(np.median(deviations)), MINIMUM_SIGMA_EV)
        for (index, _), deviation in zip(group, deviations / sigma, strict=True):
            if deviation > checks.energy_outlier_sigmas:
                faults[index] = (
                    "energy outlier",
                    f"energy per atom {deviation:.1f} robust σ ({sigma:.2g} eV) from the median "
                    f"{centre:.4f} eV, limit {checks.energy_outlier_sigmas:g}",
                )
    return faults


def _grouped(frames: Indexed, key: Callable[[Atoms], Hashable]) -> Iterator[Indexed]:
    groups: dict[Hashable, Indexed] = defaultdict(list)
    for index, frame in frames:
        groups[key(frame)].append((index, frame))
    yield from groups.values()
