"""The check of a potential that is given by its name."""

import platform
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from ase.calculators.abc import GetPropertiesMixin

from falsemetal import __version__
from falsemetal.files import file_sha256
from falsemetal.potentials.foreign.naming import Named, find_named, make_named, with_dispersion
from falsemetal.potentials.foreign.remote import PACKAGES, RemoteCalculator
from falsemetal.potentials.foreign.worker import versions
from falsemetal.systems.molecule import WATER, Molecule
from falsemetal.verdict.checking import check
from falsemetal.verdict.dynamics import run_film
from falsemetal.verdict.errors import CheckError
from falsemetal.verdict.evidence import read_evidence
from falsemetal.verdict.report import JSON, require_free, write_report
from falsemetal.verdict.result import Assumptions, CheckResult, Evidence

FILM_FILE = "film.h5"
"""Run that is made for the check."""

DISCARDED = 0.2
"""Part of a short run that is left out of its start."""


def check_named(
    name: str,
    *,
    kwargs: Mapping[str, Any] | None = None,
    head: str | None = None,
    dispersion: str | None = None,
    python: str | Path | None = None,
    device: str | None = None,
    dtype: str | None = None,
    folder: str | Path,
    overwrite: bool = False,
    command: str = "falsemetal.check_named",
    md_ps: float | None = None,
    trajectories: Sequence[Path] = (),
    trajectory_options: Mapping[str, Any] | None = None,
    **settings: Any,
) -> CheckResult:
    """Check a potential and write the report.

    Parameters
    ----------
    name
        As of :func:`falsemetal.potentials.foreign.naming.find_named`, likewise `kwargs`, `head`,
        `device` and `dtype`.
    dispersion
        Functional whose D3 dispersion is added, or None.
    python
        Interpreter of another environment, or None.
    folder, overwrite
        As of :func:`falsemetal.verdict.report.write_report`.
    command
        For the report.
    md_ps
        Length of a run of a film of water in ps, or None; a killed one is continued.
    trajectories, trajectory_options
        Runs of the potential, as of :func:`falsemetal.verdict.evidence.read_evidence`.
    settings
        As of :func:`falsemetal.verdict.checking.check`.

    Raises
    ------
    RecipeError
        If the calculator cannot be made.
    CheckError
        If it cannot be checked, or a report is there already.
    """
    liquid: Molecule = settings.get("liquid", WATER)
    if md_ps is not None and not liquid.has_atoms_of(WATER):
        raise CheckError("--md runs a film of water; leave it out for another liquid")
    named = find_named(name, kwargs=kwargs, head=head, device=device, dtype=dtype)
    label = name if dispersion is None else f"{name} + D3({dispersion})"
    film = Path(folder) / FILM_FILE
    identity = {"recipe": named.recipe, "d3": dispersion, "sha256": _sha256(named)}
    # of a run that was killed the report is there already
    overwrite |= md_ps is not None and _is_killed(film, Path(folder) / JSON, label, identity)
    if not overwrite:
        require_free(folder)
    calculator = made = make_named(named, python)
    if dispersion is not None:
        calculator = with_dispersion(calculator, dispersion)
    charge = named.charge_e or named.charges_e.get(liquid.centres[0])
    if charge is not None:
        settings.setdefault("charge_e", charge)
    # a file that cannot be read is told before minutes are spent
    runs = [Path(path) for path in trajectories]
    result = check(
        calculator,
        name=label,
        command=command,
        provenance={"identity": identity} | _provenance(made, python),
        runs=runs,
        runs_options=trajectory_options,
        **settings,
    )
    write_report(result, folder, overwrite=overwrite)
    if md_ps is not None:
        found = _evidence_of_dynamics(calculator, identity, film, md_ps, result.assumptions)
        result = result.model_copy(update={"evidence": [*result.evidence, found]})
        write_report(result, folder, overwrite=True)
    return result


def _evidence_of_dynamics(
    calculator: GetPropertiesMixin,
    identity: dict[str, Any],
    path: Path,
    md_ps: float,
    told: Assumptions,
) -> Evidence:
    """Run a film, and tell of it; of a run that failed, why."""
    run_film(calculator, md_ps, path, identity=identity, temperature_K=told.temperature_K)
    return read_evidence([path], WATER, told, discard_ps=DISCARDED * md_ps)


def _is_killed(film: Path, report: Path, label: str, identity: dict[str, Any]) -> bool:
    """Tell whether a run of this very potential was killed after its report."""
    if not film.with_suffix(".part.h5").exists() or not report.exists():
        return False
    try:
        told = CheckResult.model_validate_json(report.read_text(encoding="utf-8"))
    except ValueError:
        return False
    return told.potential == label and told.provenance.get("identity") == identity


def _sha256(named: Named) -> dict[str, str]:
    return {str(path): file_sha256(path) for path in named.files}


def _provenance(calculator: GetPropertiesMixin, python: str | Path | None) -> dict[str, Any]:
    told: dict[str, Any] = {
        "falsemetal": __version__,
        "platform": platform.platform(),
        "made": datetime.now(UTC).isoformat(timespec="seconds"),
        "packages": versions(list(PACKAGES)),
    }
    if isinstance(calculator, RemoteCalculator):
        told |= {"other interpreter": str(python), "packages of the other": calculator.versions}
    return told
