"""What the force field takes for a metal, an oxide or water, and what it refuses."""

import numpy as np
import pytest
from ase import Atoms
from interfaces import (
    CONDUCTOR,
    MOVING,
    OXIDE,
    TRUNCATED,
    copper,
    equilibrated,
    rutile,
    with_copper,
)

from falsemetal.datasets.labelling import label_frames
from falsemetal.potentials.force_field.engine import LammpsEngine
from falsemetal.potentials.force_field.settings import WaterForceField
from falsemetal.potentials.force_field.solids import COPPER, RUTILE
from falsemetal.potentials.force_field.topology import (
    OXIDE_OXYGEN,
    UnsupportedStructureError,
    find_topology,
)
from falsemetal.systems.interface import water_on
from falsemetal.systems.surfaces import MetalSurface, Surface


def with_water(surface: Surface, vacuum_A: float | None = 20.0) -> Atoms:
    return water_on(surface, 20, layer_A=8.0, contact_A=2.5, vacuum_A=vacuum_A, seed=1).atoms


def alone(surface: Surface) -> Atoms:
    slab = surface.slab()
    slab.positions[:, 2] += 8.0
    slab.cell[2, 2] = slab.positions[:, 2].max() + 12.0
    return slab


def energy_eV(atoms: Atoms, force_field: WaterForceField = CONDUCTOR) -> float:
    return label_frames([atoms], force_field)[0].info["REF_energy"]


def test_oxygens_of_an_oxide_are_told_from_those_of_water_by_their_order() -> None:
    atoms = with_water(OXIDE)
    topology = find_topology(atoms, CONDUCTOR)
    n_solid = len(OXIDE.slab())
    assert topology.oxide == "Ti"
    assert topology.metals == ()
    assert [s.name for s in topology.species] == ["O", "H", "Ti", OXIDE_OXYGEN]
    np.testing.assert_array_equal(topology.oxygens, np.arange(n_solid, len(atoms), 3))
    of_oxide = topology.types[:n_solid] == topology.type_of(OXIDE_OXYGEN)
    assert of_oxide.sum() == 2 * n_solid / 3
    assert topology.charges[:n_solid][of_oxide] == pytest.approx(RUTILE.charges_e["O"])
    # each atom of a solid is a molecule of its own, and so is each molecule
    assert len(np.unique(topology.molecules)) == n_solid + 20


def test_a_solid_may_stand_after_the_water() -> None:
    atoms = with_water(OXIDE)
    n_solid = len(OXIDE.slab())
    turned = atoms[[*range(n_solid, len(atoms)), *range(n_solid)]]
    assert energy_eV(turned) == pytest.approx(energy_eV(atoms), abs=1e-6)


def test_a_metal_whose_oxide_is_known_is_a_metal_without_oxygen() -> None:
    force_field = WaterForceField(metals={"Ti": COPPER})
    surface = MetalSurface(
        kind="metal",
        element="Ti",
        face="hcp0001",
        lattice_constant_A=2.95,
        c_A=4.68,
        repeats=[3, 4],
        layers=3,
    )
    assert force_field.find_fault_of(surface) is None
    topology = find_topology(with_water(surface), force_field)
    assert (topology.metals, topology.oxide) == (("Ti",), None)
    assert find_topology(with_water(OXIDE), force_field).oxide == "Ti"


def test_an_oxide_of_a_metal_that_is_known_is_an_oxide() -> None:
    pairs = {key.replace("Ti", "Cu"): pair for key, pair in RUTILE.pairs.items()}
    oxide = {"charges_e": {"Cu": 2.196, "O": -1.098}, "pairs": pairs}
    oxide |= {"with_water": {"Cu": RUTILE.with_water["Ti"], "O": RUTILE.with_water["O"]}}
    force_field = WaterForceField(oxides={"Cu": oxide})
    surface = rutile(3, cation="Cu")
    assert force_field.find_fault_of(surface) is None
    assert find_topology(with_water(copper(2)), force_field).oxide is None
    # the parameters are those of titanium, and so is the energy
    expected = energy_eV(with_water(rutile(3)))
    assert energy_eV(with_water(surface), force_field) == pytest.approx(expected, abs=1e-6)


