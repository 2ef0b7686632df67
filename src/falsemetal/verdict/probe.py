"""Periodic cells of a liquid with a dipole, ready to be stacked."""

from collections.abc import Mapping
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Self

import ase.io
import numpy as np
from ase import Atoms
from ase.data import atomic_numbers

from falsemetal.arrays import FloatArray
from falsemetal.systems.molecule import WATER, Molecule
from falsemetal.systems.molecules import FREE, find_molecules, whole_molecules
from falsemetal.units import EPSILON_0
from falsemetal.verdict.errors import CheckError

SHIPPED = ("water-32", "water-64")
"""Water at 300 K, of half a cube's thickness and of a cube's, with large dipoles."""

FILM = "film-128"
"""Film of water at 300 K, 25 Å thick, in vacuum."""

LEAST_CHARGE_E = 1e-3
"""Total charge below which a cell counts as neutral."""


@dataclass(frozen=True)
class Probe:
    """One cell of a liquid: periodic, orthorhombic, molecules whole, its dipole largest along z.

    Attributes
    ----------
    name
        For messages and tables.
    atoms
        In a periodic cell (TTT); each molecule's centre lies within it.
    charges
        Fixed charge of each atom in e, shape (n_atoms,).
    heights_A
        Of the centre of each atom's molecule above the cell's floor, shape (n_atoms,).
    """

    name: str
    atoms: Atoms
    charges: FloatArray
    heights_A: FloatArray

    @classmethod
    def make(
        cls, name: str, frame: Atoms, charges: Mapping[str, float], molecule: Molecule = WATER
    ) -> Self:
        """Turn a frame so that its largest depolarising field lies along z, and make it whole.

        `charges` are fixed ones in e by element. CheckError for a frame that the test cannot use.
        """
        _require_liquid(name, frame, charges, molecule)
        try:
            whole, owner = whole_molecules(
                frame.positions, frame.numbers, frame.cell.array, frame.pbc, molecule=molecule
            )
            found = find_molecules(
                frame.positions[None],
                frame.numbers,
                frame.cell.array,
                frame.pbc,
                molecule=molecule,
            )
        except ValueError as error:
            raise CheckError(f"{name}: {error}") from error
        broken = int(np.count_nonzero(~found.intact))
        if broken or (owner == FREE).any():
            raise CheckError(
                f"{name}: {broken} of {found.intact.size} molecules are not whole, and "
                f"{np.count_nonzero(owner == FREE)} atoms belong to none, so that the cell has no "
                "dipole of its own; give a frame of intact molecules alone, or describe them by "
                "--liquid"
            )
        of_atoms = np.array([charges[symbol] for symbol in frame.symbols])
        edges = np.diag(frame.cell.array)
        centres = found.centres[0] % edges
        whole += (centres - found.centres[0])[owner]
        # P² is what counts: the same dipole along a short edge makes no larger field
        order = np.roll(np.arange(3), 2 - int(np.abs(of_atoms @ whole).argmax()))
        # molecule by molecule, as force fields ask for
        by_molecule = np.lexsort((np.arange(len(owner)), frame.numbers != _first(molecule), owner))
        atoms = Atoms(
            frame.numbers[by_molecule],
            positions=whole[by_molecule][:, order],
            cell=edges[order],
            pbc=True,
        )
        return cls(name, atoms, of_atoms[by_molecule], centres[owner, order[2]][by_molecule])

    @property
    def thickness_A(self) -> float:
        """Height of the cell."""
        return float(self.atoms.cell[2, 2])

    @property
    def volume_A3(self) -> float:
        """Volume of the cell."""
        return float(self.atoms.get_volume())

    @property
    def dipole_e_A(self) -> float:
        """Dipole of the cell along z by the fixed charges, positive if they rise along z."""
        return float(self.charges @ self.atoms.positions[:, 2])

    @property
    def field_V_per_A(self) -> float:
        """Depolarising field within a slab of these cells under exact electrostatics, −P/ε0."""
        return -self.dipole_e_A / (EPSILON_0 * self.volume_A3)

    @property
    def depolarising_energy_eV(self) -> float:
        """Energy of that field in one cell, M_z²/(2 ε0 V)."""
        return self.dipole_e_A**2 / (2.0 * EPSILON_0 * self.volume_A3)


def shipped_frame(name: str) -> Atoms:
    """Frame of :data:`SHIPPED`, or :data:`FILM`."""
    file = resources.files("falsemetal.verdict") / "probes" / f"{name}.extxyz"
    with resources.as_file(file) as path:
        return _as_one(ase.io.read(path, format="extxyz"), name)


def read_frame(path: str | Path) -> Atoms:
    """Last frame of a file that ASE reads; CheckError if there is none."""
    try:
        frame = ase.io.read(path, index=-1)
    except Exception as error:
        raise CheckError(f"{path}: ASE cannot read a frame: {_reason(error)}") from error
    return _as_one(frame, path)


def _as_one(frame: Atoms | list[Atoms], name: str | Path) -> Atoms:
    if isinstance(frame, list):
        raise CheckError(f"{name}: holds several frames")
    return frame


def _reason(error: Exception) -> str:
    return f"{type(error).__name__}: {error}".splitlines()[0]


def _first(molecule: Molecule) -> int:
    return int(atomic_numbers[molecule.centres[0]])


def _require_liquid(
    name: str, frame: Atoms, charges: Mapping[str, float], molecule: Molecule
) -> None:
    if not frame.pbc.all():
        given = "".join("FT"[int(periodic)] for periodic in frame.pbc)
        raise CheckError(
            f"{name}: pbc is {given}; give a frame of a periodic cell (TTT): the test "
            "builds the slabs itself"
        )
    foreign = sorted(set(frame.symbols) - set(charges))
    if foreign:
        raise CheckError(
            f"{name}: holds {', '.join(foreign)}, which the liquid has not; give a frame of the "
            "liquid alone, without ions or surfaces, or describe it by --liquid"
        )
    try:
        told = float(frame.info.get("charge", 0.0))
    except (TypeError, ValueError):
        told = 0.0  # in words
    initial = float(frame.get_initial_charges().sum())
    if abs(told) > LEAST_CHARGE_E or abs(initial) > LEAST_CHARGE_E:
        raise CheckError(
            f"{name}: a cell of charge {told or initial:+g} e; give a neutral one: the "
            "energy of a charged slab has no limit"
        )
    total = sum(charges[symbol] for symbol in frame.symbols)
    if abs(total) > LEAST_CHARGE_E:
        raise CheckError(
            f"{name}: its fixed charges add up to {total:+.3f} e; give a frame of whole molecules, "
            "or charges that make them neutral"
        )
