"""From a calculator to a verdict."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from ase import Atoms
from ase.calculators.abc import GetPropertiesMixin

from falsemetal.estimators.continuum import SURFACE_UNCERTAINTY
from falsemetal.observables.settings import BAND_GAP_EV
from falsemetal.potentials.kind import ELECTRONIC_CHARGE_E
from falsemetal.progress import logger
from falsemetal.systems.molecule import WATER, Molecule
from falsemetal.verdict.errors import CheckError
from falsemetal.verdict.evidence import read_evidence
from falsemetal.verdict.judgement import BLIND, Verdict, judge
from falsemetal.verdict.points import SinglePoints
from falsemetal.verdict.prediction import (
    Prediction,
    interpolate_depolarisation,
    response_of,
)
from falsemetal.verdict.probe import SHIPPED, Probe, read_frame, shipped_frame
from falsemetal.verdict.result import (
    Assumptions,
    CheckResult,
    CriticalThickness,
    Film,
)
from falsemetal.verdict.slabs import Form
from falsemetal.verdict.stacking import Stacking, calibrate, run_stacking, suitable_form

LEAST_THICKNESS_A = 36.0
"""Thickness that the thickest slab of the thickest probe has at least."""

THIN_A, LEAST_CELLS, MOST_CELLS = 24.0, 3, 12
"""The same of thinner probes; cells of a stack, at least and at most."""

OPTICAL_PERMITTIVITY = 1.78
"""ε∞ of water, the square of its refractive index."""

CROSS_SECTION_A = 12.42
"""Side of films that are predicted."""

THICKNESSES_A = (12.4, 24.9, 37.3, 49.7, 74.6)
"""Films that are predicted, as the paper's."""


def check(
    calculator: GetPropertiesMixin,
    *,
    probes: Sequence[str | Path | Atoms] = SHIPPED,
    charge_e: float | None = None,
    electronic_charge_e: float | None = None,
    liquid: Molecule = WATER,
    band_gap_eV: float = BAND_GAP_EV,
    cross_section_A: float = CROSS_SECTION_A,
    thicknesses_A: Sequence[float] = THICKNESSES_A,
    permittivity: float = 70.0,
    optical_permittivity: float = OPTICAL_PERMITTIVITY,
    temperature_K: float = 300.0,
    form: Form | None = None,
    n_cells: int | None = None,
    name: str | None = None,
    command: str = "falsemetal.check",
    provenance: Mapping[str, Any] | None = None,
    told: Callable[[str, int, float], None] | None = None,
    runs: Sequence[Path] = (),
    runs_options: Mapping[str, Any] | None = None,
) -> CheckResult:
    """Check whether a potential feels the depolarising field of a slab.

    Parameters
    ----------
    calculator
        Of ASE, with energies and forces. It is asked for some ten single points.
    probes
        Cells to be stacked: names of shipped ones, `water-32` and `water-64`, files that ASE reads,
        or structures.
    charge_e
        Fixed charge of the liquid's centre by which dipoles are counted: the potential's own. By
        default that of water's oxygen which meets dipoles by electronic structure, for potentials
        that learned from it; then electrons screen (`optical_permittivity`).
    electronic_charge_e
        The same by electronic structure, for volts; by default water's, else `charge_e`.
    liquid
        Molecules of the probes.
    band_gap_eV
        Of the liquid.
    cross_section_A, thicknesses_A
        Side and thicknesses of films whose fluctuations are predicted.
    permittivity, optical_permittivity
        ε of the bulk liquid under the potential, and ε∞ of its electrons, which counts where
        dipoles are by the charge of electronic structure.
    temperature_K
        Of these films.
    form
        How slabs are built; by default as the calculator's boundary conditions allow.
    n_cells
        Cells of the thickest slab; by default as many as make 36 Å of the thickest probe and 24 Å
        of the others.
    name, command, provenance
        For the report.
    told
        Is told of every single point: a label, its atoms and seconds.
    runs, runs_options
        Independent runs of one system under the potential, and how they are read, as of
        :func:`falsemetal.verdict.evidence.read_evidence`.

    Raises
    ------
    CheckError
        For a probe or a calculator that cannot be used; the message says what to do.
    """
    charge_e, electronic_charge_e = _charges(liquid, charge_e, electronic_charge_e)
    _require_sound(
        band_gap_eV=band_gap_eV,
        cross_section_A=cross_section_A,
        temperature_K=temperature_K,
        permittivity=permittivity - optical_permittivity,
        optical_permittivity=optical_permittivity,
    )
    if n_cells is not None and n_cells < LEAST_CELLS:
        raise CheckError(f"n_cells: {n_cells} is too few; take {LEAST_CELLS} or more")
    charges = liquid.charges(charge_e)
    cells = [_probe(probe, charges, liquid) for probe in probes]
    if not cells:
        raise CheckError("no probe: name at least one")
    assumptions = Assumptions(
        charge_e=charge_e,
        electronic_charge_e=electronic_charge_e,
        permittivity=permittivity,
        optical_permittivity=optical_permittivity if charge_e == electronic_charge_e else 1.0,
        temperature_K=temperature_K,
        band_gap_eV=band_gap_eV,
        cross_section_A=cross_section_A,
        liquid=liquid.model_dump(mode="json"),
    )
    evidence = []
    if runs:
        evidence.append(read_evidence(runs, liquid, assumptions, **(runs_options or {})))
    points = SinglePoints(calculator, told or _log)
    cells.sort(key=lambda probe: probe.thickness_A)
    additivity = calibrate(points, cells[0])
    chosen = form or suitable_form(points, cells[0])
    if chosen != form and chosen == "pair":
        logger.info("the calculator does not treat slabs as such: stacking pairs in periodic cells")
    stackings: list[Stacking] = []
    for probe in cells:
        numbers = _numbers(probe, cells[-1], n_cells)
        try:
            stackings.append(run_stacking(points, probe, numbers, form=chosen))
        except CheckError as error:
            if not stackings:
                raise
            logger.warning("%s; the verdict rests on thinner slabs", error)
    judgement = judge(stackings)
    ends = judgement.verdict is Verdict.SHORT_RANGED
    prediction = _predict(stackings, assumptions, ends=ends)
    return CheckResult(
        potential=name or type(calculator).__name__,
        verdict=judgement.verdict,
        exit_code=judgement.verdict.exit_code,
        reason=judgement.reason,
        reach_A=_reach(prediction) if ends else None,
        precision="float32" if points.in_float32 else "float64",
        noise_eV_per_atom=points.noise_eV_per_atom,
        additivity_eV=additivity,
        stackings=stackings,
        assumptions=assumptions,
        films=[_film(prediction, thickness) for thickness in thicknesses_A],
        critical_thickness=CriticalThickness(
            value_A=prediction.critical_thickness_A(),
            low_A=prediction.critical_thickness_A(1.0 + SURFACE_UNCERTAINTY),
            high_A=prediction.critical_thickness_A(1.0 / (1.0 + SURFACE_UNCERTAINTY)),
        ),
        evidence=evidence,
        seconds=points.seconds,
        command=command,
        provenance=dict(provenance or {}),
    )


