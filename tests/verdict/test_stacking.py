"""The stacking test against potentials whose λ is known."""

import numpy as np
import pytest
import torch
from ase import Atoms
from ase.calculators.calculator import Calculator
from checkouts import SHARED, with_shared_data
from small_models import small_model

from falsemetal.potentials.bpnnp.committee import load_bpnnp
from falsemetal.potentials.calculator import ModelCalculator
from falsemetal.potentials.force_field.calculator import spce
from falsemetal.potentials.force_field.settings import DampedShiftedCoulomb
from falsemetal.potentials.graph import build_graph
from falsemetal.systems.molecule import WATER
from falsemetal.units import COULOMB, EPSILON_0
from falsemetal.verdict.points import SinglePoints
from falsemetal.verdict.prediction import interpolate_depolarisation
from falsemetal.verdict.probe import SHIPPED, Probe, shipped_frame
from falsemetal.verdict.slabs import Form, stack, stack_pair
from falsemetal.verdict.stacking import Stacking, calibrate, run_stacking, suitable_form

SPCE_CHARGE_E = -0.8476
FORMS: list[Form] = ["slab", "pair", "periodic"]


def probe(name: str = "water-64", charge_e: float = SPCE_CHARGE_E) -> Probe:
    return Probe.make(name, shipped_frame(name), WATER.charges(charge_e))


def stacking(calculator: Calculator, of: Probe, n_cells: int = 3, form: Form = "slab") -> Stacking:
    return run_stacking(SinglePoints(calculator), of, range(1, n_cells + 1), form=form)


@pytest.mark.parametrize("name", SHIPPED)
def test_shipped_probes_have_large_dipoles_and_whole_molecules(name: str) -> None:
    frame = probe(name)
    bonds = frame.atoms.positions[1::3] - frame.atoms.positions[::3]
    assert np.linalg.norm(bonds, axis=1).max() < 1.2
    assert frame.depolarising_energy_eV > 5.0
    field = frame.dipole_e_A / frame.volume_A3 / EPSILON_0
    assert frame.field_V_per_A == pytest.approx(-field)
    assert 0.0 <= frame.heights_A.min() <= frame.heights_A.max() < frame.thickness_A


