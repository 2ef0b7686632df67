"""Inputs of FHI-aims for the electronic structure of one frame (paper, S1.0.5)."""

from io import StringIO
from itertools import dropwhile
from pathlib import Path
from typing import Any

import numpy as np
from ase import Atoms
from ase.io.aims import write_aims, write_control

from falsemetal.electronic.aims import CONTROL, GEOMETRY, AimsEngine
from falsemetal.electronic.density_of_states import DensityOfStates
from falsemetal.electronic.engine import SinglePoint
from falsemetal.electronic.errors import JobError
from falsemetal.files import expand

FIELD = "homogeneous_field"

CUBES = {"total_density": "density.cube", "hartree_potential": "potential.cube"}
"""Files of what is written on a grid, by FHI-aims' name for it."""

CUBE_SPACING_A = 0.2
"""Largest distance between points of a cube."""


def aims_input(
    atoms: Atoms, engine: AimsEngine, density_of_states: DensityOfStates, point: SinglePoint
) -> dict[str, str]:
    """Texts of `control.in` and `geometry.in` for atom-projected densities of states.

    As :meth:`falsemetal.electronic.engine.EngineKind.write`. Cubes of density and potential are in
    atomic units and on a grid that tiles the cell, as planar averages need it.
    """
    grid = density_of_states
    energies = f"{grid.lowest_eV:g} {grid.highest_eV:g} {grid.n_energies}"
    parameters: dict[str, Any] = {
        "xc": engine.functionals[point.functional],
        "spin": "none",
        "relativistic": "none",
        "k_grid": engine.k_grid,
        "occupation_type": f"gaussian {engine.occupation_smearing_eV:g}",
        "species_dir": str(_species_directory(atoms, engine)),
        "output": [f"atom_proj_dos {energies} {grid.smearing_eV:g}"],
    }
    if point.forces:
        parameters |= {"output": [], "compute_forces": ".true.", "final_forces_cleaned": ".true."}
    if not atoms.pbc[2]:
        # the vacuum's middle, where dipole correction and field have their steps
        parameters |= {"use_dipole_correction": ".true.", "set_vacuum_level": 0.0}
    if point.cubes:
        # the default is densities per Å³ in a file in bohr
        parameters["cube_content_unit"] = "bohr"
        grid_lines = _cube_grid(atoms)
        parameters["output"] += [
            f"cube {name}\n  cube filename {file}\n{grid_lines}" for name, file in CUBES.items()
        ]
    box: Atoms = atoms.copy()
    box.pbc = True
    control, geometry = StringIO(), StringIO()
    write_control(control, box, parameters)
    write_aims(geometry, box)
    field = point.field_V_per_A
    return {
        CONTROL: _without_header(control.getvalue()),
        GEOMETRY: _without_header(geometry.getvalue())
        + (f"{FIELD} 0.0 0.0 {field:.6f}\n" if field else ""),
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


def _species_directory(atoms: Atoms, engine: AimsEngine) -> Path:
    folder = expand(engine.species_directory)
    for number, symbol in sorted({*zip(atoms.numbers.tolist(), atoms.symbols, strict=True)}):
        if not (folder / f"{number:02d}_{symbol}_default").is_file():
            raise JobError(
                f"electronic.engine.species_directory: {folder} has no "
                f"{number:02d}_{symbol}_default; correct it"
            )
    return folder
