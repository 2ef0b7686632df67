"""Checks that a labelled frame must pass before anything learns from it."""

from collections import defaultdict
from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from ase import Atoms
from matscipy.neighbours import neighbour_list

from falsemetal.arrays import BoolArray
from falsemetal.datasets.charge_checks import (
    charged_atom_fault,
    charged_fault,
    charges_fault,
    field_fault,
    optional_label_fault,
)
from falsemetal.datasets.faults import FAULT, REASON
from falsemetal.datasets.physics import (
    Fault,
    bond_fault,
    boxed,
    energy_of_elements,
    group_fault,
    rare_elements,
)
from falsemetal.datasets.settings import Checks
from falsemetal.systems.boundary import Boundary, boundary_of
from falsemetal.systems.labels import ENERGY, FORCES, HELD, external_field, total_charge

DUPLICATE_TOLERANCE_A = 1e-3
"""Frames whose atoms all agree within this distance are one frame."""

MINIMUM_GROUP = 8
"""Frames needed to speak of an outlier."""

MINIMUM_SIGMA_EV = 1e-4
"""Floor of the spread of the energy per atom: labels themselves are no better."""

MAD_TO_SIGMA = 1.4826

HELD_NET_EV_PER_A = 0.01
"""Net force over the root of the number of atoms from which zero forces are not symmetry's."""

FREE_A = 6.0
"""Width of a cell from which an atom in it is free."""

