r"""What a field along z changes of the charges of a film, by a model or by the force field.

Charges and dipoles change by :math:`\Delta p = (p(+E) - p(-E))/2` while the nuclei rest, potentials
at atoms by :math:`\Delta y_i = \sum_j A_{ij}\Delta p_j - E z_i`, with the Gaussians in A that a
potential has. A conductor whose atoms have the hardness J leaves :math:`\Delta y_i + J_i\Delta q_i`
the same on all of them, with what they share of Δq; one without (J = 0) Δy itself.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from ase import Atoms

from falsemetal.arrays import FloatArray
from falsemetal.electrostatics.multipoles import MultipoleElectrostatics
from falsemetal.potentials.charges.local_response import Multipoles, Structure
from falsemetal.potentials.force_field.settings import WaterForceField
from falsemetal.potentials.force_field.single_point import evaluate
from falsemetal.potentials.model import GaussianCharges, Model, graph_for
from falsemetal.potentials.specs import METAL_FIELD_V_PER_A
from falsemetal.systems.labels import in_field_along_z

LATTICE_FACTOR = 1.5
"""On the wave vectors that a sum over the force field's narrow Gaussians takes."""

Answer = Callable[[Atoms], GaussianCharges]
"""Charges of a film in its `external_field`."""


@dataclass(frozen=True)
class Change:
    """What the field changes in a film, by atoms.

    Attributes
    ----------
    charges
        Δq in e, shape (n,).
    dipoles
        Δμ_z in e·Å, shape (n,), or None.
    potentials
        Δy in V, shape (n,).
    electrons
        Δy + J Δq in V, shape (n,), NaN where there is no hardness.
    """

    charges: FloatArray
    dipoles: FloatArray | None
    potentials: FloatArray
    electrons: FloatArray


def answer_of_model(model: Model) -> Answer:
    """Charges of a model in a field; ValueError on a call where they do not answer."""

    def answer(film: Atoms) -> GaussianCharges:
        with torch.no_grad():
            found = model.gaussian_charges(graph_for(model, film))
        if found is None:
            raise ValueError(f"{type(model).__name__}: its charges do not answer to fields")
        return found

    return answer


def answer_of_force_field(force_field: WaterForceField) -> Answer:
    """Charges of a conductor by the force field, whose Gaussians have the width of its metal.

    ValueError on a call with a film whose metals are not all conductors of one width.
    """

    def answer(film: Atoms) -> GaussianCharges:
        metals = [name for name in force_field.known_metals if name in set(film.symbols)]
        widths = {force_field.known_metals[name].gaussian_per_A for name in metals}
        if len(widths) != 1 or not all(map(force_field.is_conductor, metals)):
            raise ValueError(
                f"metals of the film: {', '.join(metals) or 'none'}; all must be conductors, of "
                "one width of their Gaussians"
            )
        smearing_A = 1.0 / (np.sqrt(2.0) * widths.pop())
        term = MultipoleElectrostatics(smearing_A, 0, LATTICE_FACTOR, self_interaction=True)
        charges = torch.from_numpy(evaluate(film, force_field).charges)
        of_metal = torch.from_numpy(np.isin(film.symbols, metals))
        hardness = torch.where(of_metal, 0.0, torch.nan).double()
        return GaussianCharges(charges, None, charges, hardness, term)

    return answer


def change_in_field(film: Atoms, answer: Answer) -> Change:
    """Half of what +E changes against −E, by atoms."""
    up, down = (answer(in_field_along_z(film, sign * METAL_FIELD_V_PER_A)) for sign in (1.0, -1.0))
    moved = Multipoles(
        0.5 * (up.charges - down.charges).cpu(),
        None
        if up.dipoles is None or down.dipoles is None
        else 0.5 * (up.dipoles - down.dipoles).cpu(),
    )
    structure = Structure(
        term=up.term,
        positions=torch.from_numpy(film.positions),
        cell=torch.from_numpy(film.cell.array),
        film=True,
        isolated=False,
        total_charge_e=torch.zeros(()).double(),
        field_V_per_A=torch.tensor([0.0, 0.0, METAL_FIELD_V_PER_A]).double(),
    )
    potentials = structure.potential(moved)[:, 0] + structure.applied(1)[:, 0]
    shared = 0.5 * (up.shared - down.shared)
    electrons = potentials + (up.hardness_eV_per_e2 * shared).cpu()
    return Change(
        moved.charges.numpy(),
        None if moved.dipoles is None else moved.dipoles[:, 2].numpy(),
        potentials.numpy(),
        electrons.numpy(),
    )
