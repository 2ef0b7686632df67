"""ΔV of every frame: across a film by its dipole (S1.0.3), within a periodic cell (S1.2.3)."""

import numpy as np
import pandas as pd
from ase.data import atomic_numbers

from falsemetal.arrays import FloatArray
from falsemetal.estimators.dipole import dipole_per_area
from falsemetal.estimators.voltage import potential_drop
from falsemetal.observables.registry import ObserveSpec
from falsemetal.observables.runs import Block, Runs
from falsemetal.systems.boundary import Boundary


def collect(block: Block, spec: ObserveSpec) -> dict[str, FloatArray]:
    """Compute ΔV in V and the share of broken molecules; of a film also P_z in e/Å."""
    values = {"fraction_broken": block.molecules.broken_fraction}
    if spec.boundary is Boundary.FILM:
        dipole = dipole_per_area(block.dipoles_z, block.area_A2)
        return values | {"P_z": dipole, "delta_V": potential_drop(dipole)}
    from falsemetal.electrostatics.cell import potential_difference

    of_atoms = np.zeros(len(block.numbers))
    for element, charge in block.charges.items():
        of_atoms[block.numbers == atomic_numbers[element]] = charge
    width = spec.settings["gaussian_width_A"]
    return values | {
        "delta_V": potential_difference(
            block.positions, of_atoms, block.cell, width_A=width, pbc=block.pbc.tolist()
        )
    }


def fluctuating(runs: Runs, spec: ObserveSpec) -> list[FloatArray]:
    """Return the series that a system is judged by: P_z of a film in e/Å, ΔV of a cell in V."""
    return runs.series("voltage", "P_z" if spec.boundary is Boundary.FILM else "delta_V")


def tabulate(runs: Runs, spec: ObserveSpec) -> pd.DataFrame:
    """Tabulate a row per frame."""
    return runs.frames(
        delta_V_V=runs.series("voltage", "delta_V"),
        fraction_broken=runs.series("voltage", "fraction_broken"),
    )
