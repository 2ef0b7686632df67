"""Where the project is and how it is run, for the tests of the workflow."""

import sys
from pathlib import Path

import pytest

from falsemetal.references.cp2k import INSTALL, find_cp2k

ROOT = Path(__file__).parents[1]
BIN = Path(sys.executable).parent
PATIENCE_S = 1500

SHARED = ROOT.parent / "shared/data"

with_cp2k = pytest.mark.skipif(find_cp2k() is None, reason=f"CP2K: not on PATH; {INSTALL}")
with_shared_data = pytest.mark.skipif(not SHARED.exists(), reason="needs the shared data")
