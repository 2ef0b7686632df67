"""Vacuum and layers of the structures that electrons are computed for."""

import numpy as np
import pytest
from small_models import water_layer

from falsemetal.electronic.structure import divide_into_layers, with_vacuum

VACUUM_A = 7.0


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