MINIMUM_HEIGHT_A, FAR_A, SPACE_A3 = 1.0, 1e5, 1e5
"""Height of a cell below which, and place of an atom and space beyond which, it is no liquid's."""

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

    A frame is rejected for the first check that it fails: readable; labels present, of the right
    shape and finite; periodic as bulk or a film, neutral, in no field, unless the checks keep what
    is not; charges of atoms plausible and in sum the frame's; bonds of a plausible length, and
    atoms not closer than their pair's limit; force magnitudes and net force plausible, and no force
    set to zero on an atom that was held; no element that next to no other frame has; no duplicate
    of an earlier frame; energy per atom no outlier, neither from energies of its elements nor among
    the frames of the same `config_type`, composition, charge and field, whose energies and forces
    must fit each other (:mod:`falsemetal.datasets.physics`). Accepted frames and rejections keep
    their order; isolated atoms are accepted where the checks say so.
    """
    faults: dict[int, Fault] = {}
    for index, frame in enumerate(frames):
        finders = ATOM_FAULTS if is_isolated(frame) else FRAME_FAULTS
        fault = next((found for find in finders if (found := find(frame, checks))), None)
        if fault is not None:
            faults[index] = fault
    for find_all in (_rare_elements, _duplicates, _energy_misfits, _energy_outliers, _group_faults):
        passed = [
            (index, frame)
            for index, frame in enumerate(frames)
            if index not in faults and not is_isolated(frame)
        ]
        faults.update(find_all(passed, checks))
    accepted = [frame for index, frame in enumerate(frames) if index not in faults]
    origins = {index: frames[index].info for index in sorted(faults)}
    return accepted, [
        Rejection(index, info.get("trajectory"), info.get("time_ps"), *faults[index])
        for index, info in origins.items()
    ]


def held_atoms(frame: Atoms) -> BoolArray:
    """Tell whose forces were set to zero because they were held, shape (n_atoms,).

    The frame tells (`REF_held`), or zero forces do, unless the others balance without them, as by
    symmetry.
    """
    forces = frame.arrays[FORCES]
    zero = ~np.any(forces, axis=1)
    net = np.abs(forces.sum(axis=0)).max()
    unbalanced = net > HELD_NET_EV_PER_A * np.sqrt(len(frame))
    told = np.asarray(frame.arrays.get(HELD, False), dtype=bool)
    return np.asarray(told | (zero & unbalanced), dtype=bool)


def is_isolated(frame: Atoms) -> bool:
    """Tell a free atom, alone in space or in a cell so wide that it does not meet its images."""
    return len(frame) == 1 and (not frame.pbc.any() or frame.cell.lengths().min() > FREE_A)


def _reading_fault(frame: Atoms, _: Checks) -> Fault | None:
    return (frame.info[FAULT], frame.info[REASON]) if FAULT in frame.info else None


def _isolated_fault(frame: Atoms, checks: Checks) -> Fault | None:
    if checks.isolated_atoms == "atomic_energies":
        return None
    return "isolated atom", (
        f"a single {frame.symbols[0]} without a cell; checks.isolated_atoms: atomic_energies makes "
        "models count from its energy"
    )


def _label_fault(frame: Atoms, _: Checks) -> Fault | None:
    energy, forces = frame.info.get(ENERGY), frame.arrays.get(FORCES)
    if is_isolated(frame) and forces is None:
        forces = np.zeros((1, 3))
    if energy is None or forces is None:
        absent = ENERGY if energy is None else FORCES
        return "missing label", f"no {absent}"
    try:
        np.asarray(energy, dtype=float), np.asarray(forces, dtype=float)
    except (TypeError, ValueError):
        return "label", "energy or forces are no numbers"
    if np.shape(energy) != () or forces.shape != (len(frame), 3):
        return "label shape", (
            f"energy of shape {np.shape(energy)} and forces of shape {forces.shape} "
            f"for {len(frame)} atoms"
        )
    if not (np.isfinite(energy) and np.isfinite(forces).all()):
        count = int(np.sum(~np.isfinite(forces)))
        return "not finite", f"energy {energy}, {count} force components not finite"
    arrays = frame.positions, frame.cell.array
    if not all(np.isfinite(array).all() for array in arrays):
        return "not finite", "positions or cell not finite"
    return None


def _boundary_fault(frame: Atoms, checks: Checks) -> Fault | None:
    pbc = "".join("FT"[int(periodic)] for periodic in frame.pbc)
    if not frame.pbc.any():
        return _space_fault(boxed(frame)) if checks.clusters == "keep" else _no_cluster(pbc)
    try:
        boundary = boundary_of(frame.pbc)
    except ValueError:
        return "not periodic", f"pbc {pbc}: only bulk (TTT) and films (TTF) can be treated"
    if frame.cell.rank < 3:
        return "not periodic", f"pbc {pbc} without the vectors of a cell"
    if fault := _space_fault(frame):
        return fault
    lengths_A = frame.cell.lengths()
    tilt_A = np.abs(frame.cell.array[[0, 1, 2, 2], [2, 2, 0, 1]]).max()
    if boundary is Boundary.FILM and tilt_A > 1e-6 * lengths_A.max():
        return "film not along z", "a film lies in x and y, and its third cell vector along z"
    return None


def _no_cluster(pbc: str) -> Fault:
    return "not periodic", (
        f"pbc {pbc}: only bulk (TTT) and films (TTF) can be treated, except by models that know "
        "total charges (checks.clusters: keep)"
    )


def _space_fault(frame: Atoms) -> Fault | None:
    lengths_A = frame.cell.lengths()
    height_A = frame.cell.volume / np.prod(lengths_A) * lengths_A.min()
    farthest_A, per_atom_A3 = np.abs(frame.positions).max(), frame.cell.volume / len(frame)
    if height_A < MINIMUM_HEIGHT_A or farthest_A > FAR_A or per_atom_A3 > SPACE_A3:
        return "cell", (
            f"a cell {height_A:.3g} Å high, atoms up to {farthest_A:.3g} Å, for each "
            f"{per_atom_A3:.3g} Å³, limits {MINIMUM_HEIGHT_A:g}, {FAR_A:g} and {SPACE_A3:g}"
        )
    return None


def _distance_fault(frame: Atoms, checks: Checks) -> Fault | None:
    return distance_fault(frame, checks.minimum_distance_A)


def distance_fault(frame: Atoms, limit_of: Mapping[str, float]) -> Fault | None:
    """Find the pair of atoms that is closest below its limit in Å, by pair of elements."""
    first, second, distances = neighbour_list("ijd", boxed(frame), max(limit_of.values()))
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
        f"(atoms {i} and {j}) below {limits[worst]:g} Å (checks.minimum_distance_A)"
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
            f"force rms {rms:.3g} eV/Å below {checks.minimum_force_rms_eV_per_A:g}; wrong units, "
            "or relaxed"
        )
    if rms > checks.maximum_force_rms_eV_per_A:
        return "large forces", (
            f"force rms {rms:.3g} eV/Å above {checks.maximum_force_rms_eV_per_A:g}; wrong units"
        )
    return None


def _net_force_fault(frame: Atoms, checks: Checks) -> Fault | None:
    forces = frame.arrays[FORCES]
    net, limit = float(np.abs(forces.sum(axis=0)).max()), checks.maximum_net_force_eV_per_A
    if n_held := int(held_atoms(frame).sum()):
        if checks.held_atoms == "leave_out":
            return None
        return "held atoms", (
            f"forces on {n_held} atoms are exactly zero and those on the others sum to {net:.3g} "
            "eV/Å: they were set to zero where atoms were held; give the forces without "
            "constraints, or set checks.held_atoms: leave_out"
        )
    if net > limit * np.sqrt(len(frame)):
        return "net force", (
            f"net force {net:.3g} eV/Å above {limit:g} times the root of {len(frame)} atoms; "
            "incomplete or inconsistent labels"
        )
    return None


ATOM_FAULTS = (
    *(_reading_fault, _isolated_fault, _label_fault, optional_label_fault),
    charged_atom_fault,
)
FRAME_FAULTS = (
    *(_reading_fault, _label_fault, optional_label_fault, _boundary_fault),
    *(charged_fault, field_fault, charges_fault),
    *(bond_fault, _distance_fault, _force_fault, _net_force_fault),
)
"""What is checked of each isolated atom, and of each other frame alone, in this order."""


def _rare_elements(frames: Indexed, checks: Checks) -> dict[int, Fault]:
    rare = rare_elements([frame for _, frame in frames], checks)
    faults: dict[int, Fault] = {}
    for index, frame in frames:
        for symbol in sorted(set(frame.symbols) & set(rare)):
            faults[index] = (
                "rare element",
                f"{symbol} is in {rare[symbol]} of {len(frames)} frames: too few to learn from "
                f"(checks.minimum_element_share {checks.minimum_element_share:g})",
            )
    return faults


def _duplicates(frames: Indexed, checks: Checks) -> dict[int, Fault]:
    """Find later copies of a frame; candidates are neighbours along a random projection."""
    faults: dict[int, Fault] = {}
    for group in _grouped(frames, lambda frame: (frame.numbers.tobytes(), *_surroundings(frame))):
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


def _energy_misfits(frames: Indexed, checks: Checks) -> dict[int, Fault]:
    """Frames whose energy per atom is far from that of their elements."""
    if len(frames) < MINIMUM_GROUP:
        return {}
    limit = checks.energy_fit_eV_per_atom
    deviations = energy_of_elements([frame for _, frame in frames])
    return {
        index: (
            "energy misfit",
            f"energy per atom {deviation:+.3g} eV from energies of its elements that fit the other "
            f"frames, limit {limit:g} (checks.energy_fit_eV_per_atom); of another functional or "
            "unit, or of a phase of its own?",
        )
        for (index, _), deviation in zip(frames, deviations, strict=True)
        if abs(deviation) > limit
    }


def _group_faults(frames: Indexed, checks: Checks) -> dict[int, Fault]:
    """Find groups of like frames whose energies and forces do not fit each other."""
    faults: dict[int, Fault] = {}
    for group in _like_frames(frames):
        if len(group) < MINIMUM_GROUP:
            continue
        fault = group_fault([frame for _, frame in group], checks)
        if fault is not None:
            faults |= {index: fault for index, _ in group}
    return faults


def _energy_outliers(frames: Indexed, checks: Checks) -> dict[int, Fault]:
    faults: dict[int, Fault] = {}
    for group in _like_frames(frames):
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


def _like_frames(frames: Indexed) -> Iterator[Indexed]:
    def likeness(frame: Atoms) -> Hashable:
        return frame.info.get("config_type"), frame.get_chemical_formula(), *_surroundings(frame)

    return _grouped(frames, likeness)


def _surroundings(frame: Atoms) -> tuple[float, ...]:
    """Charge and field of a frame, by which frames differ whose atoms are the same."""
    return total_charge(frame), *external_field(frame).tolist()


def _grouped(frames: Indexed, key: Callable[[Atoms], Hashable]) -> Iterator[Indexed]:
    groups: dict[Hashable, Indexed] = defaultdict(list)
    for index, frame in frames:
        groups[key(frame)].append((index, frame))
    yield from groups.values()
