"""Energy and forces in outputs of CP2K."""

import re
from pathlib import Path

import numpy as np
from ase import Atoms

from falsemetal.arrays import FloatArray
from falsemetal.electronic.cp2k_result import NAME, require_same
from falsemetal.electronic.errors import ResultError
from falsemetal.electronic.outputs import last_number, read_output
from falsemetal.fortran import NUMBER, fortran_float
from falsemetal.programs.cp2k import LOG, last_run
from falsemetal.units import BOHR, HARTREE

ENERGY = re.compile(r"ENERGY\| Total FORCE_EVAL \( QS \) energy \[\S+\]:?\s+(\S+)")
FORCES = re.compile(r"ATOMIC FORCES in \[a\.u\.\](.*?)SUM OF ATOMIC FORCES", re.DOTALL)
LATER_FORCES = re.compile(r"FORCES\| Atomic forces \[hartree/bohr\](.*?)FORCES\| Sum", re.DOTALL)
"""Since 2024."""
ROW = re.compile(rf"^ *\d+ +\d+ +[A-Z][a-z]? +({NUMBER}) +({NUMBER}) +({NUMBER})", re.MULTILINE)
LATER_ROW = re.compile(rf"FORCES\| +\d+ +({NUMBER}) +({NUMBER}) +({NUMBER})")


def read_labels(folder: str | Path, structure: Atoms) -> tuple[float, FloatArray]:
    """Read as :meth:`falsemetal.electronic.engine.EngineKind.read_labels`."""
    path = Path(folder) / LOG
    text = last_run(read_output(path, NAME, mark="CP2K|"))
    require_same(path, text, structure)
    energy = last_number(ENERGY, text, path)
    rows: list[tuple[str, str, str]] = []
    for table, row in ((FORCES, ROW), (LATER_FORCES, LATER_ROW)):
        if found := table.search(text):
            rows = row.findall(found[1])
    if energy is None or len(rows) != len(structure):
        raise ResultError(f"{path}: {len(rows)} forces on {len(structure)} atoms; run it again")
    forces = np.array([[fortran_float(value) for value in row] for row in rows])
    return energy * HARTREE, forces * (HARTREE / BOHR)
