"""A cheap calculator that knows total charges: springs to a neutral rest, and a level."""

from typing import Any, ClassVar

import numpy as np
from ase.calculators.calculator import Calculator, all_changes

LEVEL_EV = -5.0
CAPACITANCE_E_PER_V = 0.5


class ChargedSprings(Calculator):
    """E = ½k Σ|r − r₀|² − level Q + Q²/2C; the total charge is that of initial charges."""

    implemented_properties: ClassVar[list[str]] = ["energy", "forces", "charges"]

    def __init__(self, stiffness: float = 2.0, *, deaf: bool = False) -> None:
        super().__init__()
        self.stiffness, self.deaf = stiffness, deaf

    def calculate(self, atoms: Any = None, properties: Any = None, changes: Any = all_changes):
        super().calculate(atoms, properties, changes)
        charge_e = 0.0 if self.deaf else float(self.atoms.get_initial_charges().sum())
        moved = self.atoms.positions - np.round(self.atoms.positions / 2.0) * 2.0
        self.results = {
            "energy": 0.5 * self.stiffness * (moved**2).sum()
            - LEVEL_EV * charge_e
            + 0.5 * charge_e**2 / CAPACITANCE_E_PER_V,
            "forces": -self.stiffness * (moved - moved.mean(axis=0)),
            "charges": np.full(len(self.atoms), charge_e / len(self.atoms)),
        }


def springs(*_: object, **__: object) -> ChargedSprings:
    """Make the calculator as a runner has it made."""
    return ChargedSprings()


def deaf_springs(*_: object, **__: object) -> ChargedSprings:
    """Make one that ignores total charges."""
    return ChargedSprings(deaf=True)
