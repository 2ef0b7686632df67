"""mace-torch, and after it e3nn, as mace sets how its constants are unpickled."""

import contextlib
import io
import warnings
from typing import Any

with contextlib.redirect_stdout(io.StringIO()), warnings.catch_warnings():
    # remarks of the libraries about themselves would bury what a run has to say
    warnings.simplefilter("ignore")
    from mace.modules import blocks, models

from e3nn import nn, o3

MACEBlock = Any
"""A module of mace-torch, whose attributes are declared nowhere."""

__all__ = ["MACEBlock", "blocks", "models", "nn", "o3"]
