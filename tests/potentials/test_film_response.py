"""What a field does to equilibrated charges: one chemical potential makes a metal of water."""

import numpy as np
import pytest
from ase import Atoms

from falsemetal.electrostatics.reciprocal import ElectrostaticsError
from falsemetal.estimators.continuum import continuum_thickness
from falsemetal.potentials.charges.film_response import charge_response, internal_field_fraction
from falsemetal.systems.water import water_slab
from falsemetal.units import WATER_DENSITY_G_PER_CM3

EDGE_A = 12.42
SIZES = (64, 128, 192)
"""Molecules; films of 12, 25 and 37 Å."""


def films() -> list[Atoms]:
    return [water_slab(n, cross_section_A=EDGE_A, cell_height_A=80.0, seed=1) for n in SIZES]


def fractions(hardness_eV_per_e2: float, *, whole_molecules: bool) -> list[float]:
    found = []
    for film in films():
        groups = np.arange(len(film)) // 3 if whole_molecules else None
        response = charge_response(
            film, hardness_eV_per_e2=hardness_eV_per_e2, smearing_A=1.0, groups=groups
        )
        assert response.sum() == pytest.approx(0.0, abs=1e-10)
        thickness_A = continuum_thickness(len(film) // 3, EDGE_A**2, WATER_DENSITY_G_PER_CM3)
        dipole = response @ film.positions[:, 2]
        found.append(internal_field_fraction(film, dipole, thickness_A=thickness_A))
    return found


@pytest.mark.parametrize(
    ("hardness_eV_per_e2", "lowest", "highest"),
    [(4.0, 0.05, 0.15), (10.0, 0.08, 0.2), (20.0, 0.12, 0.28)],
)
def test_water_with_one_chemical_potential_is_a_metal(hardness_eV_per_e2, lowest, highest) -> None:
    """The internal field falls as one over the thickness, at any hardness."""
    found = fractions(hardness_eV_per_e2, whole_molecules=False)
    assert lowest < found[0] < highest
    assert found[1] / found[0] == pytest.approx(1.0 / 2.0, abs=0.1)
    assert found[2] / found[0] == pytest.approx(1.0 / 3.0, abs=0.1)


def test_water_of_neutral_molecules_is_an_insulator() -> None:
    """The internal field is that of a small permittivity, at any thickness."""
    found = fractions(10.0, whole_molecules=True)
    assert min(found) > 0.7
    assert max(found) < 0.9
    assert np.ptp(found) < 0.05


def test_a_field_needs_a_film() -> None:
    film = films()[0]
    film.pbc = True
    with pytest.raises(ElectrostaticsError, match="needs a film"):
        charge_response(film, hardness_eV_per_e2=10.0, smearing_A=1.0)
