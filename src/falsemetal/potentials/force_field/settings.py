"""Parameters of the flexible three-site water model (paper, Table S4) and of what is beside it."""

import math
from collections.abc import Collection
from typing import Annotated, Literal, Self

import numpy as np
from pydantic import Field

from falsemetal.arrays import FloatArray
from falsemetal.potentials.force_field.solids import METALS, OXIDES, Metal, Oxide
from falsemetal.section import LATER, Number, PositiveFloat, Section
from falsemetal.systems.molecule import Element
from falsemetal.systems.surfaces import Surface


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
    metals: Annotated[dict[Element, Metal], LATER] = Field(
        default={}, description="Metals that water is put on, by element, beside copper"
    )
    oxides: Annotated[dict[Element, Oxide], LATER] = Field(
        default={}, description="Oxides that water is put on, by cation, beside rutile"
    )

    @property
    def known_metals(self) -> dict[str, Metal]:
        """Metals by element: those given, and copper."""
        return METALS | self.metals

    @property
    def known_oxides(self) -> dict[str, Oxide]:
        """Oxides by cation: those given, and rutile."""
        return OXIDES | self.oxides

    def beside(self, elements: Collection[str]) -> Self:
        """Return it with those solids alone, and in full, that hold one of the elements."""
        metals = {name: metal for name, metal in self.known_metals.items() if name in elements}
        oxides = {name: oxide for name, oxide in self.known_oxides.items() if name in elements}
        return self.model_copy(update={"metals": metals, "oxides": oxides})

    def is_conductor(self, element: str) -> bool:
        """Whether a metal answers to the water: not if the Coulomb energy ends at a cutoff."""
        whole = isinstance(self.coulomb, FullCoulomb)
        return whole and self.known_metals[element].response == "conductor"

    def find_fault_of(self, surface: Surface) -> str | None:
        """Tell what it lacks for a solid, with its key and what to do, or None."""
        element = surface.elements[0]
        if surface.region == "oxide":
            return self._fault_of_oxide(surface)
        metal = self.known_metals.get(element)
        if metal is None:
            known = ", ".join(self.known_metals)
            return f"metals: no parameters of {element} (there are those of: {known}); give them"
        fault = None
        if metal.eam is None and surface.moves:
            fault = (
                f"eam: required, as layers of {element} move; name an eam/alloy file, or fix all "
                "layers"
            )
        elif metal.eam is not None and metal.eam_file is None:
            fault = f"eam: there is no file '{metal.eam}', here or among LAMMPS' own"
        elif metal.eam is not None and element not in metal.eam_elements:
            held = ", ".join(metal.eam_elements) or "nothing that eam/alloy can read"
            fault = f"eam: {metal.eam} holds {held}; name an eam/alloy file of {element}"
        elif metal.solver == "matrix" and surface.moves:
            fault = (
                "solver: a matrix holds while all of the metal is at rest, and layers move; take "
                "cg or auto, or fix all layers"
            )
        return f"metals.{element}.{fault}" if fault else None

    def _fault_of_oxide(self, surface: Surface) -> str | None:
        cation = surface.elements[0]
        oxide = self.known_oxides.get(cation)
        if oxide is None or cation not in oxide.charges_e:
            known = ", ".join(self.known_oxides)
            return f"oxides: no charges and parameters of {cation} (there are those of: {known})"
        per_cation = surface.slab().symbols.count("O") / surface.slab().symbols.count(cation)
        net_e = oxide.charges_e[cation] + per_cation * oxide.charges_e["O"]
        if abs(net_e) < 1e-9:
            return None
        return (
            f"oxides.{cation}.charges_e: a net charge of {net_e:+.3g} e for {per_cation:g} O of "
            f"each {cation}; give charges that add up to zero"
        )
