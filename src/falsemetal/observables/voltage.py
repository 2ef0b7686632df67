"""ΔV of every frame: across a film by its dipole (S1.0.3), within a periodic cell (S1.2.3).

The dipole of a film is by the potential's own charges, for comparison with its reference; ΔV is by
those of electronic structure, for comparison with a band gap. Between two faces of a metal, which
shorts the layer, ΔV is that of its centre, (P_low − P_up)/2ε0, by the dipoles of its halves.
"""

import numpy as np
import pandas as pd

from falsemetal.arrays import FloatArray
from falsemetal.estimators.dipole import dipole_per_area
from falsemetal.estimators.voltage import potential_drop
from falsemetal.observables.registry import ObserveSpec
from falsemetal.observables.runs import Block, Runs
from falsemetal.systems.boundary import Boundary, Layout


def collect(block: Block, spec: ObserveSpec) -> dict[str, FloatArray]:
    """Compute ΔV in V and the share of broken molecules; of a layer also P_z in e/Å.

    Between two faces also those of its lower and upper half, `P_low` and `P_up`.
    """
    values = {"fraction_broken": block.molecules.broken_fraction}
    if spec.layout is Layout.CONFINED:
        return values | _between_faces(block, spec)
    if spec.layout.boundary is Boundary.FILM:
        own, electronic = (
            dipole_per_area(block.dipoles_z(charges), block.area_A2)
            for charges in (spec.charges, spec.electronic_charges)
        )
        return values | {"P_z": own, "delta_V": potential_drop(electronic)}
    from falsemetal.electrostatics.cell import potential_difference

    return values | {
        "delta_V": potential_difference(
            block.positions,
            block.of_atoms(spec.electronic_charges),
            block.cell,
            width_A=spec.settings["gaussian_width_A"],
            pbc=block.pbc.tolist(),
        )
    }


def _between_faces(block: Block, spec: ObserveSpec) -> dict[str, FloatArray]:
    is_low = block.heights(block.molecules.centres) < 0.5 * block.gap_A[:, None]
    halves = [
        [dipole_per_area(np.where(part, of, 0.0), block.area_A2) for part in (is_low, ~is_low)]
        for of in map(block.dipoles_z, (spec.charges, spec.electronic_charges))
    ]
    (low, up), (electronic_low, electronic_up) = halves
    centre = potential_drop(0.5 * (electronic_low - electronic_up))
    return {"P_z": low + up, "P_low": low, "P_up": up, "delta_V": centre}


def fluctuating(runs: Runs, spec: ObserveSpec) -> list[FloatArray]:
    """Return the series that a system is judged by: P_z of a film in e/Å, ΔV of a cell in V."""
    is_film = spec.layout.boundary is Boundary.FILM
    return runs.series("voltage", "P_z" if is_film else "delta_V")


def tabulate(runs: Runs, spec: ObserveSpec) -> pd.DataFrame:
    """Tabulate a row per frame."""
    return runs.frames(
        delta_V_V=runs.series("voltage", "delta_V"),
        fraction_broken=runs.series("voltage", "fraction_broken"),
    )
