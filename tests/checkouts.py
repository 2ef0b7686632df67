"""Where the project is and how it is run, for the tests of the workflow."""

import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
BIN = Path(sys.executable).parent
PATIENCE_S = 1500

SHARED = ROOT.parent / "shared/data"

with_shared_data = pytest.mark.skipif(not SHARED.exists(), reason="needs the shared data")
