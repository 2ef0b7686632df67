"""Parameters of the flexible three-site water model (paper, Table S4)."""

from pydantic import Field

from falsemetal.section import Number, PositiveFloat, Section


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
    ions: dict[str, Ion] = Field(
        default={
            "Na": Ion(charge_e=1.0, epsilon_kcal_per_mol=0.3526418, sigma_A=2.1595),
            "Cl": Ion(charge_e=-1.0, epsilon_kcal_per_mol=0.0127850, sigma_A=4.8305),
        },
        description="Joung-Cheatham parameters for SPC/E; Lorentz-Berthelot mixing",
    )
