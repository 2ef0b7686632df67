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
class Species:
    """A type of atoms: their element and charge in e; an oxide's oxygen is not that of water."""

    name: str
    element: str
    charge_e: float


OXIDE_OXYGEN = "O of an oxide"


@dataclass(frozen=True)
class Topology:
    """Types, charges (e) and molecules of a structure; LAMMPS counts both from one.

    `species` are the types; hydrogens of a molecule are the two atoms that follow its oxygen, whose
    index is in `oxygens`; `metals` are the elements of those that are metals, `oxide` is the cation
    of the oxide, or None.
    """

    species: tuple[Species, ...]
    types: IntArray
    molecules: IntArray
    charges: FloatArray
    oxygens: IntArray
    metals: tuple[str, ...]
    oxide: str | None

    def type_of(self, name: str) -> int:
        """Find the number of a species."""
        return [species.name for species in self.species].index(name) + 1


def find_topology(atoms: Atoms, force_field: WaterForceField) -> Topology:
    """Read the molecules off the order of atoms: O, H, H of each molecule, others anywhere between.

    An oxygen that two hydrogens do not follow is one of an oxide, if there is its cation.
    UnsupportedStructureError for another order, a species without parameters, a net charge, a cell
    that is not orthorhombic, or a periodicity other than TTT and TTF.
    """
    symbols = atoms.get_chemical_symbols()
    _require_cell(atoms)
    oxide = _find_oxide(symbols, force_field)
    known = _species(force_field, oxide)
    names: list[str] = []
    molecules: list[int] = []
    oxygens: list[int] = []
    while (index := len(names)) < len(symbols):
        if symbols[index : index + 3] == ["O", "H", "H"]:
            oxygens.append(index)
            found = ["O", "H", "H"]
        else:
            found = [OXIDE_OXYGEN if symbols[index] == "O" else symbols[index]]
            _require_known(index, symbols[index], found[0], known, force_field)
        molecules += [molecules[-1] + 1 if molecules else 1] * len(found)
        names += found
    species = tuple(known[name] for name in known if name in names)
    type_of = {kind.name: index for index, kind in enumerate(species, 1)}
    charges = np.array([known[name].charge_e for name in names])
    if abs(charges.sum()) > 1e-6:
        raise UnsupportedStructureError(
            f"net charge {charges.sum():+.3f} e; energy and slab dipole need a neutral cell"
        )
    return Topology(
        species=species,
        types=np.array([type_of[name] for name in names]),
        molecules=np.array(molecules),
        charges=charges,
        oxygens=np.array(oxygens, dtype=int),
        metals=tuple(
            kind.name
            for kind in species
            if kind.name in force_field.known_metals and kind.name != oxide
        ),
        oxide=oxide,
    )


def _find_oxide(symbols: list[str], force_field: WaterForceField) -> str | None:
    """Name the cation of the oxide; without oxygens beside those of water it may be a metal."""
    of_oxides = any(
        symbol == "O" and symbols[index + 1 : index + 3] != ["H", "H"]
        for index, symbol in enumerate(symbols)
    )
    cations = [
        cation
        for cation in force_field.known_oxides
        if cation in symbols and (of_oxides or cation not in force_field.known_metals)
    ]
    return cations[0] if cations else None


def _species(force_field: WaterForceField, oxide: str | None) -> dict[str, Species]:
    charges = {"O": force_field.charge_O_e, "H": -0.5 * force_field.charge_O_e}
    charges |= {name: ion.charge_e for name, ion in force_field.ions.items()}
    charges |= dict.fromkeys(force_field.known_metals, 0.0)
    species = {name: Species(name, name, charge) for name, charge in charges.items()}
    if oxide is not None:
        of_oxide = force_field.known_oxides[oxide].charges_e
        species[oxide] = Species(oxide, oxide, of_oxide[oxide])
        species[OXIDE_OXYGEN] = Species(OXIDE_OXYGEN, "O", of_oxide["O"])
    return species


def _require_known(
    index: int,
    symbol: str,
    name: str,
    known: dict[str, Species],
    force_field: WaterForceField,
) -> None:
    if name in known and symbol != "H":
        return
    if symbol in {"O", "H"}:
        raise UnsupportedStructureError(
            f"atom {index} ({symbol}) is not part of a sequence O, H, H; "
            "order the atoms by molecule"
        )
    there = [*force_field.ions, *force_field.known_metals, *force_field.known_oxides]
    raise UnsupportedStructureError(
        f"atom {index} is {symbol}, for which the force field has no parameters; add it to "
        f"force_field.ions, metals or oxides (now: {', '.join(there)})"
    )


def species_masses(species: tuple[Species, ...], hydrogen_mass_u: float) -> list[float]:
    """Mass of each species in u, hydrogen's as given."""
    return [
        hydrogen_mass_u if kind.name == "H" else float(atomic_masses[atomic_numbers[kind.element]])
        for kind in species
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
