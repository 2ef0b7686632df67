"""Water in all surroundings, and slopes by finite differences."""

from ase import Atoms
from small_models import water_layer

from falsemetal.potentials.mace.model import predict
from falsemetal.potentials.model import Model

SURROUNDINGS = ["bulk", "charged bulk", "film", "film in a field", "cluster", "ion in a field"]
FORCE_TOLERANCE_EV_PER_A = 1e-7


def structure(surroundings: str, n_molecules: int = 4) -> Atoms:
    atoms = water_layer(n_molecules, slab="bulk" not in surroundings)
    if "cluster" in surroundings or "ion" in surroundings:
        atoms.pbc, atoms.cell = False, None
    if "charged" in surroundings or "ion" in surroundings:
        atoms.info["total_charge"] = 1.0
    if "film in" in surroundings:
        atoms.info["external_field"] = [0.0, 0.0, 0.1]
    if "ion in" in surroundings:
        atoms.info["external_field"] = [0.05, -0.02, 0.1]
    return atoms


def energy_of(model: Model, atoms: Atoms) -> float:
    return float(predict(model, model.graph_of(atoms))[0])


def force_by_differences(model: Model, atoms: Atoms, atom: int, axis: int) -> float:
    energies = []
    for step in (-2e-3, -1e-3, 1e-3, 2e-3):
        moved = atoms.copy()
        moved.positions[atom, axis] += step
        energies.append(energy_of(model, moved))
    two_back, back, on, two_on = energies
    return -(8.0 * (on - back) - (two_on - two_back)) / (12.0 * 1e-3)
