"""The check of a potential of a configuration."""

from pathlib import Path

import numpy as np
import pandas as pd
from pydantic import Field

from falsemetal.potentials.runners import AnyRunner
from falsemetal.section import Name, PositiveInt, Section
from falsemetal.specs import Spec
from falsemetal.systems.molecule import Molecule
from falsemetal.verdict.checking import check, prediction_of
from falsemetal.verdict.probe import SHIPPED
from falsemetal.verdict.report import write_report
from falsemetal.verdict.result import CheckResult

CURVE_A = np.arange(0.0, 400.25, 0.25)
"""Thicknesses at which λ is tabulated."""


class Check(Section):
    """Single points that tell whether a potential feels a slab's dipole."""

    probes: list[str] = Field(
        list(SHIPPED),
        description="Periodic frames of the liquid, water-32, water-64 or files that ASE reads; of "
        "another liquid than water they must be given. []: nothing is checked",
    )
    n_cells: PositiveInt | None = Field(
        None, ge=3, le=50, description="Cells of the thickest slab; default: 36 Å of them"
    )


class CheckSpec(Spec):
    """A potential to be checked, by charges of the liquid's elements over that of its centre."""

    potential: Name
    runner: AnyRunner
    settings: Check
    liquid: Molecule
    charge_shares: dict[str, float]
    charge_e: float
    electronic_charge_e: float
    band_gap_eV: float
    permittivity: float
    temperature_K: float
    cross_section_A: float


def check_into(folder: Path, spec: CheckSpec, model: Path, *, threads: int) -> None:
    """Check a potential and write its report and the tables that products show.

    Beside the files of :func:`falsemetal.verdict.report.write_report` these are `increments.csv`,
    `verdict.csv`, one row, and `depolarisation.csv`, λ against thickness in steps of 0.25 Å and the
    susceptibility. The model's folder need not be there for a potential without files. CheckError
    if the potential cannot be checked.
    """
    result = check(
        spec.runner.make_calculator(model, threads=threads),
        probes=spec.settings.probes,
        n_cells=spec.settings.n_cells,
        charge_e=spec.charge_e,
        electronic_charge_e=spec.electronic_charge_e,
        liquid=spec.liquid,
        band_gap_eV=spec.band_gap_eV,
        permittivity=spec.permittivity,
        temperature_K=spec.temperature_K,
        cross_section_A=spec.cross_section_A,
        name=spec.potential,
        command=f"configuration {spec.origin.name}",
        provenance={"config_sha256": spec.origin.sha256},
    )
    write_report(result, folder, overwrite=True)
    for name, table in tables(result).items():
        table.to_csv(folder / f"{name}.csv", index=False)


def tables(result: CheckResult) -> dict[str, pd.DataFrame]:
    """Tables of a result by name."""
    increments = [
        {"probe": stacking.probe, "form": stacking.form} | increment.model_dump()
        for stacking in result.stackings
        for increment in stacking.increments
    ]
    thickest = max(result.stackings, key=lambda stacking: stacking.increments[-1].to_A)
    last, critical = thickest.increments[-1], result.critical_thickness
    verdict = {
        "verdict": result.verdict.value,
        "lambda": last.fraction,
        "lambda_uncertainty": last.uncertainty,
        "from_A": last.from_A,
        "to_A": last.to_A,
        "lambda_forces": thickest.force_fraction,
        "reach_A": result.reach_A,
        "critical_thickness_A": critical.value_A,
        "critical_thickness_low_A": critical.low_A,
        "critical_thickness_high_A": critical.high_A,
        "cross_section_A": result.assumptions.cross_section_A,
        "precision": result.precision,
        "seconds": result.seconds,
    }
    prediction = prediction_of(result)
    return {
        "increments": pd.DataFrame(increments),
        "depolarisation": pd.DataFrame(
            {
                "thickness_A": CURVE_A,
                "lambda": prediction.depolarisation(CURVE_A),
                "susceptibility": prediction.susceptibility,
            }
        ),
        "verdict": pd.DataFrame([verdict]),
    }
