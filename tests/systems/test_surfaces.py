"""Slabs of solids and the water on them: what is built, and what is refused in one clear line."""

import re

import numpy as np
import pytest
from ase import Atoms
from matscipy.neighbours import neighbour_list
from pydantic import ValidationError

from falsemetal.campaigns import MetalWater, MetalWaterMetal, OxideWater
from falsemetal.systems.interface import water_on
from falsemetal.systems.surfaces import MetalSurface, RutileSurface
from falsemetal.systems.water import StructureError
from falsemetal.units import WATER_DENSITY_G_PER_CM3, water_number_density

COPPER = {"kind": "metal", "element": "Cu", "lattice_constant_A": 3.6, "repeats": [4, 4]}
SPACING_A = 1e-6
"""Tolerance of what geometry tells exactly."""


def metal(**changes) -> MetalSurface:
    return MetalSurface(**COPPER | {"layers": 3} | changes)


def rutile(**changes) -> RutileSurface:
    return RutileSurface(**{"kind": "rutile110", "repeats": [4, 2], "layers": 4} | changes)


def with_height(slab: Atoms) -> Atoms:
    slab = slab.copy()
    slab.cell[2, 2] = slab.positions[:, 2].max() + 20.0
    return slab


def coordination(slab: Atoms, cutoff_A: float) -> np.ndarray:
    first = neighbour_list("i", with_height(slab), cutoff_A)
    return np.bincount(first, minlength=len(slab))


# lattice in Å; spacing of layers, nearest neighbours, area of an atom in units of the lattice;
# neighbours at the surface and within
FACES = [
    ("Cu", "fcc111", 3.6, None, 3**-0.5, 2**-0.5, 3**0.5 / 4, (9, 12)),
    ("Au", "fcc100", 4.08, None, 0.5, 2**-0.5, 0.5, (8, 12)),
    ("Ag", "fcc110", 4.09, None, 8**-0.5, 2**-0.5, 2**-0.5, (7, 12)),
    ("Fe", "bcc110", 2.87, None, 2**-0.5, 3**0.5 / 2, 2**-0.5, (6, 8)),
    ("Fe", "bcc100", 2.87, None, 0.5, 3**0.5 / 2, 1.0, (4, 8)),
    ("Fe", "bcc111", 2.87, None, 12**-0.5, 3**0.5 / 2, 3**0.5, (4, 8)),
    ("Mg", "hcp0001", 3.21, 1.633 * 3.21, 0.8165, 1.0, 3**0.5 / 2, (9, 12)),
]


@pytest.mark.parametrize(
    ("element", "face", "a", "c", "spacing", "nearest", "area", "neighbours"),
    FACES,
    ids=[face[1] for face in FACES],
)
def test_faces_of_metals(element, face, a, c, spacing, nearest, area, neighbours) -> None:
    surface = metal(
        element=element, face=face, lattice_constant_A=a, c_A=c, layers=7, repeats=[3, 4]
    )
    slab, layers = surface.slab(), np.arange(7)
    assert slab.get_chemical_symbols() == [element] * (7 * 12)
    # layer by layer, from below
    np.testing.assert_allclose(slab.positions[:, 2], np.repeat(layers, 12) * spacing * a, atol=1e-9)
    assert surface.height_A == pytest.approx(6 * spacing * a, abs=SPACING_A)
    x, y = surface.edges_A
    assert x * y == pytest.approx(12 * area * a**2)
    assert slab.pbc.tolist() == [True, True, False]
    counts = coordination(slab, 1.02 * nearest * a).reshape(7, 12)
    assert (counts == counts[:, :1]).all()
    assert (counts[0, 0], counts[3, 0], counts[6, 0]) == (neighbours[0], *neighbours[::-1])


def test_a_prism_face_of_a_hexagonal_metal_has_two_planes_a_layer() -> None:
    surface = metal(
        element="Mg", face="hcp10m10", lattice_constant_A=3.2, c_A=5.2, fixed_layers=1, layers=4
    )
    slab = surface.slab()
    assert len(np.unique(slab.positions[:, 2].round(6))) == 8
    assert slab.positions[surface.fixed(), 2].max() < slab.positions[~surface.fixed(), 2].min()
    assert coordination(slab, 3.4).max() == 12


