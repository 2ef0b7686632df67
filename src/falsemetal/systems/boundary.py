"""How a system ends."""

from collections.abc import Iterable
from enum import StrEnum


class Boundary(StrEnum):
    """How a system ends."""

    BULK = "bulk"
    """Periodic along x, y and z."""
    FILM = "film"
    """Periodic along x and y, vacuum along z."""


PERIODICITY = {Boundary.BULK: (True, True, True), Boundary.FILM: (True, True, False)}


def boundary_of(pbc: Iterable[bool]) -> Boundary:
    """Boundary of a periodicity.

    Raises
    ------
    ValueError
        For any other than those of :data:`PERIODICITY`.
    """
    periodic = tuple(map(bool, pbc))
    for boundary, expected in PERIODICITY.items():
        if periodic == expected:
            return boundary
    raise ValueError(f"pbc {periodic}: only bulk (TTT) and films (TTF) can be treated")
