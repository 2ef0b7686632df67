"""Jobs: folders that stand alone, with inputs, manifest, and how to run them."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Any

import numpy as np
from ase import Atoms
from ase.io import iread, write

from falsemetal.electronic.convergence import ConvergenceReport
from falsemetal.electronic.engine import ENGINES, EngineKind
from falsemetal.electronic.errors import JobError, ResultError
from falsemetal.electronic.result import ElectronicStructure
from falsemetal.electronic.specs import ReadJobSpec, RunJobSpec, WriteJobSpec
from falsemetal.electronic.structure import (
    Layer,
    Layers,
    divide_into_layers,
    structure_checksum,
    with_vacuum,
)
from falsemetal.progress import logger
from falsemetal.systems.boundary import boundary_of

MANIFEST, STRUCTURE, GUIDE = "manifest.json", "structure.extxyz", "README.md"

BEGUN = "begun"
"""A file that is there while a job runs here, and where it was interrupted."""

READY, NOT_CONVERGED, UNREADABLE, DONE = "ready to run", "not converged", "unreadable", "done"


@dataclass(frozen=True)
class Outcome:
    """What became of a job: its status, why it is unreadable, the electrons of one that is done."""

    status: str
    reason: str = ""
    electrons: ElectronicStructure | None = None


def write_job(folder: str | Path, frame: Atoms, spec: WriteJobSpec) -> None:
    """Write inputs, structure, manifest and guide of one job into a folder, made if need be.

    The frame is one of :func:`falsemetal.electronic.selection.extract_frames`; what the engine
    cannot do raises JobError.
    """
    states, point = spec.density_of_states, spec.point
    if fault := spec.engine.find_fault_of([point.functional]):
        raise JobError(fault)
    if point.field_V_per_A and frame.pbc[2]:
        raise JobError("a field along z needs vacuum where its potential jumps; choose a slab")
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    structure = with_vacuum(frame, spec.vacuum_A)
    layers = divide_into_layers(structure, thickness_A=states.layer_A, liquid=spec.liquid)
    files = spec.engine.write(structure, layers, states, point)
    _set_aside_results_of_other_inputs(folder, files)
    for name, text in files.items():
        (folder / name).write_text(text)
    info, structure.info = frame.info.items(), {}
    write(folder / STRUCTURE, structure)
    manifest: dict[str, Any] = {
        "engine": spec.engine.kind,
        "functional": point.functional,
        "field_V_per_A": point.field_V_per_A,
        "cubes": point.cubes,
        "boundary": boundary_of(frame.pbc),
        # numbers as Python's own, whatever a reader made of them
        "frame": {key: getattr(value, "tolist", lambda v=value: v)() for key, value in info},
        "job_structure_sha256": structure_checksum(structure),
        "layers": [vars(layer) | {"atoms": layer.atoms.tolist()} for layer in layers],
    }
    (folder / MANIFEST).write_text(json.dumps(manifest, indent=2) + "\n")
    (folder / GUIDE).write_text(_guide(spec, manifest["frame"]))


def _set_aside_results_of_other_inputs(folder: Path, files: Mapping[str, str]) -> None:
    """Move all that was computed with inputs other than these into a folder of its own."""
    there = {name: text for name, text in files.items() if (folder / name).exists()}
    same = bool(there) and all((folder / name).read_text() == there[name] for name in there)
    if same or not any((folder / engine.output).exists() for engine in ENGINES.values()):
        return
    aside = next(
        folder / f"superseded-{number}"
        for number in count(1)
        if not (folder / f"superseded-{number}").exists()
    )
    files_there = [path for path in folder.iterdir() if path.is_file()]
    aside.mkdir()
    for path in files_there:
        path.rename(aside / path.name)
    logger.warning("%s: its inputs changed; what was computed is kept in %s", folder, aside.name)


def _guide(spec: WriteJobSpec, frame: Mapping[str, Any]) -> str:
    command, success, copy_back = spec.engine.guide
    field = spec.point.field_V_per_A
    return (
        f"One frame of {frame['trajectory']}, step {frame['step']}, "
        f"ΔV = {frame['delta_V_V']:.2f} V by {frame['charge_e']:g} e on {spec.liquid.centres[0]}: "
        f"{spec.point.functional}"
        f"{f' in a field of {field:g} V/Å along z' if field else ''}.\n\n"
        f"Run it in this folder by\n\n    {command}\n\n"
        f"It succeeded where {success}. Computed elsewhere, copy back {copy_back}.\n"
    )


def run_job(folder: str | Path, spec: RunJobSpec, n_cores: int) -> None:
    """Run a job unless outputs are there; what an interrupted run left is used.

    A run that does not converge, or that CP2K ends by its own decision, has not failed:
    :func:`read_job` tells. Outputs that were copied here are never overwritten, be they complete or
    not. An engine that cannot be run, or fails, raises JobError.
    """
    run_in(Path(folder), spec.engine, n_cores)


def run_in(folder: Path, engine: EngineKind, n_cores: int) -> None:
    """Run what was written into a folder, as :func:`run_job`."""
    output, begun = folder / engine.output, folder / BEGUN
    if output.exists() and (not begun.exists() or is_done(output, engine)):
        logger.info("%s: outputs are there", folder)
        begun.unlink(missing_ok=True)
        return
    begun.touch()
    report = ConvergenceReport(output, engine.change)
    engine.run(folder, n_cores=n_cores, watch=report)
    begun.unlink()


def is_done(output: Path, engine: EngineKind) -> bool:
    """Tell whether an output is that of a run that ended and converged."""
    try:
        return engine.is_converged(output)
    except ResultError:
        return False


def read_job(folder: str | Path, spec: ReadJobSpec) -> Outcome:
    """Read what a job of :func:`write_job` gave, here or elsewhere."""
    folder = Path(folder)
    output = folder / spec.engine.output
    if not output.exists():
        return Outcome(READY)
    try:
        structure, layers = read_written(folder)
        if not spec.engine.is_converged(output):
            return Outcome(NOT_CONVERGED)
        electrons = spec.engine.read(folder, structure, layers, spec.density_of_states)
    except ResultError as error:
        return Outcome(UNREADABLE, str(error))
    return Outcome(DONE, "", electrons)


def read_manifest(folder: str | Path) -> dict[str, Any]:
    """Read what is known of a job."""
    manifest: dict[str, Any] = json.loads((Path(folder) / MANIFEST).read_text())
    return manifest


def read_written(folder: str | Path) -> tuple[Atoms, Layers]:
    """Structure and layers that a job was written for.

    ResultError if the structure is no longer that of the manifest.
    """
    folder, manifest = Path(folder), read_manifest(folder)
    structure: Atoms = next(iread(folder / STRUCTURE))
    if structure_checksum(structure) != manifest["job_structure_sha256"]:
        raise ResultError(
            f"{folder / STRUCTURE}: changed since it was written; delete the folder and run again"
        )
    layers = [
        Layer(layer["height_A"], layer["region"], np.array(layer["atoms"]))
        for layer in manifest["layers"]
    ]
    return structure, layers
