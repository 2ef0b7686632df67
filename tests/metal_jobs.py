"""Jobs of water beside copper whose bands are bent as one likes, without an engine."""

from pathlib import Path

import numpy as np
from ase import Atoms
from ase.build import molecule
from electronic_jobs import write_spec

from falsemetal.electronic.density_of_states import DensityOfStates, smear_levels
from falsemetal.electronic.engine import SinglePoint
from falsemetal.electronic.job import DONE, Outcome, read_written, write_job
from falsemetal.electronic.result import ElectronicStructure
from falsemetal.electronic.settings import Electronic, FrameSet
from falsemetal.electronic.structure import find_faces
from falsemetal.systems.surfaces import MetalSurface
from falsemetal.systems.system import REGION
from falsemetal.units import EPSILON_0

VBM_EV, CBM_EV = -2.2, 2.25
"""Of water at the metal, from its Fermi level."""

HEIGHTS_A = np.arange(2.6, 20.0, 0.8)
"""Of molecules above the metal."""

SMEARING_EV = 0.05
METAL_PER_EV, DECAY_A = 5.0, 1.2
"""States of the metal in each of its layers, and how they decay into the water."""

STATES = DensityOfStates(layer_A=0.75, smearing_eV=SMEARING_EV)
ELECTRONIC = Electronic(
    frames={"any": FrameSet(potential="any", campaign="any", size_A=9.0, targets_V=[0.0])},
    vacuum_A=8.0,
    density_of_states=STATES,
)


def metal(layers: int = 3) -> Atoms:
    surface = MetalSurface(
        kind="metal", element="Cu", lattice_constant_A=3.6, repeats=[2, 2], layers=layers
    )
    slab = surface.slab()
    slab.set_array(REGION, np.array(len(slab) * ["metal"]))
    return slab


def interface(difference_V: float, *, confined: bool = False) -> Atoms:
    """Return a frame as it is chosen from a run: molecules above a metal, one below the other."""
    atoms = metal()
    top = atoms.positions[:, 2].max()
    water = molecule("H2O")
    water.set_array(REGION, np.array(3 * ["water"]))
    for height in HEIGHTS_A:
        water.positions += [1.0, 1.0, top + height] - water.positions[0]
        atoms += water
    gap_A = HEIGHTS_A[-1] + HEIGHTS_A[0]
    atoms.cell = [*atoms.cell.lengths()[:2], top + (gap_A if confined else 40.0)]
    atoms.pbc = [True, True, confined]
    atoms.info = {
        "trajectory": "0.h5",
        "step": 0,
        "time_ps": 0.0,
        "delta_V_V": difference_V,
        "charge_e": -0.5562,
    }
    if not confined:
        atoms.info["P_z_e_per_A"] = EPSILON_0 * difference_V
    return atoms


def bending(heights_A: np.ndarray, difference_V: float, gap_A: float | None) -> np.ndarray:
    """Shift of an electron's levels in eV: to the far face of a film, or to the middle of a gap."""
    if gap_A is None:
        return -difference_V * heights_A / HEIGHTS_A[-1]
    return -difference_V * (1.0 - np.abs(2.0 * heights_A / gap_A - 1.0))


def written(folder: Path, frame: Atoms) -> Path:
    write_job(folder, frame, write_spec(ELECTRONIC, SinglePoint(functional="PBE")))
    return folder


def computed(folder: Path, difference_V: float) -> Outcome:
    """Return what an engine would say of a job: bent bands of water, and a metal's states."""
    structure, layers = read_written(folder)
    faces = find_faces(structure)
    energies = STATES.energies_eV
    levels = np.concatenate([VBM_EV - np.arange(0.0, 4.0, 0.2), CBM_EV + np.arange(0.0, 3.0, 0.2)])
    density = np.zeros((len(layers), len(energies)))
    for index, layer in enumerate(layers):
        height = faces.above(np.array([layer.height_A]))
        nearest = height if faces.gap_A is None else np.minimum(height, faces.gap_A - height)
        depth = 0.0 if layer.region == "metal" else float(nearest[0])
        density[index] = METAL_PER_EV * np.exp(-depth / DECAY_A)
        if layer.region == "water":
            shift = bending(height, difference_V, faces.gap_A)
            two = np.full(len(levels), 2.0)
            density[index] += smear_levels(levels + shift, two, energies, smearing_eV=SMEARING_EV)
    dipole = None if structure.pbc[2] else EPSILON_0 * difference_V
    electrons = ElectronicStructure(
        "CP2K 2023.1", 0.0, -0.01, 0.01, energies, density, layers, dipole
    )
    return Outcome(DONE, "", electrons)
