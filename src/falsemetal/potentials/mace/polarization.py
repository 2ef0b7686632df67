r"""Polarization of a split-charge model (paper, eq. S5).

.. math::

    \mathbf P = \sum_i (\boldsymbol\mu_i + q_i^\text{formal}\,\mathbf r_i)
        + \sum_{j \to i} p_{ji}\,\mathbf r_{ij}

An edge j → i hands the charge :math:`p_{ji}` from j to i, so that
:math:`q_i = q_i^\text{formal} + \sum_j p_{ji} - \sum_j p_{ij}`, over the vector
:math:`\mathbf r_{ij} = \mathbf r_i - \mathbf r_j + \text{shift}`. Without periodic images the edge
sum is :math:`\sum_i (q_i - q_i^\text{formal})\,\mathbf r_i`, and P is the dipole
:math:`\sum_i (q_i \mathbf r_i + \boldsymbol\mu_i)`.

What is invariant: edges and dipoles do not see how atoms are wrapped nor where the origin is. The
formal term does not see the origin if the formal charges sum to zero; moving atom i by a lattice
vector changes it by that vector times the atom's formal charge. So P is single-valued

* for molecules kept whole, each of zero formal charge, whatever cell a molecule is put into;
* along a trajectory that is not wrapped, as a continuous function of time;
* else modulo lattice vectors times e, the quantum of polarization, if the formal charges are
  integers: compare two values after :func:`fold_polarization`.

A direction without periodicity needs no folding.
"""

import torch
from torch import Tensor


def polarization(
    formal_charges: Tensor,
    dipoles: Tensor | None,
    transfers: Tensor,
    edge_vectors: Tensor,
    positions: Tensor,
    batch: Tensor,
    edge_batch: Tensor,
    n_graphs: int,
) -> Tensor:
    """Total dipole of each cell, from − to +, in e·Å; for what it is invariant to see the module.

    Formal charges are in e; atomic dipoles, if there are any, shape (n_atoms, 3), e·Å, as x, y, z.
    Transfers, shape (n_edges,), are the charge in e that each edge takes from its sender to its
    receiver, summed over the model's layers, and edge vectors receiver − sender + shift in Å. By
    the positions in Å molecules are whole, or unwrapped. `batch` and `edge_batch` tell the graph of
    each atom and edge. Returned is shape (n_graphs, 3).
    """
    of_atoms = formal_charges[:, None] * positions
    if dipoles is not None:
        of_atoms = of_atoms + dipoles
    total = positions.new_zeros(n_graphs, 3).index_add(0, batch, of_atoms)
    return total.index_add(0, edge_batch, transfers[:, None] * edge_vectors)


def fold_polarization(dipole: Tensor, cell: Tensor, pbc: tuple[bool, bool, bool]) -> Tensor:
    """Reduce a polarization modulo its quantum, the lattice vectors times e.

    The dipole, in e·Å, is from integer formal charges; row i of the cell, in Å, is the i-th lattice
    vector. Components along periodic lattice vectors, which alone are folded, end within ½ e of
    zero.
    """
    quanta = torch.round(dipole @ torch.linalg.inv(cell)) * torch.tensor(pbc).to(dipole)
    return dipole - quanta @ cell
