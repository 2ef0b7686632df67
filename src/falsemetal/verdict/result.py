"""What a check has found, as it is written to `check.json`."""

import math
from typing import Any, Literal

from pydantic import Field, JsonValue

from falsemetal.section import Section
from falsemetal.verdict.judgement import Verdict, in_thousandths
from falsemetal.verdict.stacking import Stacking


class Film(Section):
    """Fluctuations of a film at equilibrium, by linear response to the measured λ."""

    thickness_A: float
    sigma_V: float | None = Field(
        description="Root mean square of ΔV, with surfaces good to some 20 %; null for a film that "
        "polarises by itself, as a negative λ makes it"
    )
    fraction_beyond_gap: float | None = Field(description="Of frames with abs(e ΔV) beyond the gap")


class CriticalThickness(Section):
    """Thickness from which more than 1 % of frames will lie beyond the gap.

    Low and high are those of σ larger and smaller by 20 %; null where there is none up to 400 Å.
    """

    value_A: float | None
    low_A: float | None
    high_A: float | None


class Assumptions(Section):
    """What the user told or left at its default."""

    charge_e: float = Field(description="Fixed charge of the liquid's centre, by which λ is")
    electronic_charge_e: float = Field(description="The same by electronic structure, for volts")
    permittivity: float = Field(description="ε of the bulk liquid: assumed, not measured")
    optical_permittivity: float = Field(
        description="ε∞, by which electrons screen the dipoles of the charge; 1 of fixed ones"
    )
    temperature_K: float
    band_gap_eV: float
    cross_section_A: float = Field(description="Side of the square film")
    liquid: dict[str, JsonValue]


class Quantity(Section):
    """An average with its 95 % interval, whose ends are null where runs are too short for one."""

    value: float
    low: float | None
    high: float | None

    def __str__(self) -> str:
        if self.low is None or self.high is None:
            return f"{self.value:.3g} (not converged)"
        return f"{self.value:.3g} ({self.low:.3g} to {self.high:.3g})"


class Evidence(Section):
    """Results of runs of the user's own."""

    source: str
    kind: Literal["film", "bulk"]
    n_molecules: int
    n_frames: int
    sampled_ps: float
    thickness_A: float | None = Field(description="Of a film, of 95 % of its molecules")
    quantities: dict[str, Quantity]
    failure: str | None = Field(None, description="Why a run ended before its time")

    def line(self) -> str:
        """Tell all of it in one line."""
        if not self.quantities:
            return f"{self.source}: ended before its time: {self.failure}"
        size = "" if self.thickness_A is None else f" {self.thickness_A:.0f} Å thick"
        told = ", ".join(f"{name} = {value}" for name, value in self.quantities.items())
        return (
            f"{self.source}: {self.kind}{size}, {self.n_molecules} molecules, {self.n_frames} "
            f"frames of {self.sampled_ps:.3g} ps: {told}"
            + ("" if self.failure is None else f"; without {self.failure}")
        )


class CheckResult(Section):
    """A verdict with all that it rests on."""

    format: Literal["falsemetal-check-1"] = "falsemetal-check-1"
    potential: str = Field(description="As the user named it")
    verdict: Verdict
    exit_code: int
    reason: str
    reach_A: float | None = Field(description="Thickness at which λ falls below 0.1, if it does")
    precision: Literal["float32", "float64"] = Field(description="Of the calculator's energies")
    noise_eV_per_atom: float = Field(description="Of energies, by call, origin and copies")
    additivity_eV: float = Field(
        description="E of two periodic cells of the thinnest probe minus twice E of one"
    )
    stackings: list[Stacking]
    assumptions: Assumptions
    films: list[Film]
    critical_thickness: CriticalThickness
    evidence: list[Evidence] = Field([])
    seconds: float = Field(description="That all single points took")
    command: str
    provenance: dict[str, Any]

    @property
    def thickest_A(self) -> float:
        """Thickness of the thickest slab."""
        return max(stacking.increments[-1].to_A for stacking in self.stackings)

    def lines(self) -> list[str]:
        """Tell verdict, λ with thickness, and critical thickness in three plain lines."""
        told = self.assumptions
        measured = "; ".join(
            f"{stacking.probe} "
            + ", ".join(
                f"{in_thousandths(i.fraction)} at {i.from_A:.0f}–{i.to_A:.0f} Å"
                for i in stacking.increments
            )
            for stacking in self.stackings
        )
        return [
            f"{self.verdict.value.upper()}: {self.reason}{self._mend()}",
            f"λ, the share of the depolarising energy that is felt: {measured}",
            self._outlook(told),
        ]

    def _mend(self) -> str:
        """Charge by which a λ that stays would be one."""
        thickest = max(self.stackings, key=lambda stacking: stacking.increments[-1].to_A)
        fraction = thickest.increments[-1].fraction
        if self.verdict is not Verdict.WRONG or fraction <= 0.0:
            return ""
        charge = self.assumptions.charge_e * math.sqrt(fraction)
        return f"; by --charge {charge:.4g} λ would be 1"

    def _outlook(self, told: Assumptions) -> str:
        films = f"films of {told.cross_section_A:g} × {told.cross_section_A:g} Å"
        beyond = f"lie beyond the gap of {told.band_gap_eV:g} eV"
        assumed = f"ε = {told.permittivity:g} is assumed"
        critical = self.critical_thickness
        if self.verdict is Verdict.UNDECIDED:
            return f"no statement on {films} before λ is decided"
        if self.films and self.films[-1].sigma_V is None:
            return f"λ < 0 holds no dipole back but drives it: {films} polarise by themselves"
        if critical.value_A is None:
            return (
                f"at equilibrium no {films} up to 400 Å will have 1 % of frames {beyond}; {assumed}"
            )
        high = "more than 400" if critical.high_A is None else f"{critical.high_A:.0f}"
        line = (
            f"at equilibrium 1 % of frames will {beyond} in {films} from {critical.value_A:.0f} Å "
            f"on ({critical.low_A:.0f} to {high}); {assumed}"
        )
        if self.verdict is Verdict.LONG_RANGED:
            line += "; so will a true dielectric's: in wide enough films none do"
        return line
