"""Whether a run is still one of the liquid it began with."""

import numpy as np

from falsemetal.arrays import FloatArray
from falsemetal.simulation.settings import RunLimits
from falsemetal.systems.molecule import Molecule
from falsemetal.systems.molecules import find_molecules
from falsemetal.systems.system import System


def find_failure(
    positions: FloatArray, forces: FloatArray, temperature_K: float, limits: RunLimits
) -> str | None:
    """Return what is wrong with a step of a run, with the key that would allow it, or None.

    It costs little and is asked at every sample, so that atoms stop before they are nowhere.
    Positions in Å and forces in eV/Å have the shape (n_atoms, 3).
    """
    if not (np.isfinite(positions).all() and np.isfinite(forces).all()):
        return "positions or forces are not finite"
    largest = float(np.linalg.norm(forces, axis=1).max(initial=0.0))
    if largest > limits.force_eV_per_A:
        return (
            f"a force of {largest:.3g} eV/Å exceeds "
            f"dynamics.limits.force_eV_per_A: {limits.force_eV_per_A:g}"
        )
    if temperature_K > limits.temperature_K:
        return (
            f"a temperature of {temperature_K:.4g} K exceeds "
            f"dynamics.limits.temperature_K: {limits.temperature_K:g}"
        )
    return None


def find_broken_molecules(
    positions: FloatArray, system: System, molecule: Molecule, limits: RunLimits
) -> str | None:
    """Return how many molecules are broken, if more than may be, or None.

    They are sought in the molecule's region, without which a system has none to break: an oxide's
    oxygens are no broken water.
    """
    liquid = system.within(molecule.region)
    if limits.broken_fraction >= 1.0 or not liquid.any():
        return None
    atoms = system.atoms
    molecules = find_molecules(
        positions[None, liquid],
        atoms.numbers[liquid],
        atoms.cell.array,
        atoms.pbc,
        molecule=molecule,
    )
    broken = float(molecules.broken_fraction[0])
    if broken > limits.broken_fraction:
        return (
            f"{100 * broken:.3g} % of the molecules are broken, more than "
            f"dynamics.limits.broken_fraction: {limits.broken_fraction:g}"
        )
    return None
