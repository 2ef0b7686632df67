"""How a system ends."""

from collections.abc import Iterable
from enum import StrEnum


class Boundary(StrEnum):
    """How a system ends."""

    BULK = "bulk"
    """Periodic along x, y and z."""
    FILM = "film"
    """Periodic along x and y, vacuum along z."""
    OPEN = "open"
    """Not periodic: a molecule or cluster, which only some potentials treat."""


class Layout(StrEnum):
    """What a liquid lies between."""

    BULK = "bulk"
    """Nothing: its periodic images."""
    FREE = "free"
    """Vacuum on both sides."""
    SUPPORTED = "supported"
    """A solid below and vacuum above."""
    CONFINED = "confined"
    """Both faces of a solid, in a periodic cell."""

    @property
    def boundary(self) -> Boundary:
        """How such a system ends."""
        periodic = self in {Layout.BULK, Layout.CONFINED}
        return Boundary.BULK if periodic else Boundary.FILM


PERIODICITY = {Boundary.BULK: (True, True, True), Boundary.FILM: (True, True, False)}


def boundary_of(pbc: Iterable[bool], *, open_too: bool = False) -> Boundary:
    """Boundary of a periodicity.

    Raises
    ------
    ValueError
        For any other than those of :data:`PERIODICITY`, and none at all with `open_too`.
    """
    periodic = tuple(map(bool, pbc))
    if open_too and not any(periodic):
        return Boundary.OPEN
    for boundary, expected in PERIODICITY.items():
        if periodic == expected:
            return boundary
    raise ValueError(f"pbc {periodic}: only bulk (TTT) and films (TTF) can be treated")
