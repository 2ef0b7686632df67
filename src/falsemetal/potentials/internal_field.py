"""Mean field inside films over an external one, by the charges of a model that answer to it."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from ase import Atoms

from falsemetal.arrays import IntArray
from falsemetal.potentials.charges.film_response import charge_response, internal_field_fraction
from falsemetal.potentials.loading import load_potential
from falsemetal.potentials.model import Model, graph_for
from falsemetal.potentials.specs import NEUTRAL, OWN, SHARED, InternalFieldSpec
from falsemetal.potentials.store import torch_device
from falsemetal.systems.labels import in_field_along_z
from falsemetal.systems.molecule import Molecule
from falsemetal.systems.molecules import FREE, whole_molecules

FIELD_V_PER_A = 0.01
"""Up and down, for a difference: charges that minimise a quadratic energy are linear in it."""

COLUMNS = ("frame", "constraint", "thickness_A", "internal_field_fraction")


def internal_fields(
    folder: Path, films: Sequence[Atoms], spec: InternalFieldSpec, *, threads: int
) -> pd.DataFrame:
    """Tabulate the mean internal over the external field, film by film, in double precision.

    Columns are `frame`, its number; `constraint`, :data:`SHARED` or :data:`OWN` of the charges as
    the model has them and :data:`NEUTRAL` of the same with every molecule held neutral, where they
    share one chemical potential; `thickness_A`, d, from the lowest to the highest nucleus; and
    `internal_field_fraction`, 1 − Δμ_z/(ε0 S d E), see
    :mod:`falsemetal.potentials.charges.film_response`. What screens lies between the outermost
    nuclei, so that this is the mean field there. By d of so many molecules at the bulk density the
    law of a conductor would be lost: its charge sits on what sticks out of a rough surface, and an
    error of 3 % of the density is as large as the field in 40 Å.

    Raises
    ------
    ValueError
        For a film with atoms that belong to no molecule, or a model that tells no dipole.
    """
    torch.set_num_threads(threads)
    model = load_potential(folder, dtype=torch.float64, device=torch_device(spec.device))
    rows = []
    for frame, film in enumerate(films):
        molecules = _molecules_of(film, spec.liquid, frame)
        thickness_A = float(np.ptp(film.positions[:, 2]))
        for constraint, polarisability in polarisabilities(model, film, molecules).items():
            fraction = internal_field_fraction(film, polarisability, thickness_A=thickness_A)
            values = (frame, constraint, thickness_A, fraction)
            rows.append(dict(zip(COLUMNS, values, strict=True)))
    return pd.DataFrame(rows, columns=list(COLUMNS))


def polarisabilities(model: Model, film: Atoms, molecules: IntArray) -> dict[str, float]:
    """Polarisability dμ_z/dE_z of a film in e·Å per V/Å, by constraint, see `internal_fields`.

    `molecules` is the number of each atom's molecule, shape (n_atoms,). ValueError for a model that
    tells no dipole.
    """
    up, down = (_dipole_in(model, film, sign * FIELD_V_PER_A) for sign in (1.0, -1.0))
    of_model = (up - down) / (2.0 * FIELD_V_PER_A)
    with torch.no_grad():
        stiffness = model.charge_stiffness(graph_for(model, film))
    if stiffness is None:
        return {OWN: of_model}
    held = charge_response(
        film,
        hardness_eV_per_e2=stiffness.hardness_eV_per_e2.cpu().numpy(),
        smearing_A=stiffness.smearing_A,
        groups=molecules,
    )
    return {SHARED: of_model, NEUTRAL: float(held @ film.positions[:, 2])}


def _dipole_in(model: Model, film: Atoms, field_V_per_A: float) -> float:
    """Dipole of a film along z in e·Å, in a field along z."""
    placed = in_field_along_z(film, field_V_per_A)
    with torch.no_grad():
        dipoles = model.evaluate(graph_for(model, placed)).dipoles
    if dipoles is None:
        raise ValueError(f"{type(model).__name__}: a model that tells no dipole")
    return float(dipoles[0, 2])


def _molecules_of(film: Atoms, liquid: Molecule, frame: int) -> IntArray:
    """Molecule of each atom, shape (n_atoms,)."""
    _, owner = whole_molecules(
        film.positions, film.numbers, film.cell.array, film.pbc, molecule=liquid
    )
    if (owner == FREE).any():
        raise ValueError(
            f"frame {frame}: {np.count_nonzero(owner == FREE)} atoms belong to no molecule of "
            f"{liquid.region}, which could be held neutral; give films of the liquid alone"
        )
    return owner