@pytest.mark.parametrize("fixed_layers", [1, 2, 4, None])
@pytest.mark.parametrize("build", [metal, rutile])
def test_fixed_layers_are_the_lowest(build, fixed_layers) -> None:
    surface = build(layers=4, fixed_layers=fixed_layers)
    slab, fixed = surface.slab(), surface.fixed()
    n_fixed = fixed_layers or 4
    assert surface.moves == (n_fixed < 4)
    assert fixed.sum() == n_fixed * len(slab) // 4
    if surface.moves:
        assert slab.positions[fixed, 2].max() < slab.positions[~fixed, 2].min()


def test_the_slab_that_is_given_out_is_ones_own() -> None:
    metal().slab().positions += 1.0
    assert metal().slab().positions[:, 2].min() == 0.0


def test_rutile_110_has_the_composition_and_cell_of_the_paper() -> None:
    surface = rutile()
    slab = surface.slab()
    assert slab.symbols.count("Ti") == 64
    assert slab.symbols.count("O") == 128
    assert surface.edges_A == pytest.approx((11.83, 12.99), abs=0.005)
    planes = np.unique(slab.positions[slab.symbols == "Ti", 2].round(6))
    np.testing.assert_allclose(np.diff(planes), 4.593 / 2**0.5, atol=SPACING_A)


def test_rutile_110_has_bridges_and_a_row_of_five_coordinated_cations_on_both_sides() -> None:
    slab = rutile().slab()
    z, is_cation = slab.positions[:, 2], slab.symbols == "Ti"
    counts = coordination(slab, 2.1)
    # 8 cations a row in a cell of 4 by 2
    of_cations = counts[is_cation].reshape(4, 16)
    for outermost in (0, -1):
        assert np.bincount(of_cations[outermost]).tolist() == [0] * 5 + [8, 8]
    assert (of_cations[1:-1] == 6).all()
    # an oxygen within has three cations, a bridge has two
    bridges = np.flatnonzero(~is_cation & (counts == 2))
    assert (counts[~is_cation] >= 2).all()
    assert len(bridges) == 16
    above = z[bridges] - z[is_cation].max()
    assert (above > 0.0).sum() == 8
    np.testing.assert_allclose(above[above > 0.0], (0.5 - 0.305) * 4.593 * 2**0.5, atol=SPACING_A)


def test_trilayers_are_symmetric_and_neutral_to_their_dipole() -> None:
    slab = rutile().slab()
    z, charges = slab.positions[:, 2], np.where(slab.symbols == "Ti", 2.0, -1.0)
    for layer in np.array_split(np.arange(len(slab)), 4):
        assert charges[layer].sum() == 0.0
        plane = z[layer][charges[layer] > 0]
        assert np.ptp(plane) < SPACING_A
        np.testing.assert_allclose(
            np.sort(z[layer] - plane[0]), -np.sort(z[layer] - plane[0])[::-1], atol=SPACING_A
        )
        assert charges[layer] @ z[layer] == pytest.approx(0.0, abs=SPACING_A)


def test_another_rutile() -> None:
    surface = rutile(cation="Sn", a_A=4.737, c_A=3.186, u=0.3056, repeats=[2, 1], layers=3)
    assert surface.elements == ("Sn", "O")
    assert surface.slab().get_chemical_formula() == "O24Sn12"


def water_of(surface, vacuum_A: float | None, n_molecules: int = 40, contact_A: float = 2.2):
    x, y = surface.edges_A
    layer_A = n_molecules / water_number_density(WATER_DENSITY_G_PER_CM3) / (x * y)
    system = water_on(
        surface, n_molecules, layer_A=layer_A, contact_A=contact_A, vacuum_A=vacuum_A, seed=3
    )
    return system, layer_A


@pytest.mark.parametrize("vacuum_A", [20.0, None])
@pytest.mark.parametrize("build", [metal, rutile])
def test_water_lies_on_the_solid_in_the_order_that_the_force_field_reads(build, vacuum_A) -> None:
    surface = build(layers=4, fixed_layers=2)
    n_solid = len(surface.slab())
    system, layer_A = water_of(surface, vacuum_A)
    atoms = system.atoms
    assert atoms.get_chemical_symbols()[n_solid:] == ["O", "H", "H"] * 40
    assert system.region.tolist() == [surface.region] * n_solid + ["water"] * 120
    np.testing.assert_array_equal(system.fixed[:n_solid], surface.fixed())
    assert not system.fixed[n_solid:].any()
    assert atoms.pbc.tolist() == [True, True, vacuum_A is None]
    filled = surface.height_A + 2.2 + layer_A
    assert atoms.cell.lengths() == pytest.approx([*surface.edges_A, filled + (vacuum_A or 2.2)])
    # half of the vacuum below the solid
    z = atoms.positions[:, 2]
    assert z[:n_solid].min() == pytest.approx(0.5 * (vacuum_A or 0.0))
    oxygens = z[n_solid::3] - z[:n_solid].max()
    assert 2.2 <= oxygens.min() < oxygens.max() <= 2.2 + layer_A
    distances = neighbour_list("ijd", atoms, 4.0)
    across = (distances[0] < n_solid) & (distances[1] >= n_solid)
    assert distances[2][across].min() > 1.0


