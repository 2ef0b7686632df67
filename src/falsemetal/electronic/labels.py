"""Jobs of electronic structure that label a frame with its energy and forces."""

from pathlib import Path

from ase import Atoms
from ase.io import write

from falsemetal.arrays import FloatArray
from falsemetal.electronic.density_of_states import DensityOfStates
from falsemetal.electronic.engine import EngineKind, SinglePoint
from falsemetal.electronic.errors import ResultError
from falsemetal.electronic.job import STRUCTURE, run_in
from falsemetal.electronic.structure import with_vacuum


def write_label_job(
    folder: Path, frame: Atoms, engine: EngineKind, functional: str, *, vacuum_A: float
) -> None:
    """Write inputs and structure into a folder, unless outputs of the same inputs are there.

    Outputs of others are deleted: a frame that was chosen anew is another one.
    """
    structure = with_vacuum(frame, vacuum_A)
    point = SinglePoint(functional=functional, forces=True)
    files = engine.write(structure, (), DensityOfStates(), point)
    folder.mkdir(parents=True, exist_ok=True)
    paths = {folder / name: text for name, text in files.items()}
    if all(path.exists() and path.read_text() == text for path, text in paths.items()):
        return
    for stale in folder.iterdir():
        if stale.is_file():
            stale.unlink()
    for path, text in paths.items():
        path.write_text(text)
    bare = Atoms(structure.symbols, structure.positions, cell=structure.cell, pbc=structure.pbc)
    write(folder / STRUCTURE, bare)


def label_job(
    folder: Path, frame: Atoms, engine: EngineKind, *, vacuum_A: float, n_cores: int
) -> tuple[float, FloatArray]:
    """Run a job of :func:`write_label_job` unless its output is there, and read it.

    Returns the energy in eV and forces in eV/Å, shape (n_atoms, 3). ResultError, a ValueError, if
    it did not converge or is of another structure; JobError if the engine failed.
    """
    run_in(folder, engine, n_cores)
    output = folder / engine.output
    if not engine.is_converged(output):
        raise ResultError(f"{output}: not converged")
    return engine.read_labels(folder, with_vacuum(frame, vacuum_A))
