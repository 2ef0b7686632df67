"""What all tests share."""

import pytest
from small_models import SETTINGS, small_model

from falsemetal.potentials.mace.model import ShortRangedMACE


@pytest.fixture(params=list(SETTINGS))
def model(request: pytest.FixtureRequest) -> ShortRangedMACE:
    """Each small architecture in turn."""
    return small_model(request.param)
