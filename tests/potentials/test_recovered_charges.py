"""A force field with equilibrated charges is found again from energies and forces alone."""

import pytest
import torch
from torch import Tensor

from falsemetal.potentials.charges.clusters import KNOWN, N_ATOMS, ClusterForceField, Clusters

CHARGE_TOLERANCE_E = 2e-3


def test_charges_follow_from_energies_and_forces() -> None:
    """Through the charges' derivatives: no charge is ever shown."""
    seen, unseen = Clusters.draw(12, seed=1), Clusters.draw(12, seed=2)
    energies, forces, charges = (x.detach() for x in KNOWN.labels(seen))
    assert float(charges.std()) > 0.1
    start = ClusterForceField.of((0.0, 1.0), (0.0, 0.0), (10.0, 10.0), 10.0)
    sought = ClusterForceField(*(x.requires_grad_() for x in start))
    search = torch.optim.LBFGS(
        list(sought), max_iter=200, line_search_fn="strong_wolfe", tolerance_change=1e-14
    )

    def loss() -> Tensor:
        search.zero_grad()
        found = sought.labels(seen)
        error = ((found[0] - energies) / N_ATOMS).square().mean()
        error = error + (found[1] - forces).square().mean()
        error.backward()
        return error

    before = (sought.labels(unseen)[2] - KNOWN.labels(unseen)[2]).abs().max()
    search.step(loss)
    after = (sought.labels(unseen)[2] - KNOWN.labels(unseen)[2]).abs().max()
    assert float(before.detach()) > 0.05
    assert float(after.detach()) < CHARGE_TOLERANCE_E
    hardness = sought.log_hardness.detach().exp().tolist()
    assert hardness == pytest.approx([8.0, 6.0], abs=0.1)
