"""A test for false metallization by machine-learned potentials of polar liquids."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

if TYPE_CHECKING:
    from falsemetal.verdict.result import CheckResult


def check(calculator: Any, **settings: Any) -> "CheckResult":
    """Check any ASE calculator; see :func:`falsemetal.verdict.checking.check`."""
    # looked up at the call: the package itself stays quick to import
    result: CheckResult = import_module("falsemetal.verdict.checking").check(calculator, **settings)
    return result
