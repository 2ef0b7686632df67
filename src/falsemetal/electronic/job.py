"""Jobs: folders that stand alone, with inputs, manifest, and how to run them."""

import json
import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Any

import numpy as np
from ase import Atoms
from ase.io import read, write

from falsemetal.config import Electronic, Functional
from falsemetal.electronic import aims_job, aims_result, cp2k_job, cp2k_result
from falsemetal.electronic.convergence import ConvergenceReport
from falsemetal.electronic.errors import JobError, ResultError
from falsemetal.electronic.result import ElectronicStructure
from falsemetal.electronic.selection import structure_checksum
from falsemetal.electronic.structure import Layer, divide_into_layers, with_vacuum
from falsemetal.programs import cp2k
from falsemetal.programs.process import run_program
from falsemetal.progress import logger

MANIFEST, STRUCTURE, GUIDE = "manifest.json", "structure.extxyz", "README.md"

OUTPUTS = {"cp2k": cp2k.LOG, "fhi-aims": aims_job.OUTPUT}
"""The file by which a job is seen to have been run."""

BEGUN = "begun"
"""A file that is there while a job runs here, and where it was interrupted."""

READY, NOT_CONVERGED, UNREADABLE, DONE = "ready to run", "not converged", "unreadable", "done"

GUIDES = {
    "cp2k": (
        "mpirun -np 8 cp2k.psmp -i cp2k.inp > cp2k.log",
        "`cp2k.log` says “SCF run converged” and “PROGRAM ENDED”",
        "`cp2k.log`, all `job-*.pdos` and, where there are any, the cubes",
    ),
    "fhi-aims": (
        "mpirun -np 8 aims.x > aims.out",
        "`aims.out` says “Self-consistency cycle converged.” and “Have a nice day.”",
        "`aims.out`, all `atom_proj_dos_*.dat` and, where there are any, the cubes",
    ),
}


@dataclass(frozen=True)
class Outcome:
    """What became of a job.

    Attributes
    ----------
    status
        `done`, `not converged`, `unreadable` or `ready to run`.
    reason
        Why it is unreadable, else empty.
    electrons
        Of a job that is done.
    """

    status: str
    reason: str = ""
    electrons: ElectronicStructure | None = None


def write_job(
    folder: str | Path,
    frame: Atoms,
    electronic: Electronic,
    *,
    functional: Functional,
    field_V_per_A: float | None,
) -> None:
    """Write inputs, structure, manifest and guide of one job.

    Parameters
    ----------
    folder
        Made if it is not there.
    frame
        With the manifest of :func:`falsemetal.electronic.selection.extract_frames` in `info`.
    electronic
        Engine and settings.
    functional, field_V_per_A
        As :func:`falsemetal.electronic.cp2k_job.cp2k_input` takes them.

    Raises
    ------
    JobError
        For what the engine cannot do.
    """
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    structure = with_vacuum(frame, electronic.vacuum_A)
    layers = divide_into_layers(structure, thickness_A=electronic.density_of_states.layer_A)
    choice: dict[str, Any] = {"functional": functional, "field_V_per_A": field_V_per_A}
    if electronic.engine == "cp2k":
        files = {cp2k.INPUT: cp2k_job.cp2k_input(structure, layers, electronic.cp2k, **choice)}
    else:
        files = aims_job.aims_input(
            structure, electronic.fhi_aims, electronic.density_of_states, **choice
        )
    _set_aside_results_of_other_inputs(folder, files)
    for name, text in files.items():
        (folder / name).write_text(text)
    info, structure.info = frame.info.items(), {}
    write(folder / STRUCTURE, structure)
    manifest = {
        "engine": electronic.engine,
        **choice,
        # numbers as Python's own, whatever a reader made of them
        "frame": {key: getattr(value, "tolist", lambda v=value: v)() for key, value in info},
        "job_structure_sha256": structure_checksum(structure),
        "layers": [{"height_A": layer.height_A, "atoms": layer.atoms.tolist()} for layer in layers],
    }
    (folder / MANIFEST).write_text(json.dumps(manifest, indent=2) + "\n")
    (folder / GUIDE).write_text(_guide(electronic.engine, manifest))


def _set_aside_results_of_other_inputs(folder: Path, files: Mapping[str, str]) -> None:
    """Move all that was computed with inputs other than these into a folder of its own."""
    same = all(
        (folder / name).exists() and (folder / name).read_text() == text
        for name, text in files.items()
    )
    if same or not any((folder / name).exists() for name in OUTPUTS.values()):
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


