import numpy as np
import pytest
from ase import Atoms
from matscipy.neighbours import neighbour_list

from falsemetal.systems import StructureError, brine_box, cubic_cell, water_box, water_slab
from falsemetal.systems.water import MINIMUM_CONTACT_A
from falsemetal.units import WATER_MASS_U, water_number_density


def closest_contact_A(atoms: Atoms) -> float:
    """Shortest distance between atoms that do not belong to one molecule."""
    n_water = 3 * atoms.symbols.count("O")
    molecule = np.arange(len(atoms))
    molecule[:n_water] //= 3
    molecule[n_water:] += len(atoms)
    i, j, d = neighbour_list("ijd", atoms, 3.5)
    return min(d[molecule[i] != molecule[j]], default=np.inf)


def assert_whole_molecules(atoms: Atoms, n_molecules: int) -> None:
    assert atoms.get_chemical_symbols()[: 3 * n_molecules] == ["O", "H", "H"] * n_molecules
    molecules = atoms.positions[: 3 * n_molecules].reshape(-1, 3, 3)
    bonds = np.linalg.norm(molecules[:, 1:] - molecules[:, :1], axis=2)
    assert bonds == pytest.approx(1.0, abs=1e-3)


@pytest.mark.parametrize(
    ("n_molecules", "cross_section_A"),
    [(192, 12.42), (128, 12.42), (61, 12.42), (24, 9.3), (60, 10.8), (1, 6.2)],
)
def test_slab(n_molecules, cross_section_A):
    slab = water_slab(n_molecules, cross_section_A=cross_section_A, cell_height_A=80.0, seed=3)
    assert len(slab) == 3 * n_molecules
    assert slab.pbc.tolist() == [True, True, False]
    assert slab.cell.lengths() == pytest.approx([cross_section_A, cross_section_A, 80.0])
    z = slab.positions[:, 2]
    assert 0.5 * (z.min() + z.max()) == pytest.approx(40.0, abs=2.0)
    assert closest_contact_A(slab) >= MINIMUM_CONTACT_A
    assert_whole_molecules(slab, n_molecules)


@pytest.mark.parametrize("n_molecules", [5, 24, 28, 33, 64, 100, 250])
def test_box_has_the_density_and_no_overlap(n_molecules):
    box = water_box(n_molecules, cell_lengths_A=cubic_cell(n_molecules, 0.997), seed=1)
    assert box.pbc.all()
    assert n_molecules / box.get_volume() == pytest.approx(water_number_density(0.997))
    assert closest_contact_A(box) >= MINIMUM_CONTACT_A
    assert_whole_molecules(box, n_molecules)


@pytest.mark.parametrize(("n_molecules", "length_A"), [(105, 20.42), (420, 81.7), (44, 8.56)])
def test_elongated_box_is_filled_without_overlap(n_molecules, length_A):
    box = water_box(n_molecules, cell_lengths_A=(12.42, 12.42, length_A), seed=1)
    assert box.cell.lengths() == pytest.approx([12.42, 12.42, length_A])
    assert len(box) == 3 * n_molecules
    assert closest_contact_A(box) >= MINIMUM_CONTACT_A
    heights = box.positions[::3, 2] / length_A
    assert np.histogram(heights, bins=4, range=(0, 1))[0] == pytest.approx(n_molecules / 4, rel=0.3)


@pytest.mark.parametrize(("molality", "n_pairs"), [(0.1, 1), (2.3, 3), (8.0, 9)])
def test_brine_has_the_molality_and_density(molality, n_pairs):
    brine = brine_box(64, molality_mol_per_kg=molality, density_g_per_cm3=1.1, seed=1)
    assert brine.get_chemical_symbols()[192:] == ["Na"] * n_pairs + ["Cl"] * n_pairs
    mass_u = 64 * WATER_MASS_U + n_pairs * 58.44
    density = mass_u / WATER_MASS_U / brine.get_volume() / water_number_density(1.0)
    assert density == pytest.approx(1.1, rel=1e-4)
    assert closest_contact_A(brine) >= MINIMUM_CONTACT_A
    assert_whole_molecules(brine, 64)


def test_seed_decides():
    cell = cubic_cell(27, 1.0)
    one, same, other = (water_box(27, cell_lengths_A=cell, seed=seed) for seed in (1, 1, 2))
    assert np.array_equal(one.positions, same.positions)
    assert not np.allclose(one.positions, other.positions)


def test_what_does_not_fit_is_refused():
    with pytest.raises(StructureError, match="cell_height_A: 20; raise it"):
        water_slab(192, cross_section_A=12.42, cell_height_A=20.0, seed=1)
    with pytest.raises(StructureError, match="cross_section_A: 2 Å"):
        water_slab(4, cross_section_A=2.0, cell_height_A=40.0, seed=1)
    with pytest.raises(StructureError, match="density"):
        water_box(64, cell_lengths_A=cubic_cell(64, 2.5), seed=1)