@pytest.mark.parametrize(
    ("kind", "family", "surface"),
    [
        ("metal_water", MetalWater, COPPER | {"layers": 3}),
        ("metal_water_metal", MetalWaterMetal, COPPER | {"layers": 3}),
        ("oxide_water", OxideWater, {"kind": "rutile110", "repeats": [4, 2], "layers": 3}),
    ],
)
def test_campaigns_fill_a_thickness_at_the_density_of_water(kind, family, surface) -> None:
    campaign = family(kind=kind, surface=surface, sizes_A=[12.0, 24.0])
    system = campaign.build(24.0, seed=1)
    n_water = system.atoms.symbols[system.within("water")].count("O")
    assert n_water == campaign.n_molecules(24.0)
    assert len(system.atoms) == campaign.n_atoms(24.0)
    x, y, height = system.atoms.cell.lengths()
    # half a molecule in 70 or more
    expected = water_number_density(WATER_DENSITY_G_PER_CM3)
    assert n_water / (x * y * 24.0) == pytest.approx(expected, rel=0.01)
    assert (x, y, height) == pytest.approx(campaign.cell_lengths(24.0))
    assert system.boundary is campaign.boundary
    others = campaign.build(24.0, seed=2)
    solid = system.within(campaign.surface.region)
    assert np.array_equal(system.atoms.positions[solid], others.atoms.positions[solid])
    assert not np.allclose(system.atoms.positions[~solid], others.atoms.positions[~solid])


def test_more_water_than_there_is_room_for_is_refused() -> None:
    with pytest.raises(StructureError, match="density"):
        water_on(metal(), 200, layer_A=12.0, contact_A=2.2, vacuum_A=20.0, seed=1)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"repeats": [4, 3]}, "repeats: 3 along y; fcc111 has right angles with an even number"),
        ({"repeats": [4]}, "repeats.*at least 2 items"),
        ({"repeats": [4, 400]}, "repeats.1.*less than or equal to 100"),
        ({"face": "hcp0001"}, "c_A belongs to a face of a hexagonal metal, and only to it"),
        ({"c_A": 5.2}, "c_A belongs to a face of a hexagonal metal, and only to it"),
        ({"fixed_layers": 0}, "fixed_layers: 0 of 3 layers; fix one at least"),
        ({"fixed_layers": 4}, "fixed_layers: 4 of 3 layers; .* all at most"),
        ({"fixed_layers": True}, "fixed_layers.*true is no number"),
        ({"lattice_constant_A": 0.36}, "lattice_constant_A.*greater than or equal to 2"),
        ({"element": "Kupfer"}, "'Kupfer' is no chemical symbol"),
        ({"face": "fcc112"}, "face.*fcc111"),
    ],
)
def test_what_is_no_face_is_refused(changes, message) -> None:
    with pytest.raises(ValidationError) as refused:
        metal(**changes)
    assert refused.value.error_count() == 1
    assert re.search(message, " ".join(str(refused.value).splitlines()))


def test_trilayers_are_called_so() -> None:
    with pytest.raises(ValidationError, match="fixed_layers: 9 of 4 trilayers"):
        rutile(fixed_layers=9)


def test_an_odd_number_is_taken_by_faces_with_a_rectangular_cell() -> None:
    for face, a in (("fcc100", 3.6), ("fcc110", 3.6), ("bcc100", 2.87)):
        surface = metal(face=face, lattice_constant_A=a, repeats=[3, 3])
        slab = with_height(surface.slab())
        nearest = neighbour_list("d", slab, 4.0).min()
        assert nearest == pytest.approx(a * (0.75 if face[0] == "b" else 0.5) ** 0.5, rel=1e-6)
