"""Trainable potentials: short-ranged MACE, local split charges, and how they are trained.

`mace` must be imported before e3nn: it sets how e3nn's constants are unpickled.
"""

import contextlib
import io
import warnings

from falsemetal.potentials.allocator import keep_freed_memory

# remarks of the libraries about themselves would bury what a run has to say
warnings.filterwarnings("ignore", message="The TorchScript type system doesn't support")
warnings.filterwarnings("ignore", message=".*TORCH_FORCE_NO_WEIGHTS_ONLY_LOAD")
with contextlib.redirect_stdout(io.StringIO()):
    import mace.modules  # noqa: F401

keep_freed_memory()
