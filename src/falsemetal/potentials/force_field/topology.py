"""Molecules of the force field: who is bonded to whom, and the LAMMPS data file that says so."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from ase import Atoms
from ase.data import atomic_masses, atomic_numbers

from falsemetal.arrays import FloatArray, IntArray
from falsemetal.potentials.force_field.settings import WaterForceField
from falsemetal.units import ASE_FS

PERIODIC = ((True, True, True), (True, True, False))


class UnsupportedStructureError(ValueError):
    """A structure that the force field cannot treat; the message says what to change."""


@dataclass(frozen=True)
class Topology:
    """Types, charges (e) and molecules of a structure; LAMMPS counts both from one.

    `species` is the chemical symbol of each type; hydrogens of a molecule are the two atoms that
    follow its oxygen, whose index is in `oxygens`.
    """

    species: tuple[str, ...]
    types: IntArray
    molecules: IntArray
    charges: FloatArray
    oxygens: IntArray


def species_charges(force_field: WaterForceField) -> dict[str, float]:
    """Charge of each species in e."""
    water = {"O": force_field.charge_O_e, "H": -0.5 * force_field.charge_O_e}
    return water | {name: ion.charge_e for name, ion in force_field.ions.items()}


def find_topology(atoms: Atoms, force_field: WaterForceField) -> Topology:
    """Read the molecules off the order of atoms: O, H, H of each molecule, ions anywhere between.

    UnsupportedStructureError for another order, a species without parameters, a net charge, a cell
    that is not orthorhombic, or a periodicity other than TTT and TTF.
    """
    symbols = atoms.get_chemical_symbols()
    charge_of = species_charges(force_field)
    _require_cell(atoms)
    species = tuple(name for name in charge_of if name in symbols)
    molecules: list[int] = []
    oxygens: list[int] = []
    index = 0
    while index < len(symbols):
        size = 3 if symbols[index : index + 3] == ["O", "H", "H"] else 1
        if symbols[index] not in charge_of:
            raise UnsupportedStructureError(
                f"atom {index} is {symbols[index]}, for which the force field has no parameters; "
                f"add it to force_field.ions (now: {', '.join(force_field.ions) or 'none'})"
            )
        if size == 1 and symbols[index] in {"O", "H"}:
            raise UnsupportedStructureError(
                f"atom {index} ({symbols[index]}) is not part of a sequence O, H, H; "
                "order the atoms by molecule"
            )
        if size == 3:
            oxygens.append(index)
        molecules += [molecules[-1] + 1 if molecules else 1] * size
        index += size
    charges = np.array([charge_of[symbol] for symbol in symbols])
    if abs(charges.sum()) > 1e-6:
        raise UnsupportedStructureError(
            f"net charge {charges.sum():+.3f} e; energy and slab dipole need a neutral cell"
        )
    types = np.array([species.index(symbol) + 1 for symbol in symbols])
    return Topology(species, types, np.array(molecules), charges, np.array(oxygens, dtype=int))


def species_masses(species: tuple[str, ...], hydrogen_mass_u: float) -> list[float]:
    """Mass of each species in u, hydrogen's as given."""
    return [
        hydrogen_mass_u if name == "H" else float(atomic_masses[atomic_numbers[name]])
        for name in species
    ]


def write_data_file(path: Path, atoms: Atoms, topology: Topology, masses_u: list[float]) -> None:
    """Write positions, velocities and topology for `atom_style full` in units `real`.

    Numbers are written with all digits, so that a run continues exactly from its checkpoint.
    LAMMPS itself folds atoms into the periodic cell and counts the images.
    """
    positions, velocities = atoms.positions, atoms.get_velocities() * ASE_FS
    oxygens = topology.oxygens + 1
    lines = ["falsemetal", ""]
    lines += [f"{len(atoms)} atoms", f"{len(topology.species)} atom types"]
    if len(oxygens):
        lines += [f"{2 * len(oxygens)} bonds", "1 bond types"]
        lines += [f"{len(oxygens)} angles", "1 angle types"]
    for length, axis in zip(atoms.cell.lengths(), "xyz", strict=True):
        lines.append(f"0.0 {float(length)!r} {axis}lo {axis}hi")
    lines += ["", "Masses", "", *(f"{i} {mass!r}" for i, mass in enumerate(masses_u, 1))]
    lines += ["", "Atoms # full", ""]
    columns = zip(topology.molecules, topology.types, topology.charges, positions, strict=True)
    for i, (molecule, kind, charge, position) in enumerate(columns, 1):
        lines.append(f"{i} {molecule} {kind} {float(charge)!r} {_join(position)}")
    lines += ["", "Velocities", ""]
    lines += [f"{i} {_join(velocity)}" for i, velocity in enumerate(velocities, 1)]
    if len(oxygens):
        bonds = [(o, o + h) for o in oxygens for h in (1, 2)]
        lines += ["", "Bonds", "", *(f"{i} 1 {a} {b}" for i, (a, b) in enumerate(bonds, 1))]
        lines += ["", "Angles", ""]
        lines += [f"{i} 1 {o + 1} {o} {o + 2}" for i, o in enumerate(oxygens, 1)]
    path.write_text("\n".join(lines) + "\n")


def _join(vector: FloatArray) -> str:
    return " ".join(repr(float(component)) for component in vector)


def _require_cell(atoms: Atoms) -> None:
    if tuple(bool(p) for p in atoms.pbc) not in PERIODIC:
        raise UnsupportedStructureError(
            f"pbc {atoms.pbc.tolist()} is not supported; use TTT for bulk and TTF for a slab"
        )
    if not np.allclose(atoms.cell.array, np.diag(atoms.cell.lengths()), atol=1e-9):
        raise UnsupportedStructureError("the cell is not orthorhombic along x, y, z")
    z, height = atoms.positions[:, 2], atoms.cell.lengths()[2]
    if not atoms.pbc[2] and (z.min() < 0.0 or z.max() >= height):
        raise UnsupportedStructureError(
            f"atoms of the slab reach from z = {z.min():.2f} to {z.max():.2f} Å, outside its cell "
            f"of {height:.2f} Å; centre the slab along z"
        )
