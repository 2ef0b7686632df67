"""Whether a run is still one of the liquid it began with."""

import numpy as np
from ase import Atoms

from falsemetal.config import RunLimits
from falsemetal.systems.molecules import HYDROGEN, OXYGEN, dissociated_fraction, find_molecules


def find_failure(atoms: Atoms, limits: RunLimits) -> str | None:
    """Return what is wrong with a step of a run, with the key that would allow it, or None.

    It costs little and is asked at every step, so that atoms stop before they are nowhere.

    Parameters
    ----------
    atoms
        With velocities and a calculator that has evaluated it.
    limits
        Largest temperature and force.
    """
    forces = atoms.calc.results["forces"]
    if not (np.isfinite(atoms.positions).all() and np.isfinite(forces).all()):
        return "positions or forces are not finite"
    largest = float(np.linalg.norm(forces, axis=1).max(initial=0.0))
    if largest > limits.force_eV_per_A:
        return (
            f"a force of {largest:.3g} eV/Å exceeds "
            f"dynamics.limits.force_eV_per_A: {limits.force_eV_per_A:g}"
        )
    temperature = atoms.get_temperature()
    if temperature > limits.temperature_K:
        return (
            f"a temperature of {temperature:.4g} K exceeds "
            f"dynamics.limits.temperature_K: {limits.temperature_K:g}"
        )
    return None


def find_broken_molecules(atoms: Atoms, limits: RunLimits, *, oh_cutoff_A: float) -> str | None:
    """Return how many molecules are broken, if more than may be, or None.

    Parameters
    ----------
    atoms
        Structure; without hydrogen or oxygen it has no molecules.
    limits
        Largest share of broken molecules.
    oh_cutoff_A
        A hydrogen belongs to an oxygen within this distance.
    """
    if not {OXYGEN, HYDROGEN} <= set(atoms.numbers):
        return None
    molecules = find_molecules(
        atoms.positions[None], atoms.numbers, atoms.cell.array, atoms.pbc, oh_cutoff_A=oh_cutoff_A
    )
    broken = float(dissociated_fraction(molecules.n_hydrogens)[0])
    if broken > limits.broken_fraction:
        return (
            f"{100 * broken:.3g} % of the molecules are broken, more than "
            f"dynamics.limits.broken_fraction: {limits.broken_fraction:g}"
        )
    return None
