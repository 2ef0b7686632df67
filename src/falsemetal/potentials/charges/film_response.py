r"""Answer of equilibrated charges in a film to a field along z.

Charges are linear in the field, :math:`\Delta\mathbf q = -\mathbf P\mathbf v` with
:math:`v_i = -E z_i`, whatever the electronegativities. The mean field inside is

.. math:: \frac{E_\text{in}}{E} = 1 - \frac{\Delta\mu_z}{\varepsilon_0 S d E}

for a film of the thickness d and the cross-section S. In an insulator it tends to 1/ε; in a
conductor it falls as 1/d, as the field enters only so far on both sides. Charges that share one
chemical potential of electrons are a conductor, in water too, whatever their hardness.
"""

import numpy as np
import torch
from ase import Atoms

from falsemetal.arrays import FloatArray, IntArray
from falsemetal.electrostatics.matrix import periodic_matrix
from falsemetal.electrostatics.reciprocal import ElectrostaticsError, kspace_cutoff
from falsemetal.potentials.charges.equilibration import equilibrate, groups_as_constraints
from falsemetal.systems.boundary import Boundary, boundary_of
from falsemetal.units import EPSILON_0


def charge_response(
    film: Atoms,
    *,
    hardness_eV_per_e2: float | FloatArray,
    smearing_A: float,
    groups: IntArray | None = None,
) -> FloatArray:
    """Differentiate charges by a field along z, in e/(V/Å), shape (n,).

    Positions along z are unwrapped. Hardness is of each atom, shape (n,), or of all. Atoms with the
    same number in `groups`, 0 … m − 1, shape (n,), keep their total charge, e.g. those of a
    molecule; by default all of the film do. ElectrostaticsError for what is no film.
    """
    if boundary_of(film.pbc, open_too=True) is not Boundary.FILM:
        raise ElectrostaticsError(
            f"pbc {film.pbc.tolist()}: a field along z needs a film; set pbc to (1, 1, 0)"
        )
    positions, cell = torch.tensor(film.positions), torch.tensor(film.cell.array)
    matrix = periodic_matrix(
        positions,
        cell,
        smearing_A=smearing_A,
        cutoff_per_A=kspace_cutoff(smearing_A, 0),
        film=True,
    )
    hardness = torch.tensor(np.broadcast_to(hardness_eV_per_e2, len(film)), dtype=torch.float64)
    numbers = np.zeros(len(film), dtype=np.int64) if groups is None else groups
    constraints = groups_as_constraints(torch.tensor(numbers))
    found = equilibrate(
        (matrix + hardness.diag())[None],
        -positions[None, :, 2],
        constraints[None],
        constraints.new_zeros(1, constraints.shape[1]),
    )
    return np.asarray(found.charges[0].numpy())


def internal_field_fraction(
    film: Atoms, polarisability_e_A2_per_V: float, *, thickness_A: float
) -> float:
    """Mean field inside a film over the external one, by what the latter does to its dipole.

    The polarisability is dμ_z/dE_z in e·Å per V/Å, e.g. of charges of :func:`charge_response`
    times their heights. What is outside of the thickness is vacuum: of a flat film it is that of
    the continuum (:func:`falsemetal.estimators.continuum.continuum_thickness`), of a rough one the
    distance between the outermost nuclei.
    """
    area_A2 = float(np.linalg.norm(np.cross(film.cell[0], film.cell[1])))
    return 1.0 - polarisability_e_A2_per_V / (EPSILON_0 * area_A2 * thickness_A)
