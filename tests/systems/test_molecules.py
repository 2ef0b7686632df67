"""Liquids other than water need a description, not code."""

import numpy as np
import pytest
from ase import Atoms
from ase.build import bulk, molecule

from falsemetal.estimators.dipole import molecular_dipoles
from falsemetal.systems.molecule import WATER, Bond, Molecule
from falsemetal.systems.molecules import Molecules, find_molecules
from falsemetal.systems.system import System

EDGE_A = 14.0
ACETONITRILE = Molecule(
    region="acetonitrile",
    centres=["N"],
    bonds=[
        Bond(element="C", count=1, cutoff_A=1.4),
        Bond(element="C", count=1, cutoff_A=1.8, to="C"),
        Bond(element="H", count=3, cutoff_A=1.3, to="C"),
    ],
    charge_shares={"N": 1.0, "C": -0.2, "H": -0.2},
)
METHANOL = Molecule(
    region="methanol",
    centres=["O"],
    bonds=[
        Bond(element="C", count=1, cutoff_A=1.7),
        Bond(element="H", count=1, cutoff_A=1.2),
        Bond(element="H", count=3, cutoff_A=1.3, to="C"),
    ],
)
SALT = Molecule(
    region="salt", centres=["Na", "Cl"], bonds=[], charge_shares={"Na": 1.0, "Cl": -1.0}
)


def liquid(formula: str) -> Atoms:
    """Eight molecules turned at random on a lattice, one of them across the cell's faces."""
    rng = np.random.default_rng(4)
    atoms = Atoms(cell=[EDGE_A] * 3, pbc=True)
    for site in 7.0 * np.indices((2, 2, 2)).reshape(3, -1).T:
        one = molecule(formula)
        one.rotate(rng.uniform(0.0, 360.0), rng.normal(size=3), center="COM")
        one.translate(site - one.get_center_of_mass())
        atoms += one
    return atoms[rng.permutation(len(atoms))]


def found_in(atoms: Atoms, description: Molecule) -> Molecules:
    positions = atoms.get_positions(wrap=True)[None]
    return find_molecules(
        positions, atoms.numbers, atoms.cell.array, atoms.pbc, molecule=description
    )


@pytest.mark.parametrize(
    ("formula", "description"), [("CH3CN", ACETONITRILE), ("CH3OH", METHANOL), ("H2O", WATER)]
)
def test_every_molecule_is_whole_and_has_the_dipole_of_its_point_charges(
    formula, description
) -> None:
    atoms = liquid(formula)
    molecules = found_in(atoms, description)
    assert molecules.intact.shape == (1, 8)
    assert molecules.intact.all()
    charges = description.charges(-0.6)
    expected = sum(charges[atom.symbol] * atom.position for atom in molecule(formula))
    lengths = np.linalg.norm(molecular_dipoles(molecules, charges), axis=-1)
    np.testing.assert_allclose(lengths, np.linalg.norm(expected), atol=1e-9)


def test_a_molecule_that_lost_an_atom_is_broken_and_its_neighbours_are_not() -> None:
    atoms = liquid("CH3CN")
    hydrogen = next(atom for atom in atoms if atom.symbol == "H")
    hydrogen.position += 3.5
    molecules = found_in(atoms, ACETONITRILE)
    assert molecules.broken_fraction == pytest.approx([1 / 8])
    assert sorted(molecules.counts["H"][0]) == [2, *[3] * 7]


def test_ions_of_a_molten_salt_are_molecules_that_never_break() -> None:
    atoms = bulk("NaCl", "rocksalt", a=5.64, cubic=True) * 2
    atoms.rattle(0.3, seed=1)
    molecules = found_in(atoms, SALT)
    assert molecules.intact.shape == (1, 64)
    assert molecules.intact.all()
    assert SALT.charges(1.0) == {"Na": 1.0, "Cl": -1.0}
    assert SALT.mass == pytest.approx(58.44 / 2, abs=0.01)


def test_the_oxygens_of_an_oxide_are_no_broken_water() -> None:
    water = liquid("H2O")
    oxide = bulk("MgO", "rocksalt", a=4.21, cubic=True)
    oxide.translate([3.5, 3.5, 3.5])
    both = water + oxide
    regions = np.array(["water"] * len(water) + ["oxide"] * len(oxide))
    system = System(atoms=both, region=regions, fixed=regions == "oxide")
    alone = both[system.within(WATER.region)]
    assert found_in(both, WATER).broken_fraction > 0.0
    assert found_in(alone, WATER).broken_fraction == 0.0