def test_pairs_of_slabs_have_no_dipole() -> None:
    of = probe("water-32")
    pair = stack_pair(of.atoms, 2)
    charges = np.tile(of.charges, 4)
    assert charges @ pair.positions[:, 2] == pytest.approx(0.0, abs=1e-9)
    assert charges[: len(pair) // 2] @ pair.positions[: len(pair) // 2, 2] == pytest.approx(
        2.0 * of.dipole_e_A
    )
    distances = [a.get_all_distances() for a in (pair[: len(pair) // 2], pair[len(pair) // 2 :])]
    np.testing.assert_allclose(distances[0], distances[1], atol=1e-9)
    assert np.linalg.det(pair.cell.array) > 0.0


@pytest.mark.parametrize("form", FORMS)
def test_exact_electrostatics_has_one(form: Form) -> None:
    found = stacking(spce(), probe(), form=form)
    assert [x.fraction for x in found.increments] == pytest.approx([1.0, 1.0], abs=2e-3)
    assert found.increments[-1].fraction == pytest.approx(1.0, abs=1e-4)
    assert found.force_fraction == pytest.approx(1.0, abs=1e-3)
    assert found.charges_e["O"] == pytest.approx(SPCE_CHARGE_E, abs=1e-3)
    deep = [layer.field_fraction for layer in found.layers if layer.depth_A > 8.0]
    assert deep == pytest.approx([1.0] * len(deep), abs=5e-3)


@pytest.mark.parametrize("form", FORMS)
def test_a_truncated_force_has_none(form: Form) -> None:
    found = stacking(spce("truncated"), probe(), form=form)
    assert [x.energy_eV for x in found.increments] == pytest.approx([0.0, 0.0], abs=1e-6)
    assert found.force_fraction == pytest.approx(0.0, abs=1e-9)


def test_layers_resolve_how_a_truncated_force_ends() -> None:
    """λ(l) by forces of slabs is that of the formula, from 3 Å on."""
    found = [
        stacking(spce("truncated"), probe(name), n_cells)
        for name, n_cells in (("water-32", 4), ("water-64", 3))
    ]
    measured = interpolate_depolarisation(found, ends=True)
    exact = DampedShiftedCoulomb(kind="damped_shifted").depolarisation
    distance = np.arange(3.0, 20.0, 0.5)
    np.testing.assert_allclose(measured(distance), exact(distance), atol=0.03)
    assert float(measured(np.array(0.0))) == 1.0


@pytest.mark.parametrize("model", ["mace-1", "mace-2"])
def test_short_ranged_models_have_none(model: str) -> None:
    found = stacking(ModelCalculator(small_model(model)), probe("water-64", -0.5562))
    assert [x.energy_eV for x in found.increments] == pytest.approx([0.0, 0.0], abs=1e-6)


@with_shared_data
def test_networks_of_symmetry_functions_have_none() -> None:
    committee = load_bpnnp(SHARED / "bpnnp-bulkH2O-jcp2020", dtype=torch.float64)
    found = stacking(ModelCalculator(committee), probe("water-64", -0.5562))
    assert [x.energy_eV for x in found.increments] == pytest.approx([0.0, 0.0], abs=1e-6)


@pytest.mark.parametrize("model", ["split-1", "split-2"])
def test_split_charges_have_the_square_of_their_own_dipole(model: str) -> None:
    """P_model is that of eq. S5 in the same cell; the model is untrained: near formal charges."""
    of, built = probe(), small_model(model)
    graph = build_graph(of.atoms, built.elements, built.r_cut_A)
    with torch.no_grad():
        found = built.charges_and_dipole(graph)
    assert found is not None
    expected = (float(found[1][0, 2]) / of.dipole_e_A) ** 2
    assert expected > 3.0
    increments = stacking(ModelCalculator(built), of).increments
    assert increments[-1].fraction == pytest.approx(expected, rel=0.05)


class Tinfoil(Calculator):
    """Exact electrostatics of periodic cells, which takes slabs for such cells."""

    implemented_properties = ["energy", "forces"]  # noqa: RUF012

    def calculate(self, atoms=None, properties=None, system_changes=None) -> None:
        super().calculate(atoms, properties, system_changes)
        periodic = atoms.copy()
        periodic.pbc = True
        periodic.calc = spce()
        forces = periodic.get_forces()
        self.results = {"energy": periodic.get_potential_energy(), "forces": forces}


class WithoutSlabs(Tinfoil):
    """The same, which refuses slabs."""

    def calculate(self, atoms=None, properties=None, system_changes=None) -> None:
        if not atoms.pbc.all():
            raise ValueError("3D periodicity is required")
        super().calculate(atoms, properties, system_changes)


@pytest.mark.parametrize(
    ("calculator", "form"), [(spce(), "slab"), (Tinfoil(), "pair"), (WithoutSlabs(), "pair")]
)
def test_boundary_conditions_are_found_out(calculator: Calculator, form: Form) -> None:
    points = SinglePoints(calculator)
    calibrate(points, probe("water-32"))
    assert suitable_form(points, probe("water-32")) == form
    found = run_stacking(points, probe("water-32"), range(1, 5), form=form)
    assert found.increments[-1].fraction == pytest.approx(1.0, abs=1e-3)


def test_the_scale_is_that_of_a_plate_capacitor() -> None:
    """Two sheets of charge: the energy per area of their field is σ²d/(2ε0)."""
    of = probe()
    area, thickness = of.volume_A3 / of.thickness_A, of.thickness_A
    sheet = of.dipole_e_A / of.volume_A3
    energy = area * thickness * sheet**2 * 2.0 * np.pi * COULOMB
    assert of.depolarising_energy_eV == pytest.approx(energy)


def test_slabs_keep_the_order_of_their_cells() -> None:
    of = probe("water-32")
    slab = stack(of.atoms, 3)
    assert isinstance(slab, Atoms)
    middle = slab.positions[96:192] - slab.positions[:96]
    np.testing.assert_allclose(middle, np.tile([0.0, 0.0, of.thickness_A], (96, 1)), atol=1e-9)
    assert slab.pbc.tolist() == [True, True, False]
