"""Write the frames of `falsemetal check`: periodic cells of SPC/E with a large dipole, and a film.

Of a short run at 300 K the frame whose dipole is largest along a short edge is kept, with that edge
turned to z. The film, from which runs start, is equilibrated for 20 ps. `python
tools/make_probes.py` writes them again, to the last bit on one machine type.
"""

from pathlib import Path

import ase.io
import numpy as np
from ase import Atoms

from falsemetal.estimators.dipole import molecular_dipoles
from falsemetal.potentials.force_field.engine import LammpsEngine
from falsemetal.potentials.force_field.equilibration import equilibrate
from falsemetal.potentials.force_field.md import heat, run_in_parts
from falsemetal.potentials.force_field.settings import WaterForceField
from falsemetal.systems.molecule import WATER
from falsemetal.systems.molecules import find_molecules
from falsemetal.systems.system import System
from falsemetal.systems.water import cubic_cell, water_box, water_slab
from falsemetal.units import WATER_DENSITY_G_PER_CM3

FOLDER = Path(__file__).parents[1] / "src" / "falsemetal" / "verdict" / "probes"
DISCARDED, KEPT, INTERVAL_STEPS = 50, 400, 100
CUBE_A = cubic_cell(64, WATER_DENSITY_G_PER_CM3)[0]
PROBES = {"water-32": (32, (CUBE_A, CUBE_A, CUBE_A / 2)), "water-64": (64, (CUBE_A,) * 3)}


def sample(n_molecules: int, cell_lengths_A: tuple[float, float, float]) -> Atoms:
    """Frame of a run with the largest dipole along one of the shortest edges, turned to z."""
    force_field = WaterForceField()
    charges = WATER.charges(force_field.charge_O_e)
    start = water_box(n_molecules, cell_lengths_A=cell_lengths_A, seed=1)
    edges = np.array(cell_lengths_A)
    short = np.flatnonzero(edges < edges.min() + 1e-6)
    best, chosen, axis = 0.0, start, 2
    with LammpsEngine(start, force_field) as engine:
        heat(engine, 300.0, seed=1)
        for _ in run_in_parts(engine, DISCARDED * INTERVAL_STEPS):
            pass
        for _ in range(KEPT):
            engine.command(f"run {INTERVAL_STEPS} post no")
            frame = engine.snapshot()
            found = find_molecules(
                frame.positions[None], frame.numbers, frame.cell.array, frame.pbc, molecule=WATER
            )
            dipole = molecular_dipoles(found, charges)[0].sum(axis=0)
            along = short[np.abs(dipole[short]).argmax()]
            if abs(dipole[along]) > best:
                best, chosen, axis = abs(dipole[along]), frame, int(along)
    order = np.roll(np.arange(3), 2 - axis)
    return Atoms(
        chosen.symbols,
        positions=chosen.positions[:, order],
        cell=edges[order],
        pbc=True,
        info={"made_by": "tools/make_probes.py: flexible SPC/E, 300 K"},
    )


if __name__ == "__main__":
    for name, (n_molecules, cell_lengths_A) in PROBES.items():
        frame = sample(n_molecules, cell_lengths_A)
        # molecules within the cell, whole
        centres = frame.positions[::3]
        edges = np.diag(frame.cell.array)
        frame.positions -= np.repeat(np.floor(centres / edges) * edges, 3, axis=0)
        ase.io.write(FOLDER / f"{name}.extxyz", frame, format="extxyz")
    slab = water_slab(128, cross_section_A=CUBE_A, cell_height_A=65.0, seed=1)
    film = equilibrate(
        System.of(slab, "water"), WaterForceField(), temperature_K=300.0, duration_ps=20.0, seed=1
    ).atoms
    del film.arrays["momenta"]
    ase.io.write(FOLDER / "film-128.extxyz", film, format="extxyz")
