"""From a calculator to a verdict."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from ase import Atoms
from ase.calculators.abc import GetPropertiesMixin

from falsemetal.observables.settings import BAND_GAP_EV
from falsemetal.potentials.kind import ELECTRONIC_CHARGE_E
from falsemetal.progress import logger
from falsemetal.systems.molecule import WATER, Molecule
from falsemetal.verdict.errors import CheckError
from falsemetal.verdict.evidence import read_evidence
from falsemetal.verdict.judgement import BLIND, Verdict, judge
from falsemetal.verdict.points import SinglePoints
from falsemetal.verdict.prediction import (
    SURFACE_UNCERTAINTY,
    Prediction,
    interpolate_depolarisation,
)
from falsemetal.verdict.probe import SHIPPED, Probe, read_frame, shipped_frame
from falsemetal.verdict.result import (
    Assumptions,
    CheckResult,
    CriticalThickness,
    Film,
)
from falsemetal.verdict.stacking import Form, calibrate, run_stacking, suitable_form

LEAST_THICKNESS_A = 36.0
"""Thickness that the thickest slab of the thickest probe has at least."""

THIN_A, MOST_CELLS = 24.0, 12
"""The same of thinner probes; cells of a stack, at most."""

CROSS_SECTION_A = 12.42
"""Side of films that are predicted."""

THICKNESSES_A = (12.4, 24.9, 37.3, 49.7, 74.6)
"""Films that are predicted, as the paper's."""


def check(
    calculator: GetPropertiesMixin,
    *,
    probes: Sequence[str | Path | Atoms] = SHIPPED,
    charge_e: float = ELECTRONIC_CHARGE_E,
    electronic_charge_e: float | None = None,
    liquid: Molecule = WATER,
    band_gap_eV: float = BAND_GAP_EV,
    cross_section_A: float = CROSS_SECTION_A,
    thicknesses_A: Sequence[float] = THICKNESSES_A,
    permittivity: float = 70.0,
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
        Fixed charge of the liquid's centre by which dipoles are counted: the potential's own, or
        by default that of water's oxygen which meets dipoles by electronic structure.
    electronic_charge_e
        The same by electronic structure, for volts; by default water's, else `charge_e`.
    liquid
        Molecules of the probes.
    band_gap_eV
        Of the liquid.
    cross_section_A, thicknesses_A
        Side and thicknesses of films whose fluctuations are predicted.
    permittivity
        ε of the bulk liquid under the potential, by its own charges.
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
    centre = liquid.centres[0]
    if charge_e == 0.0:
        raise CheckError("charge_e: 0 makes no dipole; give the charge of the molecule's centre")
    if electronic_charge_e is None:
        electronic_charge_e = ELECTRONIC_CHARGE_E if centre == "O" else charge_e
    charges = liquid.charges(charge_e)
    cells = [_probe(probe, charges, liquid) for probe in probes]
    if not cells:
        raise CheckError("no probe: name at least one")
    assumptions = Assumptions(
        charge_e=charge_e,
        electronic_charge_e=electronic_charge_e,
        permittivity=permittivity,
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
    stackings = [
        run_stacking(points, probe, _numbers(probe, cells[-1], n_cells), form=chosen)
        for probe in cells
    ]
    judgement = judge(stackings)
    ends = judgement.verdict is Verdict.SHORT_RANGED
    prediction = Prediction(
        depolarisation=interpolate_depolarisation(stackings, ends=ends),
        permittivity=permittivity,
        charge_ratio=electronic_charge_e / charge_e,
        cross_section_A=cross_section_A,
        temperature_K=temperature_K,
        band_gap_eV=band_gap_eV,
    )
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


def prediction_of(result: CheckResult, **changes: float) -> Prediction:
    """Prediction that a result rests on, with other conditions: cross-section, gap and the like."""
    told = result.assumptions
    ends = result.verdict is Verdict.SHORT_RANGED
    settings: dict[str, Any] = {
        "permittivity": told.permittivity,
        "charge_ratio": told.electronic_charge_e / told.charge_e,
        "cross_section_A": told.cross_section_A,
        "temperature_K": told.temperature_K,
        "band_gap_eV": told.band_gap_eV,
    }
    curve = interpolate_depolarisation(result.stackings, ends=ends)
    return Prediction(depolarisation=curve, **(settings | changes))


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
        n_cells = min(MOST_CELLS, max(3, int(np.ceil(least_A / probe.thickness_A))))
    return range(1, n_cells + 1)


def _film(prediction: Prediction, thickness_A: float) -> Film:
    return Film(
        thickness_A=thickness_A,
        sigma_V=prediction.sigma_V(thickness_A),
        fraction_beyond_gap=prediction.fraction_beyond(thickness_A),
    )


def _reach(prediction: Prediction) -> float:
    """Thickness from which λ stays below what counts as nothing."""
    grid = np.arange(0.0, 200.0, 0.1)
    felt = np.abs(prediction.depolarisation(grid)) >= BLIND
    return float(grid[np.flatnonzero(felt)[-1]])


def _log(label: str, n_atoms: int, seconds: float) -> None:
    logger.info("%s: %d atoms, %.1f s", label, n_atoms, seconds)
