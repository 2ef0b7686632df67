"""Where the project is and how it is run, for the tests of the workflow."""

import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]
BIN = Path(sys.executable).parent
PATIENCE_S = 1500
