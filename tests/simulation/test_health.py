"""Limits of a run: what is judged, and which atoms are molecules."""

import numpy as np
import pytest
from ase import Atoms
from small_models import water_layer

from falsemetal.simulation.health import find_broken_molecules
from falsemetal.simulation.settings import RunLimits
from falsemetal.systems.molecule import Molecule
from falsemetal.systems.system import System

LIMITS = RunLimits(broken_fraction=0.2)


def on_an_oxide(water: Atoms) -> System:
    """Water with as many oxygens of an oxide below."""
    oxide = Atoms("O6", [[1.5 * x, 0.0, 2.0] for x in range(6)])
    region = np.array(["water"] * len(water) + ["oxide"] * len(oxide))
    return System.of(water + oxide, region)


def test_oxygens_of_an_oxide_are_no_broken_water() -> None:
    system = on_an_oxide(water_layer())
    positions = system.atoms.positions
    found = find_broken_molecules(positions, system, Molecule(), LIMITS)
    assert found is None
    all_water = System.of(system.atoms, "water")
    found = find_broken_molecules(positions, all_water, Molecule(), LIMITS)
    assert found == (
        "50 % of the molecules are broken, more than dynamics.limits.broken_fraction: 0.2"
    )


def test_broken_molecules_of_the_liquid_are_found() -> None:
    system = on_an_oxide(water_layer())
    positions = system.atoms.positions.copy()
    positions[[1, 4]] += [0.0, 0.0, 5.0]
    found = find_broken_molecules(positions, system, Molecule(), LIMITS)
    assert found is not None
    assert found.startswith("33.3 % of the molecules")


@pytest.mark.parametrize("region", ["metal", "ion"])
def test_a_system_without_the_liquid_has_no_molecules_to_break(region) -> None:
    system = System.of(Atoms("O3", np.eye(3), cell=[9, 9, 9], pbc=True), region)
    assert find_broken_molecules(system.atoms.positions, system, Molecule(), LIMITS) is None
