"""What the molecules of a liquid are made of."""

from typing import Annotated, Self

from ase.data import atomic_masses, atomic_numbers
from pydantic import BeforeValidator, Field, model_validator

from falsemetal.section import ASIDE, Number, PositiveFloat, PositiveInt, Section
from falsemetal.units import WATER_MASS_U


def _known_element(symbol: object) -> object:
    if symbol not in atomic_numbers or symbol == "X":
        raise ValueError(f"'{symbol}' is no chemical symbol")
    return symbol


Element = Annotated[str, BeforeValidator(_known_element)]


class Bond(Section):
    """Atoms of one element that belong to a molecule by their distance."""

    element: Element
    count: PositiveInt = Field(description="In a whole molecule")
    cutoff_A: PositiveFloat = Field(le=5.0, description="An atom farther away is not bound")
    to: Element | None = Field(
        None, description="Element that it is bound to, of those before; default: a centre"
    )


class Molecule(Section):
    """Molecules of a liquid: a centre each and what is bound to it; the default is water.

    An atom belongs to the nearest atom it may be bound to. Acetonitrile: `centres: [N]`, `bonds:
    [{element: C, count: 1, cutoff_A: 1.4}, {element: C, count: 1, cutoff_A: 1.8, to: C}, {element:
    H, count: 3, cutoff_A: 1.3, to: C}]`. A molten salt: `centres: [Na, Cl]`, `bonds: []`,
    `charge_shares: {Na: 1, Cl: -1}`.
    """

    region: str = Field("water", description="Region of a system that the molecules fill")
    centres: list[Element] = Field(
        ["O"], min_length=1, description="Elements that each molecule has one atom of"
    )
    bonds: list[Bond] = Field([Bond(element="H", count=2, cutoff_A=1.2)])
    charge_shares: Annotated[dict[Element, Number] | None, ASIDE] = Field(
        None,
        description="Fixed charge of each element over that of the first centre; default: the "
        "satellites share minus the centre's equally",
    )
    mass_u: Annotated[PositiveFloat | None, ASIDE] = Field(
        None, description="Molar mass in g/mol; default: the sum of its atoms'"
    )

    @model_validator(mode="after")
    def _is_consistent(self) -> Self:
        known = set(self.centres)
        for index, bond in enumerate(self.bonds):
            if bond.to is not None and bond.to not in known:
                raise ValueError(f"bonds[{index}].to: {bond.to} is neither centre nor bound before")
            if bond.element in self.centres:
                raise ValueError(f"bonds[{index}].element: {bond.element} is a centre")
            known.add(bond.element)
        if self.charge_shares is None:
            if len(self.centres) > 1 or not self.bonds:
                raise ValueError("charge_shares: required for several centres, or without bonds")
        elif set(self.charge_shares) != known:
            raise ValueError(f"charge_shares: give one for each of {', '.join(sorted(known))}")
        return self

    @property
    def satellites(self) -> dict[str, int]:
        """Number of atoms of each element in a whole molecule, without its centre."""
        counts: dict[str, int] = {}
        for bond in self.bonds:
            counts[bond.element] = counts.get(bond.element, 0) + bond.count
        return counts

    @property
    def elements(self) -> list[str]:
        """Of its atoms."""
        return [*self.centres, *self.satellites]

    @property
    def mass(self) -> float:
        """Molar mass in g/mol; of several centres the mean."""
        if self.mass_u is not None:
            return self.mass_u
        atoms = {centre: 1.0 / len(self.centres) for centre in self.centres} | self.satellites
        return float(sum(n * atomic_masses[atomic_numbers[e]] for e, n in atoms.items()))

    def has_atoms_of(self, other: "Molecule") -> bool:
        """Tell whether another molecule has the same centres and satellites."""
        return self.centres == other.centres and self.satellites == other.satellites

    def charges(self, centre_e: float) -> dict[str, float]:
        """Scale the shares to fixed charges in e by element, from that of the first centre."""
        shares = self.charge_shares or {self.centres[0]: 1.0} | dict.fromkeys(
            self.satellites, -1.0 / sum(self.satellites.values())
        )
        return {element: share * centre_e for element, share in shares.items()}


WATER = Molecule(mass_u=WATER_MASS_U)
"""The liquid of the paper."""
