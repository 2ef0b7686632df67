"""Units and physical constants; every conversion of the package happens here.

Inside the package lengths are in Å, energies in eV, charges in e, times in fs, masses in u
and temperatures in K. Molar and SI units appear only at the boundary, through this module.
"""

import math

from ase import units as ase_units
from scipy import constants

EPSILON_0: float = constants.epsilon_0 / constants.e * constants.angstrom
"""Vacuum permittivity in e/(V·Å), equivalently e²/(eV·Å)."""

COULOMB = 1.0 / (4.0 * math.pi * EPSILON_0)
"""Coulomb constant 1/(4π ε0) in eV·Å/e²."""

BOLTZMANN: float = ase_units.kB
"""Boltzmann constant in eV/K."""

KCAL_PER_MOL: float = ase_units.kcal / ase_units.mol
"""One kcal/mol in eV."""

KJ_PER_MOL: float = ase_units.kJ / ase_units.mol
"""One kJ/mol in eV."""

BOHR: float = constants.physical_constants["Bohr radius"][0] / constants.angstrom
"""One bohr in Å."""

HARTREE: float = constants.physical_constants["Hartree energy in eV"][0]
"""One hartree in eV."""

ASE_FS: float = ase_units.fs
"""One femtosecond in ASE's unit of time, Å·sqrt(u/eV)."""

ATOMIC_VELOCITY = BOHR / (constants.physical_constants["atomic unit of time"][0] * 1e15 * ASE_FS)
"""One atomic unit of velocity, bohr·Ha/ħ, in ASE's unit sqrt(eV/u)."""

ATM_PER_BAR: float = 1e5 / constants.atm
"""One bar in atmospheres, the pressure unit of LAMMPS' `real` units."""

WATER_MASS_U = 18.0153
"""Molar mass of H2O in g/mol."""

WATER_DENSITY_G_PER_CM3 = 0.997
"""Mass density of water at 298 K."""

MINIMUM_VACUUM_A = 15.0
"""Vacuum a slab's cell must hold: below it images and evaporated molecules interact."""


def number_density(density_g_per_cm3: float, mass_u: float) -> float:
    """Molecules of a molar mass in g/mol per Å³ at a mass density in g/cm³."""
    molecules_per_cm3 = density_g_per_cm3 / mass_u * constants.N_A
    return float(molecules_per_cm3 * 1e-24)


def water_number_density(density_g_per_cm3: float) -> float:
    """Molecules of H2O per Å³ at a mass density in g/cm³."""
    return number_density(density_g_per_cm3, WATER_MASS_U)
