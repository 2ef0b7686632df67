r"""Answer of a model with split charges to uniform fields: dielectric tensor and Born charges.

In a periodic cell a field has no potential, but acts on what flows: over an edge with the vector
r it adds :math:`\tfrac12 s\,\mathbf E\cdot\mathbf r` to the charge that goes along it, and
:math:`\alpha\mathbf E` to a dipole. What these do to all others is one more solution for each
direction. With tin foil around it the mean field in the cell is E, hence

.. math::

    \boldsymbol\varepsilon_\infty = \mathbf 1 + \frac{1}{\varepsilon_0 V}
        \frac{\partial\mathbf P}{\partial\mathbf E}, \qquad
    Z^*_{i,\alpha\beta} = \frac{\partial P_\alpha}{\partial r_{i\beta}}
        = \frac{\partial F_{i\beta}}{\partial E_\alpha}.
"""

from dataclasses import replace

import torch
from ase import Atoms

from falsemetal.potentials.charges.local_response import Multipoles, answer, structures_of
from falsemetal.potentials.charges.susceptibility import Susceptibility
from falsemetal.potentials.mace.response_charge import ResponseChargeMACE
from falsemetal.potentials.model import graph_for
from falsemetal.systems.boundary import Boundary, boundary_of
from falsemetal.units import EPSILON_0


def polarisability(model: ResponseChargeMACE, atoms: Atoms) -> torch.Tensor:
    """Differentiate a structure's dipole by the field, shape (3, 3), e·Å per V/Å.

    In bulk by the mean field, in films along z and in clusters by the external one. ValueError with
    a conductor.
    """
    graph = graph_for(model, atoms)
    if bool(model.readouts_of_response.is_conductor[graph.species].any()):
        raise ValueError(
            "a conductor has no polarisability along periodic directions; along others take "
            "differences of dipoles in fields"
        )
    with torch.no_grad():
        places, (susceptibility,) = model.susceptibilities(graph, model.message_passing(graph))
        vectors = graph.edge_vectors()[places]
        graph = replace(graph, field_V_per_A=torch.zeros_like(graph.field_V_per_A))
        (structure,) = structures_of(graph, model.electrostatics)
        columns = []
        for field in torch.eye(3).to(vectors):
            driven = 0.5 * susceptibility.strengths * (vectors @ field)
            multipoles = _driven(susceptibility, driven, field, len(atoms))
            found = answer(structure, multipoles, susceptibility, follow=False)
            flows = driven + susceptibility.flows(found.potentials)
            dipole = (flows[:, None] * vectors).sum(0)
            if found.multipoles.dipoles is not None:
                dipole = dipole + found.multipoles.dipoles.sum(0)
            columns.append(dipole)
    return torch.stack(columns, 1)


def dielectric_tensor(model: ResponseChargeMACE, atoms: Atoms) -> torch.Tensor:
    """ε∞ of a structure periodic in all directions, shape (3, 3); ValueError for another."""
    if boundary_of(atoms.pbc, open_too=True) is not Boundary.BULK:
        raise ValueError(f"pbc {atoms.pbc.tolist()}: only bulk has a dielectric tensor")
    response = polarisability(model, atoms)
    unit: torch.Tensor = torch.eye(3).to(response)
    return unit + response / (EPSILON_0 * float(atoms.get_volume()))


def born_charges(model: ResponseChargeMACE, atoms: Atoms) -> torch.Tensor:
    """Z*_{iαβ} = ∂P_α/∂r_iβ in e, shape (n, 3, 3), with all that charges answer.

    NaN for α along periodic directions of a structure with a conductor, which has no P there.
    """
    graph = graph_for(model, atoms)
    graph.positions.requires_grad_(True)
    found = model.respond(graph, model.message_passing(graph), follow=True)
    dipole = model.polarization_of(graph, found)[0]
    rows = [
        torch.autograd.grad(component, graph.positions, retain_graph=True)[0]
        for component in dipole
    ]
    # where P is not defined, its gradient is zero to autograd
    return torch.stack(rows, 1).masked_fill(dipole.isnan()[:, None], torch.nan)


def _driven(
    susceptibility: Susceptibility, flows: torch.Tensor, field: torch.Tensor, n_atoms: int
) -> Multipoles:
    """Multipoles that flows over edges and a field at dipoles make."""
    charges = flows.new_zeros(n_atoms).index_add(0, susceptibility.receivers, flows)
    charges = charges.index_add(0, susceptibility.senders, -flows)
    alpha = susceptibility.polarisabilities
    return Multipoles(charges, None if alpha is None else alpha[:, None] * field)
