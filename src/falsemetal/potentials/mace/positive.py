"""Parameters that stay positive."""

import math


def before_softplus(value: float) -> float:
    """Return the number whose softplus is a positive value."""
    return value + math.log(-math.expm1(-value))
