"""Trainable potentials: short-ranged MACE, local split charges, and how they are trained.

`mace` must be imported before e3nn: it sets how e3nn's constants are unpickled.
"""

import logging
import warnings

# harmless remarks of the libraries about themselves, which would bury what a run has to say
warnings.filterwarnings("ignore", message="The TorchScript type system doesn't support")
warnings.filterwarnings("ignore", message=".*TORCH_FORCE_NO_WEIGHTS_ONLY_LOAD", module="e3nn")
warnings.filterwarnings("ignore", category=FutureWarning, module="e3nn")
logging.getLogger("mace").setLevel(logging.ERROR)

import mace  # noqa: E402, F401
