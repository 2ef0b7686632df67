"""Inputs of FHI-aims for the electronic structure of one frame (paper, S1.0.5)."""

from collections.abc import Mapping
from io import StringIO
from itertools import dropwhile
from pathlib import Path
from typing import Any

import numpy as np
from ase import Atoms
from ase.io.aims import write_aims, write_control

from falsemetal.config import AimsSettings, DensityOfStates, Functional
from falsemetal.electronic.errors import JobError

CONTROL, GEOMETRY, OUTPUT = "control.in", "geometry.in", "aims.out"

FUNCTIONALS: Mapping[Functional, str] = {"PBE": "pbe", "RPBE": "rpbe"}

CUBES = {"total_density": "density.cube", "hartree_potential": "potential.cube"}
"""Files of what is written on a grid, by FHI-aims' name for it."""

CUBE_SPACING_A = 0.2
"""Largest distance between points of a cube."""


def aims_input(
    atoms: Atoms,
    settings: AimsSettings,
    density_of_states: DensityOfStates,
    *,
    functional: Functional,
    field_V_per_A: float | None,
) -> dict[str, str]:
    """Files of a single point with atom-projected densities of states.

    Parameters
    ----------
    atoms
        Periodic in x and y; in z, or with vacuum there, where a dipole correction is applied.
    settings
        Species, k-points, smearing of occupations.
    density_of_states
        Energies and their smearing.
    functional
        PBE or RPBE.
    field_V_per_A
        Along z. With any field, 0 too, cubes of density and potential are written, in atomic units
        and on a grid that tiles the cell, as planar averages need it.

    Returns
    -------
    dict of str
        Texts of `control.in` and `geometry.in` by name.

    Raises
    ------
    JobError
        Without a species directory, for an element it lacks, or another functional.
    """
    if functional not in FUNCTIONALS:
        raise JobError(
            f"{functional}: FHI-aims has no keyword for it that is known here; choose "
            f"electronic.engine: cp2k, or one of {', '.join(FUNCTIONALS)}"
        )
    slab = not atoms.pbc[2]
    if field_V_per_A and not slab:
        raise JobError("a field along z needs vacuum where its potential jumps; choose a slab")
    grid = density_of_states
    energies = f"{grid.lowest_eV:g} {grid.highest_eV:g} {grid.n_energies}"
    parameters: dict[str, Any] = {
        "xc": FUNCTIONALS[functional],
        "spin": "none",
        "relativistic": "none",
        "k_grid": settings.k_grid,
        "occupation_type": f"gaussian {settings.occupation_smearing_eV:g}",
        "species_dir": str(_species_directory(atoms, settings)),
        "output": [f"atom_proj_dos {energies} {grid.smearing_eV:g}"],
    }
    if slab:
        # the vacuum's middle, where dipole correction and field have their steps
        parameters |= {"use_dipole_correction": ".true.", "set_vacuum_level": 0.0}
    if field_V_per_A is not None:
        # the default is densities per Å³ in a file in bohr
        parameters["cube_content_unit"] = "bohr"
        grid_lines = _cube_grid(atoms)
        parameters["output"] += [
            f"cube {name}\n  cube filename {file}\n{grid_lines}" for name, file in CUBES.items()
        ]
    box = atoms.copy()
    box.pbc = True
    control, geometry = StringIO(), StringIO()
    write_control(control, box, parameters)
    write_aims(geometry, box)
    field = f"homogeneous_field 0.0 0.0 {field_V_per_A:.6f}\n" if field_V_per_A else ""
    return {
        CONTROL: _without_header(control.getvalue()),
        GEOMETRY: _without_header(geometry.getvalue()) + field,
    }


def _without_header(text: str) -> str:
    """Drop the comments at the start: ASE's hold the date, and what differs is computed anew."""
    lines = text.splitlines(keepends=True)
    return "".join(dropwhile(lambda line: line.startswith("#") or not line.strip(), lines))


def _cube_grid(atoms: Atoms) -> str:
    """Lines of a cube whose first point is the cell's corner; FHI-aims names its middle (Å)."""
    lengths = atoms.cell.lengths()
    counts = np.ceil(lengths / CUBE_SPACING_A).astype(int)
    steps = lengths / counts
    middle = 0.5 * (counts - 1) * steps
    lines = ["cube origin " + " ".join(f"{value:.8f}" for value in middle)]
    for count, edge in zip(counts, np.diag(steps), strict=True):
        lines.append(f"cube edge {count} " + " ".join(f"{value:.8f}" for value in edge))
    return "\n".join(f"  {line}" for line in lines)


def _species_directory(atoms: Atoms, settings: AimsSettings) -> Path:
    key = "electronic.fhi_aims.species_directory"
    if settings.species_directory is None:
        raise JobError(
            f"{key}: required for engine: fhi-aims; give the folder "
            "species_defaults/…/intermediate of your copy, which may not be passed on"
        )
    folder = Path(settings.species_directory).expanduser()
    for number, symbol in sorted({*zip(atoms.numbers.tolist(), atoms.symbols, strict=True)}):
        if not (folder / f"{number:02d}_{symbol}_default").is_file():
            raise JobError(f"{key}: {folder} has no {number:02d}_{symbol}_default; correct it")
    return folder