def _guide(engine: str, manifest: dict[str, Any]) -> str:
    command, success, back = GUIDES[engine]
    frame = manifest["frame"]
    field = manifest["field_V_per_A"]
    return (
        f"One frame of {frame['trajectory']}, step {frame['step']}, "
        f"ΔV = {frame['delta_V_V']:.2f} V by {frame['charge_O_e']:g} e on oxygen: "
        f"{manifest['functional']}"
        f"{'' if not field else f' in a field of {field:g} V/Å along z'}.\n\n"
        f"Run it in this folder by\n\n    {command}\n\n"
        f"It succeeded where {success}. Computed elsewhere, copy back {back}.\n"
    )


def run_job(folder: str | Path, electronic: Electronic, *, n_cores: int) -> None:
    """Run a job unless outputs are there; what an interrupted run left is used.

    A run that does not converge, or that CP2K ends by its own decision, is none that fails:
    :func:`read_job` tells. Outputs that were copied here are not run over, be they complete or not.

    Raises
    ------
    JobError
        Where the engine is not there, or FHI-aims fails.
    Cp2kError
        If CP2K is interrupted.
    """
    folder = Path(folder)
    begun = folder / BEGUN
    if (folder / OUTPUTS[electronic.engine]).exists() and not begun.exists():
        logger.info("%s: outputs are there", folder)
        return
    begun.touch()
    _run(folder, electronic, n_cores)
    begun.unlink()


def _run(folder: Path, electronic: Electronic, n_cores: int) -> None:
    log = folder / OUTPUTS[electronic.engine]
    report = ConvergenceReport(log, electronic.engine)
    if electronic.engine == "cp2k":
        text = (folder / cp2k.INPUT).read_text()
        try:
            cp2k.require_cp2k().run(text, folder, n_ranks=n_cores, watch=report)
        except cp2k.Cp2kError:
            said = log.read_text(errors="replace") if log.exists() else ""
            # since 2024 CP2K ends with an error where it does not converge
            if cp2k_result.NOT_CONVERGED not in said and cp2k.ABORTED not in said:
                raise
        return
    if electronic.fhi_aims.command is None:
        raise JobError("electronic.fhi_aims.command: required to run FHI-aims here; give it")
    command = electronic.fhi_aims.command.format(cores=n_cores)
    status = run_program(shlex.split(command), folder, log, watch=report)
    if status != 0:
        raise JobError(f"{command}: ended with status {status}; {log} tells why")


def read_job(folder: str | Path, electronic: Electronic) -> Outcome:
    """Read what a job gave, here or elsewhere.

    Parameters
    ----------
    folder
        As :func:`write_job` left it, with the engine's files.
    electronic
        Settings of the density of states.
    """
    folder = Path(folder)
    output = folder / OUTPUTS[electronic.engine]
    if not output.exists():
        return Outcome(READY)
    try:
        structure, layers = read_written(folder)
        if electronic.engine == "cp2k":
            if not cp2k_result.is_converged(output):
                return Outcome(NOT_CONVERGED)
            settings = electronic.density_of_states
            return Outcome(DONE, "", cp2k_result.read_cp2k(folder, structure, layers, settings))
        if not aims_result.is_converged(output):
            return Outcome(NOT_CONVERGED)
        return Outcome(DONE, "", aims_result.read_aims(folder, structure, layers))
    except ResultError as error:
        return Outcome(UNREADABLE, str(error))


def read_manifest(folder: str | Path) -> dict[str, Any]:
    """Read what is known of a job."""
    return json.loads((Path(folder) / MANIFEST).read_text())


def read_written(folder: str | Path) -> tuple[Atoms, list[Layer]]:
    """Structure and layers that a job was written for.

    Raises
    ------
    ResultError
        If the structure is no longer that of the manifest.
    """
    folder, manifest = Path(folder), read_manifest(folder)
    structure = read(folder / STRUCTURE)
    if structure_checksum(structure) != manifest["job_structure_sha256"]:
        raise ResultError(
            f"{folder / STRUCTURE}: changed since it was written; delete the folder and run again"
        )
    layers = [Layer(layer["height_A"], np.array(layer["atoms"])) for layer in manifest["layers"]]
    return structure, layers
