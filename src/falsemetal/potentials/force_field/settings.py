"""Parameters of the flexible three-site water model (paper, Table S4)."""

import math
from typing import Annotated, Literal

import numpy as np
from pydantic import Field

from falsemetal.arrays import FloatArray
from falsemetal.section import Number, PositiveFloat, Section


class FullCoulomb(Section):
    """Coulomb energy of all images, without a field between slabs."""

    kind: Literal["full"] = "full"


class DampedShiftedCoulomb(Section):
    """Coulomb energy that ends at a cutoff, damped and shifted in energy and force.

    Fennell and Gezelter, J. Chem. Phys. 124, 234104 (2006): the cleanest short-ranged potential
    that is right nearby.
    """

    kind: Literal["damped_shifted"]
    damping_per_A: PositiveFloat = Field(0.2, le=2.0)
    cutoff_A: PositiveFloat = Field(9.0, ge=3.0, le=30.0)

    def depolarisation(self, distance_A: FloatArray) -> FloatArray:
        """λ(l) of :func:`falsemetal.estimators.continuum.nonlocal_fluctuation`.

        It is the pair energy over Coulomb's own at each distance: of a pair energy φ(r) the force
        between two charged planes follows from ∫ 2πrφ(r)dr beyond their distance.
        """
        from scipy.special import erfc

        r, end, damping = np.asarray(distance_A, float), self.cutoff_A, self.damping_per_A
        at_end = erfc(damping * end) / end
        gaussian = 2.0 * damping / math.sqrt(math.pi) * math.exp(-((damping * end) ** 2))
        slope = (at_end + gaussian) / end
        within = erfc(damping * r) - r * at_end + r * slope * (r - end)
        return np.where(r < end, within, 0.0)


Coulomb = Annotated[FullCoulomb | DampedShiftedCoulomb, Field(discriminator="kind")]


class Ion(Section):
    """Charge and Lennard-Jones parameters of a monatomic ion."""

    charge_e: Number
    epsilon_kcal_per_mol: PositiveFloat
    sigma_A: PositiveFloat


class WaterForceField(Section):
    """A flexible three-site water model; the defaults are flexible SPC/E (paper, Table S4)."""

    charge_O_e: Number = Field(
        -0.8476, lt=0, ge=-4, description="Charge of O; H carries minus half of it"
    )
    epsilon_OO_kcal_per_mol: PositiveFloat = 0.1553
    sigma_OO_A: PositiveFloat = 3.166
    bond_length_A: PositiveFloat = 1.0
    bond_k_kJ_per_mol_nm2: PositiveFloat = Field(345000.0, description="k of ½k(r − r0)²")
    angle_deg: PositiveFloat = Field(109.47, le=180.0)
    angle_k_kJ_per_mol_rad2: PositiveFloat = Field(383.0, description="k of ½k(θ − θ0)²")
    cutoff_A: PositiveFloat = Field(
        9.0, ge=3.0, le=30.0, description="Lennard-Jones and real-space Coulomb cutoff"
    )
    coulomb: Coulomb = FullCoulomb()
    ions: dict[str, Ion] = Field(
        default={
            "Na": Ion(charge_e=1.0, epsilon_kcal_per_mol=0.3526418, sigma_A=2.1595),
            "Cl": Ion(charge_e=-1.0, epsilon_kcal_per_mol=0.0127850, sigma_A=4.8305),
        },
        description="Joung-Cheatham parameters for SPC/E; Lorentz-Berthelot mixing",
    )
