"""Vacuum and layers of the structures that electrons are computed for."""

import numpy as np
import pytest
from ase import Atoms
from ase.build import fcc111, molecule
from small_models import water_layer as bare_layer

from falsemetal.electronic.structure import Layer, with_vacuum
from falsemetal.electronic.structure import divide_into_layers as divide
from falsemetal.systems.molecule import Bond, Molecule
from falsemetal.systems.system import REGION

VACUUM_A = 7.0


def water_layer(*, slab: bool, n_molecules: int) -> Atoms:
    atoms = bare_layer(slab=slab, n_molecules=n_molecules)
    atoms.set_array(REGION, np.array(len(atoms) * ["water"]))
    return atoms


def divide_into_layers(atoms: Atoms, *, thickness_A: float) -> list[Layer]:
    return divide(atoms, thickness_A=thickness_A, liquid=Molecule())


def test_a_slab_stands_in_the_middle_of_its_vacuum() -> None:
    atoms = water_layer(slab=True, n_molecules=20)
    prepared = with_vacuum(atoms, VACUUM_A)
    z = prepared.positions[:, 2]
    assert z.min() == pytest.approx(VACUUM_A, abs=1e-5)
    assert prepared.cell.lengths()[2] - z.max() == pytest.approx(VACUUM_A, abs=1e-5)
    np.testing.assert_allclose(
        prepared.get_distances(0, [5, 9]), atoms.get_distances(0, [5, 9]), atol=1e-5
    )
    bulk = water_layer(slab=False, n_molecules=20)
    np.testing.assert_allclose(with_vacuum(bulk, VACUUM_A).positions, bulk.positions, atol=1e-6)


@pytest.mark.parametrize("slab", [True, False])
def test_layers_hold_every_atom_once_and_whole_molecules(slab) -> None:
    atoms = water_layer(slab=slab, n_molecules=20)
    layers = divide_into_layers(atoms, thickness_A=2.0)
    assert len(layers) > 2
    assert sorted(np.concatenate([layer.atoms for layer in layers])) == list(range(len(atoms)))
    for layer in layers:
        # molecules are written as O, H, H
        assert set(layer.atoms // 3 * 3) <= set(layer.atoms)
        assert len(layer.atoms) % 3 == 0
    heights = [layer.height_A for layer in layers]
    assert heights == sorted(heights)
    for layer in layers:
        oxygen = layer.atoms[atoms.numbers[layer.atoms] == 8]
        z = atoms.positions[oxygen, 2] % (atoms.cell.lengths()[2] if not slab else np.inf)
        assert (np.abs(z - layer.height_A) <= 1.0 + 1e-9).all()


def test_a_molecule_across_the_boundary_of_a_bulk_cell_stays_whole() -> None:
    atoms = water_layer(slab=False, n_molecules=20)
    layers = divide_into_layers(atoms, thickness_A=2.0)
    moved = atoms.copy()
    moved.positions[:, 2] += 0.3 * (np.arange(len(atoms)) // 3)
    whole = divide_into_layers(moved, thickness_A=2.0)
    moved.wrap()
    wrapped = divide_into_layers(moved, thickness_A=2.0)
    assert len(wrapped) == len(whole) >= len(layers) - 1
    for one, other in zip(whole, wrapped, strict=True):
        np.testing.assert_array_equal(one.atoms, other.atoms)
        assert len(one.atoms) % 3 == 0
        assert set(one.atoms // 3 * 3) <= set(one.atoms)


def test_one_flat_layer() -> None:
    atoms = water_layer(slab=True, n_molecules=3)
    [layer] = divide_into_layers(atoms, thickness_A=50.0)
    assert len(layer.atoms) == 9


def test_what_is_beside_the_liquid_has_layers_of_its_own() -> None:
    metal = fcc111("Au", size=(3, 3, 3), vacuum=8.0, orthogonal=False)
    metal.cell[1] = [0.0, 9.0, 0.0]
    metal.set_array(REGION, np.array(len(metal) * ["metal"]))
    water = water_layer(slab=True, n_molecules=20)
    water.positions[:, 2] += metal.positions[:, 2].max() + 2.0 - water.positions[:, 2].min()
    both = metal + water
    both.cell, both.pbc = [9.0, 9.0, 40.0], [True, True, False]
    layers = divide_into_layers(both, thickness_A=2.0)
    assert sorted(np.concatenate([layer.atoms for layer in layers])) == list(range(len(both)))
    for layer in layers:
        assert set(both.arrays[REGION][layer.atoms]) == {layer.region}
        if layer.region == "water":
            assert set((layer.atoms - len(metal)) // 3 * 3 + len(metal)) <= set(layer.atoms)
    heights = [layer.height_A for layer in layers]
    assert heights == sorted(heights)
    # an oxygen of the metal's region, nearer to hydrogen than the liquid's, draws none of it
    oxide = both.copy()
    oxide.numbers[: len(metal)] = 8
    for one, other in zip(layers, divide_into_layers(oxide, thickness_A=2.0), strict=True):
        np.testing.assert_array_equal(one.atoms, other.atoms)


def test_a_liquid_has_its_own_centres() -> None:
    acetonitrile = molecule("CH3CN", cell=[9.0, 9.0, 30.0], pbc=[True, True, False])
    acetonitrile.rotate(90, "y")
    other = acetonitrile.copy()
    other.positions[:, 2] += 9.0
    atoms = acetonitrile + other
    atoms.set_array(REGION, np.array(len(atoms) * ["acetonitrile"]))
    liquid = Molecule(
        region="acetonitrile",
        centres=["N"],
        bonds=[Bond(element="C", count=2, cutoff_A=3.0), Bond(element="H", count=3, cutoff_A=4.0)],
    )
    layers = divide(atoms, thickness_A=1.0, liquid=liquid)
    assert [layer.atoms.tolist() for layer in layers] == [list(range(6)), list(range(6, 12))]
