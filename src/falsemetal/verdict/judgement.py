"""From λ against thickness to a verdict."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from falsemetal.verdict.stacking import Stacking

BLIND = 0.1
"""abs(λ) below which a potential hardly feels the depolarising field, if that goes on falling."""

NOTHING = 0.01
"""abs(λ) that counts as zero: it holds dipoles back less than the liquid's own stiffness, 1/χ."""

RIGHT = (0.7, 2.0)
"""λ of a potential whose dipoles are about those that the test assumes.

By fixed charges that meet the dipoles of electronic structure, electrons' screening puts a
potential between 1 and 2; a learned one may be some tenths below.
"""

STEADY = 0.1
"""Relative change between the two thickest increments of a λ that stays."""


class Verdict(StrEnum):
    """What a potential is, with the exit code of `falsemetal check`."""

    LONG_RANGED = "long-ranged"
    SHORT_RANGED = "short-ranged"
    WRONG = "long-ranged but wrong"
    UNDECIDED = "undecided"

    @property
    def exit_code(self) -> int:
        """Code that the command returns; 1, of a crash, and 2, of wrong usage, are none."""
        return {"long-ranged": 0, "short-ranged": 10, "long-ranged but wrong": 11}.get(self, 12)


@dataclass(frozen=True)
class Judgement:
    """A verdict and why."""

    verdict: Verdict
    reason: str


def in_thousandths(value: float) -> str:
    """Three decimals, and no minus before a zero."""
    return f"{round(value, 3) + 0.0:.3f}"


def judge(stackings: Sequence[Stacking]) -> Judgement:
    """Judge by the probe that was stacked thickest, and by nothing but its own frame."""
    increments = max(stackings, key=lambda stacking: stacking.increments[-1].to_A).increments
    last = increments[-1]
    value, error = last.fraction, last.uncertainty
    told = (
        f"λ = {in_thousandths(value)} ± {error:.1g} between {last.from_A:.0f} and {last.to_A:.0f} Å"
    )
    if abs(value) < NOTHING + error:
        return Judgement(
            Verdict.SHORT_RANGED, f"{told}: a thicker slab pays nothing for its dipole"
        )
    if len(increments) == 1:
        return Judgement(Verdict.UNDECIDED, f"{told}, by a single increment: add a cell")
    earlier = increments[-2]
    if abs(value - earlier.fraction) > STEADY * abs(value) + error + earlier.uncertainty:
        if abs(value) + error < BLIND:
            return Judgement(
                Verdict.SHORT_RANGED, f"{told}: a thicker slab pays next to nothing for its dipole"
            )
        return Judgement(
            Verdict.UNDECIDED,
            f"{told}, after {in_thousandths(earlier.fraction)}: the potential's reach exceeds "
            "the slabs; add cells",
        )
    if RIGHT[0] <= value <= RIGHT[1]:
        return Judgement(Verdict.LONG_RANGED, f"{told}, and it stays")
    return Judgement(
        Verdict.WRONG,
        f"{told}: it stays, but not between {RIGHT[0]:g} and {RIGHT[1]:g}: the potential's dipoles "
        "are not those of the charges that were assumed",
    )
