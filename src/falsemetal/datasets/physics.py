"""Checks of labels by physics: what wrong units, signs and functionals do to bonds and energies.

They judge groups of like frames, of one `config_type` and composition: bonds to hydrogen are
springs, which forces pull back where they are stretched, with a stiffness that forces and lengths
tell. That gives the energy of the stretched bonds, and so the scale of the energies' spread.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from ase import Atoms
from ase.data import atomic_numbers, covalent_radii
from matscipy.neighbours import neighbour_list

from falsemetal.arrays import FloatArray, IntArray
from falsemetal.datasets.settings import Checks
from falsemetal.systems.charged import NEUTRAL_E
from falsemetal.systems.labels import ENERGY, FORCES, total_charge

Fault = tuple[str, str]
"""Name of a check and the reason, as in :class:`falsemetal.datasets.checks.Rejection`."""

NEAR_RADII = 2.0
"""Distance in sums of covalent radii up to which a nearest neighbour is looked for."""

BOUND_RADII = 1.3
"""Distance in sums of covalent radii up to which hydrogen is bound."""

CLEAR_CORRELATION = -0.5
"""Correlation of forces with stretches from which on bonds are springs, whose stiffness counts."""

STIFF = [atomic_numbers[symbol] for symbol in ("C", "N", "O", "F", "Si", "P", "S", "Cl")]
"""Partners whose bonds to hydrogen are springs; on a metal it hops."""

CHANCE_SIGMAS = 3.0
"""Standard deviations of a correlation by chance, 1/√n of n bonds each."""

LEAST_STRETCH_A = 0.005
"""Standard deviation of the lengths of bonds that tell anything; at 300 K it is 0.03 Å."""

SMALL_STEP_A = 0.1
"""Largest displacement of an atom over which the forces' work is the energy's change."""

CLEAR_WORK = 0.8
"""Correlation of energies' changes with the forces' work from which on their ratio counts."""

MINIMUM_PAIRS = 8

BOX_MARGIN_A = 1.0
"""Space around the atoms of a frame that is not periodic."""

LEAST_FRAMES = 10
"""Frames of an element from which something can be learned about it."""


def boxed(frame: Atoms) -> Atoms:
    """Put a frame that is not periodic into a box around its atoms, which neighbour lists need."""
    if frame.pbc.any():
        return frame
    lower = frame.positions.min(axis=0) - BOX_MARGIN_A
    extent = np.ptp(frame.positions, axis=0) + 2.0 * BOX_MARGIN_A
    return Atoms(frame.numbers, frame.positions - lower, cell=extent, pbc=False)


def bond_fault(frame: Atoms, checks: Checks) -> Fault | None:
    """Tell that atoms are too near their neighbours, or too far, for the unit to be Å."""
    radii = covalent_radii[frame.numbers]
    first, second, distance = neighbour_list("ijd", boxed(frame), NEAR_RADII * radii)
    ratios = np.full(len(frame), NEAR_RADII)
    np.minimum.at(ratios, first, distance / (radii[first] + radii[second]))
    ratio = float(np.median(ratios))
    if checks.minimum_bond_ratio <= ratio <= checks.maximum_bond_ratio:
        return None
    return "bond lengths", (
        f"atoms are {ratio:.2f} times the sum of their covalent radii apart, limits "
        f"{checks.minimum_bond_ratio:g} and {checks.maximum_bond_ratio:g} "
        "(checks.minimum_bond_ratio, maximum_bond_ratio); in another unit?"
    )


def rare_elements(frames: Sequence[Atoms], checks: Checks) -> dict[str, int]:
    """Elements that too few frames hold for anything to be learned about them, with how many."""
    counts = Counter(symbol for frame in frames for symbol in set(frame.symbols))
    least = min(LEAST_FRAMES, checks.minimum_element_share * len(frames))
    return {symbol: count for symbol, count in counts.items() if count < least}


def energy_of_elements(frames: Sequence[Atoms]) -> FloatArray:
    """Deviation of each frame's energy per atom in eV from energies of its elements' atoms.

    Those are fitted by least absolute deviations: frames that do not fit do not pull. Each total
    charge among the frames has an energy of its own, that of its electrons.
    """
    elements = sorted({int(z) for frame in frames for z in frame.numbers})
    charges = np.array([total_charge(frame) for frame in frames])
    states = np.unique(charges[np.abs(charges) > NEUTRAL_E])
    shares = np.array(
        [
            [*(np.mean(frame.numbers == z) for z in elements), *((charge == states) / len(frame))]
            for frame, charge in zip(frames, charges, strict=True)
        ]
    )
    energies = np.array([frame.info[ENERGY] / len(frame) for frame in frames])
    weights = np.ones(len(frames))
    for _ in range(30):
        root = np.sqrt(weights)
        fit = np.linalg.lstsq(shares * root[:, None], energies * root, rcond=None)[0]
        residuals = energies - shares @ fit
        weights = 1.0 / np.maximum(np.abs(residuals), 1e-6)
    return np.asarray(residuals)


@dataclass(frozen=True)
class Stretches:
    """Bonds to hydrogen of like frames, each against the mean of its kind.

    Their number, correlation of their lengths with the forces on the hydrogens along them,
    stiffness, and standard deviation over the frames of a frame's energy that they tell: that of
    its bonds as springs, times the root of all degrees of freedom over the bonds.
    """

    n_bonds: int
    correlation: float
    stiffness_eV_per_A2: float
    energy_spread_eV: float


def measure_stretches(frames: Sequence[Atoms]) -> Stretches | None:
    """Measure the bonds to hydrogen; None where there are none, or they are hardly stretched."""
    bonds = [_bonds(frame) for frame in frames]
    partners, lengths, forces = (np.concatenate(part) for part in zip(*bonds, strict=True))
    for partner in np.unique(partners):
        chosen = partners == partner
        lengths[chosen] -= lengths[chosen].mean()
        forces[chosen] -= forces[chosen].mean()
    if len(lengths) < MINIMUM_PAIRS or np.std(lengths) < LEAST_STRETCH_A or not np.any(forces):
        return None
    stiffness = -np.dot(lengths, forces) / np.dot(lengths, lengths)
    ends = np.cumsum([len(bond[0]) for bond in bonds])[:-1]
    energies = [0.5 * stiffness * np.sum(part**2) for part in np.split(lengths, ends)]
    freedom = sum(3 * len(frame) for frame in frames) / len(lengths)
    return Stretches(
        n_bonds=len(lengths),
        correlation=float(np.corrcoef(lengths, forces)[0, 1]),
        stiffness_eV_per_A2=float(stiffness),
        energy_spread_eV=float(np.std(energies) * np.sqrt(freedom)),
    )


def _bonds(frame: Atoms) -> tuple[IntArray, FloatArray, FloatArray]:
    """Nearest other element of each bound hydrogen, how far, and the force outwards along it."""
    radii = covalent_radii[frame.numbers]
    hydrogen, partner, distance, vector = neighbour_list("ijdD", boxed(frame), BOUND_RADII * radii)
    kept = (frame.numbers[hydrogen] == 1) & np.isin(frame.numbers[partner], STIFF)
    order = np.flatnonzero(kept)[np.argsort(distance[kept], kind="stable")]
    _, nearest = np.unique(hydrogen[order], return_index=True)
    chosen = order[nearest]
    inwards = vector[chosen] / distance[chosen, None]
    forces = -np.sum(frame.arrays[FORCES][hydrogen[chosen]] * inwards, axis=1)
    return frame.numbers[partner[chosen]], distance[chosen], forces


def group_fault(frames: Sequence[Atoms], checks: Checks) -> Fault | None:
    """Find what physics forbids in frames of one `config_type` and composition, in their order."""
    work = _work(frames)
    if work is not None and abs(work - 1.0) > checks.work_tolerance:
        return "energy changes", (
            f"energies change {work:.3g} times as much as the forces' work between frames that "
            f"follow each other, limit 1 ± {checks.work_tolerance:g} (checks.work_tolerance); "
            "energies and forces of one calculation, in eV and eV/Å?"
        )
    found = measure_stretches(frames)
    spread_eV = float(np.std([frame.info[ENERGY] for frame in frames]))
    return None if found is None else _stretch_fault(found, spread_eV, checks)


def _stretch_fault(found: Stretches, spread_eV: float, checks: Checks) -> Fault | None:
    chance = CHANCE_SIGMAS / np.sqrt(found.n_bonds)
    if found.correlation > max(checks.maximum_stretch_correlation, chance):
        return "sign of forces", (
            f"forces push stretched bonds apart (correlation {found.correlation:.2f}, limit "
            f"{checks.maximum_stretch_correlation:g}, checks.maximum_stretch_correlation); "
            "gradients instead of forces?"
        )
    if found.correlation > CLEAR_CORRELATION:
        return None
    stiffness = found.stiffness_eV_per_A2
    low, high = checks.minimum_stiffness_eV_per_A2, checks.maximum_stiffness_eV_per_A2
    if not low <= stiffness <= high:
        return "stiffness", (
            f"bonds to hydrogen have a stiffness of {stiffness:.3g} eV/Å², limits {low:g} and "
            f"{high:g} (checks.minimum_stiffness_eV_per_A2, maximum_…); forces not in eV/Å?"
        )
    spread = spread_eV / found.energy_spread_eV
    low, high = checks.minimum_energy_spread, checks.maximum_energy_spread
    if not low <= spread <= high:
        return "energy spread", (
            f"energies spread {spread:.2g} times as much as stretched bonds tell, limits {low:g} "
            f"and {high:g} (checks.minimum_energy_spread, maximum_energy_spread); too little: in "
            "hartree, or per atom; too much: in kcal/mol, or of several functionals"
        )
    return None


def _work(frames: Sequence[Atoms]) -> float | None:
    """Slope of the energy's changes over the forces' work along frames that are near each other.

    None where there are too few, or the two do not go together: more than forces moved them.
    """
    changes, works = [], []
    for one, other in pairwise(frames):
        step = other.positions - one.positions
        if np.abs(step).max() > SMALL_STEP_A or not np.allclose(one.cell, other.cell):
            continue
        changes.append(other.info[ENERGY] - one.info[ENERGY])
        works.append(-0.5 * np.sum((one.arrays[FORCES] + other.arrays[FORCES]) * step))
    if len(works) < MINIMUM_PAIRS or not np.any(works) or not np.any(changes):
        return None
    together = np.dot(works, changes) / (np.linalg.norm(works) * np.linalg.norm(changes))
    if abs(together) < CLEAR_WORK:
        return None
    return float(np.dot(works, changes) / np.dot(works, works))