def _charges(
    liquid: Molecule, charge_e: float | None, electronic_charge_e: float | None
) -> tuple[float, float]:
    """Charge of the liquid's centre by which λ is, and that by which volts are."""
    is_water = liquid.has_atoms_of(WATER)
    if charge_e is None and not is_water:
        raise CheckError(
            "charge_e: no default for another liquid than water; give the fixed charge of "
            f"{liquid.centres[0]} in its molecule (--charge)"
        )
    own = ELECTRONIC_CHARGE_E if charge_e is None else charge_e
    electronic = electronic_charge_e
    if electronic is None:
        electronic = ELECTRONIC_CHARGE_E if is_water else own
    for name, charge in (("charge_e", own), ("electronic_charge_e", electronic)):
        if not np.isfinite(charge) or charge == 0.0:
            raise CheckError(
                f"{name}: {charge} makes no dipole; give the charge of the centre in e"
            )
    return own, electronic


def _require_sound(**values: float) -> None:
    for name, value in values.items():
        if not np.isfinite(value) or value <= 0.0:
            raise CheckError(f"{name}: {value:g}; give a positive number")


def prediction_of(result: CheckResult) -> Prediction:
    """Prediction that a result rests on."""
    ends = result.verdict is Verdict.SHORT_RANGED
    return _predict(result.stackings, result.assumptions, ends=ends)


def _predict(stackings: Sequence[Stacking], told: Assumptions, *, ends: bool) -> Prediction:
    susceptibility, contact = response_of(told.permittivity, told.optical_permittivity)
    return Prediction(
        depolarisation=interpolate_depolarisation(stackings, ends=ends, contact=contact),
        susceptibility=susceptibility,
        contact=contact,
        charge_ratio=told.electronic_charge_e / told.charge_e,
        cross_section_A=told.cross_section_A,
        temperature_K=told.temperature_K,
        band_gap_eV=told.band_gap_eV,
    )


def _probe(probe: str | Path | Atoms, charges: Mapping[str, float], liquid: Molecule) -> Probe:
    if isinstance(probe, Atoms):
        return Probe.make(probe.get_chemical_formula(), probe, charges, liquid)
    if probe in SHIPPED:
        return Probe.make(str(probe), shipped_frame(str(probe)), charges, liquid)
    return Probe.make(str(probe), read_frame(probe), charges, liquid)


def _numbers(probe: Probe, thickest: Probe, n_cells: int | None) -> range:
    """Numbers of cells of the slabs."""
    if n_cells is None:
        least_A = LEAST_THICKNESS_A if probe is thickest else THIN_A
        n_cells = min(MOST_CELLS, max(LEAST_CELLS, int(np.ceil(least_A / probe.thickness_A))))
    return range(1, n_cells + 1)


def _film(prediction: Prediction, thickness_A: float) -> Film:
    sigma_V = prediction.sigma_V(thickness_A)
    stable = bool(np.isfinite(sigma_V))
    return Film(
        thickness_A=thickness_A,
        sigma_V=sigma_V if stable else None,
        fraction_beyond_gap=prediction.fraction_beyond(thickness_A) if stable else None,
    )


def _reach(prediction: Prediction) -> float:
    """Thickness from which λ stays below what counts as nothing."""
    grid = np.arange(0.0, 200.0, 0.1)
    felt = np.abs(prediction.depolarisation(grid)) >= BLIND
    return float(grid[np.flatnonzero(felt)[-1]])


def _log(label: str, n_atoms: int, seconds: float) -> None:
    logger.info("%s: %d atoms, %.1f s", label, n_atoms, seconds)
