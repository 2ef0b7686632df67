"""The field within films of water by charges of models that answer to it, and by others."""

import numpy as np
import pytest
from ase import Atoms
from small_models import SETTINGS, small_model

from falsemetal.estimators.continuum import continuum_thickness
from falsemetal.potentials.charges.film_response import charge_response, internal_field_fraction
from falsemetal.potentials.internal_field import internal_fields, polarisabilities
from falsemetal.potentials.mace.qeq import QEqMACE
from falsemetal.potentials.model import Model, Prediction
from falsemetal.potentials.specs import NEUTRAL, OWN, SHARED, InternalFieldSpec
from falsemetal.potentials.store import save_model
from falsemetal.specs import Origin
from falsemetal.systems.molecule import WATER
from falsemetal.systems.water import water_slab
from falsemetal.units import EPSILON_0, WATER_DENSITY_G_PER_CM3

SPEC = InternalFieldSpec(
    origin=Origin(name="test", sha256="", seed=1),
    device="cpu",
    liquid=WATER,
)
DOCUMENTED = {SHARED: [0.14, 0.07, 0.04], NEUTRAL: [0.78, 0.77, 0.76]}
"""docs/equilibrated-charges.md, a hardness of 10 eV/e²."""


def film(n_molecules: int) -> Atoms:
    return water_slab(n_molecules, cross_section_A=12.42, cell_height_A=80.0, seed=1)


def test_charges_of_one_chemical_potential_make_the_documented_metal() -> None:
    """Whatever their electronegativities; held neutral, molecules make an insulator."""
    assert SETTINGS["qeq-1"].hardness_eV_per_e2 == 10.0
    model, found = small_model("qeq-1").eval(), []
    for water in (film(n) for n in (64, 128, 192)):
        n_molecules, area_A2 = len(water) // 3, water.cell[0, 0] ** 2
        of_flat_film = continuum_thickness(n_molecules, area_A2, WATER_DENSITY_G_PER_CM3)
        answers = polarisabilities(model, water, np.arange(len(water)) // 3)
        found.append(
            {
                constraint: internal_field_fraction(water, answer, thickness_A=of_flat_film)
                for constraint, answer in answers.items()
            }
        )
    for constraint, fractions in DOCUMENTED.items():
        np.testing.assert_allclose([each[constraint] for each in found], fractions, atol=0.005)


def test_the_field_is_that_between_the_outermost_nuclei(tmp_path) -> None:
    save_model(small_model("qeq-1"), SETTINGS["qeq-1"], tmp_path, stamp={})
    films = [film(16), film(32)]
    table = internal_fields(tmp_path, films, SPEC, threads=1)
    assert list(table["frame"]) == [0, 0, 1, 1]
    assert list(table["constraint"]) == [SHARED, NEUTRAL] * 2
    extents = [np.ptp(water.positions[:, 2]) for water in films]
    np.testing.assert_allclose(table["thickness_A"], np.repeat(extents, 2))
    answers = polarisabilities(small_model("qeq-1").eval(), films[1], np.arange(96) // 3)
    screened = answers[NEUTRAL] / (EPSILON_0 * 12.42**2 * extents[1])
    assert table["internal_field_fraction"].iloc[3] == pytest.approx(1.0 - screened)


@pytest.mark.parametrize("name", ["qeq-1", "qeq-2"])
def test_the_models_own_answer_is_that_of_its_hardness(name) -> None:
    """Also where hardness depends on surroundings, and the short range on the charges."""
    model, water = small_model(name).eval(), film(16)
    assert isinstance(model, QEqMACE)
    found = polarisabilities(model, water, np.arange(len(water)) // 3)
    stiffness = model.charge_stiffness(model.graph_of(water))
    response = charge_response(
        water,
        hardness_eV_per_e2=stiffness.hardness_eV_per_e2.numpy(),
        smearing_A=stiffness.smearing_A,
    )
    assert found[SHARED] == pytest.approx(response @ water.positions[:, 2], rel=1e-6)
    assert 0.0 < found[NEUTRAL] < found[SHARED]


class Dielectric(Model):
    """A model of another kind that answers: it tells a dipole and no hardness."""

    with_charge = True

    def __init__(self) -> None:
        super().__init__()
        inner = small_model("mace-1")
        self.inner, self.elements, self.r_cut_A = inner, inner.elements, inner.r_cut_A

    def evaluate(self, graph) -> Prediction:
        dipoles = 0.5 + 3.0 * graph.field_V_per_A
        return Prediction(self.inner(graph), dipoles=dipoles)


def test_any_model_that_tells_its_dipole_is_measured() -> None:
    water = film(16)
    found = polarisabilities(Dielectric(), water, np.arange(len(water)) // 3)
    assert found == {OWN: pytest.approx(3.0)}


def test_bent_charges_have_no_hardness_by_which_molecules_could_be_held() -> None:
    water = film(8)
    found = polarisabilities(small_model("fixed-point-2").eval(), water, np.arange(len(water)) // 3)
    assert set(found) == {OWN}


def test_a_film_with_more_than_the_liquid_is_refused(tmp_path) -> None:
    save_model(small_model("qeq-1"), SETTINGS["qeq-1"], tmp_path, stamp={})
    broken = film(16)
    broken.positions[1, 2] += 10.0
    with pytest.raises(ValueError, match="frame 0: 1 atoms belong to no molecule of water"):
        internal_fields(tmp_path, [broken], SPEC, threads=1)
