import numpy as np
import pytest

from falsemetal.estimators.continuum import continuum_thickness, dielectric_fluctuation, dipole_std
from falsemetal.estimators.density import density_profile
from falsemetal.estimators.voltage import is_metallic, potential_drop

AREA_A2 = 12.42**2


def test_metallic_threshold_of_water():
    assert potential_drop(0.024592) == pytest.approx(4.45, abs=2e-4)
    np.testing.assert_array_equal(
        is_metallic(np.array([-4.5, -4.4, 0.0, 4.46]), 4.45), [True, False, False, True]
    )


@pytest.mark.parametrize(("n_molecules", "sigma_V"), [(192, 1.05), (128, 0.86), (60, 0.59)])
def test_continuum_fluctuation_of_the_papers_slabs(n_molecules, sigma_V):
    thickness = continuum_thickness(n_molecules, AREA_A2, density_g_per_cm3=0.997)
    sigma = dipole_std(dielectric_fluctuation(71.0), thickness, AREA_A2, temperature_K=300.0)
    assert potential_drop(sigma) == pytest.approx(sigma_V, abs=0.01)


def test_uniform_molecules_have_uniform_density():
    z = np.tile(np.arange(-9.75, 10.0, 0.5), (7, 1))
    density = density_profile(z, np.arange(-10.0, 10.5, 1.0), AREA_A2)
    np.testing.assert_allclose(density, 2 / AREA_A2)
