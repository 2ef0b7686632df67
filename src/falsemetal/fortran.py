"""Numbers as Fortran writes them."""

import math
import re

_NO_LETTER = re.compile(r"(?<=[\d.])([+-]\d{3})$")

NUMBER = r"[-+]?(?:\d+\.?\d*|\.\d+)(?:[EeDd][-+]?\d+)?"
"""Pattern of a number in a text."""

_JOINED = re.compile(r"(?<=\d)(?=[-+]\d*\.\d)")

_EXPONENT = re.compile(r"(?<=\d)(?=[-+]\d{3}(?:\s|$))", re.MULTILINE)


def separate_numbers(line: str) -> str:
    """Part numbers that fill their columns, `0.1E+01-0.2E+01`, and give exponents their letter."""
    return _EXPONENT.sub("E", _JOINED.sub(" ", line))


def fortran_float(text: str) -> float:
    """Read a number with `E` or `D` before its exponent, or none: `1.0D+00`, `0.5-100`.

    ValueError for anything else, such as the asterisks in place of one too wide for its column, and
    for what is not finite.
    """
    number = float(_NO_LETTER.sub(r"E\1", text.upper().replace("D", "E")))
    if not math.isfinite(number):
        raise ValueError(f"'{text}' is not finite")
    return number
