"""Single structures evaluated by CP2K, for comparison."""

from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from ase import Atoms

from falsemetal.potentials.bpnnp.cp2k import Cp2kCommittee, nnp_input
from falsemetal.programs.cp2k import require_cp2k
from falsemetal.programs.cp2k_frames import frame_files, read_frames


def single_points(
    frames: Sequence[Atoms], directory: str | Path, *, n_ranks: int = 1
) -> list[tuple[float, np.ndarray]]:
    """Evaluate structures, one process each: mean energy in eV and forces in eV/Å."""
    cp2k, committee = require_cp2k(), Cp2kCommittee.read(directory)
    results = []
    for atoms in frames:
        with TemporaryDirectory() as name:
            folder = Path(name)
            motion = {"MD": {"ENSEMBLE": "NVE", "STEPS": 0}, "PRINT": frame_files(1)}
            cp2k.run(nnp_input(atoms, committee, motion, folder), folder, n_ranks=n_ranks)
            [(_, frame)] = read_frames(folder, atoms, committee.atomic_energy_eV(atoms))
        results.append((frame.get_potential_energy(), frame.get_forces(apply_constraint=False)))
    return results