@pytest.mark.parametrize("force_field", [CONDUCTOR, TRUNCATED], ids=["full", "truncated"])
def test_solids_without_water_have_an_energy(force_field) -> None:
    assert energy_eV(alone(copper(3)), force_field) == 0.0
    # −39.7 eV for each TiO2 of the crystal, less what two faces cost
    assert -39.3 < energy_eV(alone(rutile(3)), force_field) / 18 < -38.5


def test_copper_alone_has_a_surface_energy() -> None:
    """Mishin et al.: 1.239 J/m² for (111), of both faces here; unrelaxed a little more."""
    surface = copper(5)
    x, y = surface.edges_A
    excess = energy_eV(alone(surface), MOVING) + 3.54 * len(surface.slab())
    assert excess / (2 * x * y) * 16.022 == pytest.approx(1.24, abs=0.05)


def test_groups_of_fixed_atoms_follow_the_mask() -> None:
    """Also where it has gaps, as of two slabs."""
    atoms = equilibrated("frozen metal").atoms
    fixed = np.zeros(len(atoms), dtype=bool)
    fixed[:7] = fixed[20:30] = fixed[48:51] = True
    with LammpsEngine(atoms, MOVING, fixed=fixed) as engine:
        engine.draw_velocities(300.0, 1)
        moving = engine.velocities.any(axis=1)
    np.testing.assert_array_equal(moving, ~fixed)


def test_a_field_pulls_at_the_water_and_not_at_a_metal() -> None:
    atoms = equilibrated("frozen metal").atoms
    fixed = np.array(atoms.symbols == "Cu")
    forces = []
    for field_V_per_A in (0.0, 0.1):
        with LammpsEngine(atoms, with_copper(response="none"), fixed=fixed) as engine:
            if field_V_per_A:
                engine.apply_field(field_V_per_A)
            engine.command("run 0 post no")
            forces.append(engine.forces)
    pulled = (forces[1] - forces[0]) / 0.1
    np.testing.assert_allclose(pulled[:, :2], 0.0, atol=1e-9)
    charges = np.where(atoms.symbols == "O", -0.8476, np.where(atoms.symbols == "H", 0.4238, 0.0))
    np.testing.assert_allclose(pulled[:, 2], charges, atol=1e-6)


def two_metals() -> tuple[Atoms, WaterForceField]:
    atoms = with_water(copper(2))
    atoms.symbols[0] = "Au"
    return atoms, WaterForceField(metals={"Au": COPPER})


def metal_beside_oxide() -> tuple[Atoms, WaterForceField]:
    atoms = with_water(OXIDE)
    return atoms + Atoms("Cu", [[0.0, 0.0, 1.0]]), CONDUCTOR


def unknown_metal() -> tuple[Atoms, WaterForceField]:
    return with_water(copper(2, element="Ag")), CONDUCTOR


def lost_file() -> tuple[Atoms, WaterForceField]:
    return with_water(copper(2)), with_copper(eam="nowhere.eam.alloy")


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (two_metals, "Cu and Au: the force field knows one metal at a time"),
        (metal_beside_oxide, "an oxide of Ti beside Cu"),
        (unknown_metal, r"atom 0 is Ag, .* metals or oxides \(now: Na, Cl, Cu, Ti\)"),
        (lost_file, "metals.Cu.eam: there is no file 'nowhere.eam.alloy'"),
    ],
)
def test_what_the_force_field_cannot_treat_is_refused(build, message) -> None:
    atoms, force_field = build()
    with pytest.raises(UnsupportedStructureError, match=message):
        label_frames([atoms], force_field)


def test_a_metal_that_moves_needs_what_holds_it_together() -> None:
    atoms = with_water(copper(2))
    with pytest.raises(UnsupportedStructureError, match=r"atoms of Cu move, .* metals\.Cu\.eam"):
        LammpsEngine(atoms, CONDUCTOR, fixed=np.arange(len(atoms)) < 16)
