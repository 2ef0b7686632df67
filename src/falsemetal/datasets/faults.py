"""Frames that cannot be learned from, carried along until curation tells of them."""

import re

from ase import Atoms
from ase.data import atomic_numbers

FAULT, REASON = "fault", "fault_reason"
"""In `info` of a frame that is to be rejected: a short name to count by, and why."""

NONMETALS = {
    *("H", "He", "B", "C", "N", "O", "F", "Ne", "Si", "P", "S", "Cl", "Ar"),
    *("Se", "Br", "Kr", "I", "Xe"),
}

ISOTOPES = {"D": "H", "T": "H"}
"""Energies and forces do not depend on the mass."""


class FrameError(ValueError):
    """What is wrong with a frame; `check` is a short name to count by."""

    def __init__(self, check: str, reason: str) -> None:
        super().__init__(reason)
        self.check = check


def faulty_frame(where: str, error: Exception) -> Atoms:
    """Frame without labels in the place of one that an error, told with its place, spoiled."""
    check = error.check if isinstance(error, FrameError) else "unreadable"
    reason = " ".join(f"{error}".split()) or type(error).__name__
    return Atoms("X", info={FAULT: check, REASON: f"{where}: {reason}"})


def element_of(label: str) -> str:
    """Find the element of an atom's label: itself, an isotope, or one with a number (`O1`).

    FrameError for any other.
    """
    letters = re.match(r"[A-Za-z]*", label)
    assert letters is not None
    symbol = letters[0].capitalize()
    if letters[0].isupper() and len(symbol) == 2 and set(letters[0]) <= set("HCNOFPS"):
        raise FrameError(
            "unknown element", f"'{label}' may be {symbol[0]} or {symbol}; write the element"
        )
    symbol = ISOTOPES.get(symbol, symbol)
    if symbol != "X" and symbol in atomic_numbers:
        return symbol
    guess = f"; write {symbol[0]}" if symbol[:1] in atomic_numbers and symbol[0] != "X" else ""
    raise FrameError("unknown element", f"'{label}' is no element{guess}")
