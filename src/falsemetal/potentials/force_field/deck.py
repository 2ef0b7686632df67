"""LAMMPS' input of the force field: pair styles, coefficients, long-ranged forces, conductors."""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import combinations_with_replacement, pairwise
from pathlib import Path
from typing import Literal

from falsemetal.arrays import BoolArray
from falsemetal.potentials.force_field.settings import DampedShiftedCoulomb, WaterForceField
from falsemetal.potentials.force_field.solids import Buckingham, LennardJones
from falsemetal.potentials.force_field.topology import (
    OXIDE_OXYGEN,
    Topology,
    UnsupportedStructureError,
)
from falsemetal.units import KCAL_PER_MOL, KJ_PER_MOL


@dataclass(frozen=True)
class Electrostatics:
    """How exactly Coulomb forces are computed.

    `charges` is the tolerance of a conductor's charges by conjugate gradients; None solves for them
    by a matrix where the metal is at rest, which is exact.
    """

    solver: Literal["pppm", "ewald"]
    accuracy: float
    tables: bool
    charges: float | None = None


DYNAMICS = Electrostatics("pppm", 1e-4, tables=True)
"""Fast: forces good to some 1e-3 eV/Å."""

LABELS = Electrostatics("ewald", 1e-8, tables=False, charges=1e-8)
"""No mesh, so invariant to translation; forces good to 1e-6 eV/Å.

A mesh finds its accuracy from the mean density, which for a slab is mostly vacuum: PPPM at 1e-6
leaves errors of 1e-3 eV/Å, and is slower than Ewald below a few hundred atoms. A conductor's matrix
would be made for each label anew, which takes ten times longer than conjugate gradients.
"""

MOVING_CHARGES = 1e-5
"""Tolerance of the charges of a metal that moves."""


def write_deck(
    data: Path,
    topology: Topology,
    force_field: WaterForceField,
    electrostatics: Electrostatics,
    *,
    is_film: bool,
    fixed: BoolArray | None,
) -> Iterator[str]:
    """Input lines up to, and without, what integrates and runs.

    The groups `still` and `mobile` are of atoms that are `fixed`, shape (n_atoms,), and others;
    without fixed atoms all are mobile. Raises UnsupportedStructureError where parameters lack.
    """
    has_water = len(topology.oxygens) > 0
    yield "units real"
    yield "atom_style full"
    yield f"boundary p p {'f' if is_film else 'p'}"
    pairs = _Pairs(topology, force_field, fixed)
    yield from pairs.styles()
    # shifted, so that the energy is continuous and the forces are its derivative
    yield "pair_modify mix arithmetic shift yes"
    yield "special_bonds lj/coul 0.0 0.0 0.0"
    if has_water:
        yield "bond_style harmonic"
        yield "angle_style harmonic"
    yield f'read_data "{data}"'
    # LAMMPS' K is the whole prefactor: half the force constant
    if has_water:
        bond_K = 0.5 * force_field.bond_k_kJ_per_mol_nm2 * KJ_PER_MOL / KCAL_PER_MOL / 100.0
        angle_K = 0.5 * force_field.angle_k_kJ_per_mol_rad2 * KJ_PER_MOL / KCAL_PER_MOL
        yield f"bond_coeff 1 {bond_K!r} {force_field.bond_length_A!r}"
        yield f"angle_coeff 1 {angle_K!r} {force_field.angle_deg!r}"
    yield from pairs.coefficients()
    yield from _groups(fixed)
    if pairs.is_long_ranged:
        yield from _long_ranged(topology, force_field, electrostatics, pairs, is_film)
    if is_film:
        yield "fix walls mobile wall/reflect zlo EDGE zhi EDGE"
    yield "neighbor 2.0 bin"
    yield "neigh_modify delay 0 every 1 check yes"
    yield "thermo 0"


def _groups(fixed: BoolArray | None) -> Iterator[str]:
    if fixed is None or not fixed.any():
        yield "group mobile union all"
        return
    ends = [0, *(i for i in range(1, len(fixed)) if fixed[i] != fixed[i - 1]), len(fixed)]
    for first, end in pairwise(ends):
        if fixed[first]:
            yield f"group still id {first + 1}:{end}"
    yield "group mobile subtract all still"


def _long_ranged(
    topology: Topology,
    force_field: WaterForceField,
    electrostatics: Electrostatics,
    pairs: "_Pairs",
    is_film: bool,
) -> Iterator[str]:
    if not electrostatics.tables:
        of = f"pair {pairs.coulomb_style} " if pairs.is_hybrid else ""
        yield f"pair_modify {of}table 0"
    conductors = [element for element in topology.metals if force_field.is_conductor(element)]
    electrode = "/electrode" if conductors else ""
    yield f"kspace_style {electrostatics.solver}{electrode} {electrostatics.accuracy!r}"
    if is_film:
        yield "kspace_modify slab 3.0"
    for element in conductors:
        metal, solver = force_field.known_metals[element], ""
        tolerance = electrostatics.charges
        if tolerance is None and (pairs.metal_moves or metal.solver == "cg"):
            tolerance = MOVING_CHARGES
        if tolerance is not None:
            solver = f" algo cg {tolerance!r}"
        yield f"group {element} type {topology.type_of(element)}"
        yield (
            f"fix conductor_{element} {element} electrode/conp 0.0 {metal.gaussian_per_A!r} "
            f"symm on{solver}"
        )


class _Pairs:
    """Pair potentials of a structure."""

    def __init__(
        self, topology: Topology, force_field: WaterForceField, fixed: BoolArray | None
    ) -> None:
        self._topology, self._force_field = topology, force_field
        self._names = [species.name for species in topology.species]
        ions = [name for name in self._names if name in force_field.ions]
        if topology.oxide and (topology.metals or ions):
            others = ", ".join([*topology.metals, *ions])
            raise UnsupportedStructureError(
                f"an oxide of {topology.oxide} beside {others}: the force field has no parameters "
                "of such a pair; take it out"
            )
        if len(topology.metals) > 1:
            raise UnsupportedStructureError(
                f"{' and '.join(topology.metals)}: the force field knows one metal at a time"
            )
        self._metal = topology.metals[0] if topology.metals else None
        metal = force_field.known_metals[self._metal] if self._metal else None
        self.eam = metal.eam if metal else None
        self.metal_moves = fixed is not None and any(
            not fixed[topology.types == topology.type_of(element)].all()
            for element in topology.metals
        )
        if self.metal_moves and self.eam is None:
            raise UnsupportedStructureError(
                f"atoms of {self._metal} move, and nothing holds them together; name an "
                f"embedded-atom potential by metals.{self._metal}.eam, or fix all of them"
            )

    @property
    def is_long_ranged(self) -> bool:
        return self._is_charged and not isinstance(self._force_field.coulomb, DampedShiftedCoulomb)

    @property
    def _is_charged(self) -> bool:
        # a metal alone is not, and without charges LAMMPS has no long-ranged forces
        return bool(self._topology.charges.any())

    @property
    def is_hybrid(self) -> bool:
        return self.eam is not None or self._topology.oxide is not None

    @property
    def coulomb_style(self) -> str:
        if not self._is_charged:
            return "lj/cut"
        ending = "long" if self.is_long_ranged else "dsf"
        return f"coul/{ending}" if self._topology.oxide else f"lj/cut/coul/{ending}"

    def styles(self) -> Iterator[str]:
        coulomb, cutoff = self._force_field.coulomb, self._force_field.cutoff_A
        style = self.coulomb_style
        if isinstance(coulomb, DampedShiftedCoulomb) and self._is_charged:
            first = "" if self._topology.oxide else f" {cutoff!r}"
            style += f" {coulomb.damping_per_A!r}{first} {coulomb.cutoff_A!r}"
        else:
            style += f" {cutoff!r}"
        if self._topology.oxide:
            # LAMMPS refuses styles that no pair uses
            used = {_style(potential) for _, _, potential in self._with_oxide()}
            style += "".join(f" {name} {cutoff!r}" for name in sorted(used))
        elif self.is_hybrid:
            style += " eam/alloy"
        yield f"pair_style {'hybrid/overlay ' if self.is_hybrid else ''}{style}"

    def coefficients(self) -> Iterator[str]:
        if self._topology.oxide:
            yield f"pair_coeff * * {self.coulomb_style}"
            for one, other, potential in self._with_oxide():
                i, j = self._types(one, other)
                yield f"pair_coeff {i} {j} {_style(potential)} {_coefficients(potential)}"
            return
        style = f"{self.coulomb_style} " if self.is_hybrid else ""
        if self.eam is not None:
            columns = " ".join(n if n == self._metal else "NULL" for n in self._names)
            yield f'pair_coeff * * eam/alloy "{self._eam_file()}" {columns}'
        for one, other in self._of_all_pairs():
            # without a solid LAMMPS mixes; a metal's atoms do not act upon each other by this
            if self._metal is None and one != other:
                continue
            i, j = self._types(one, other)
            within = one == other == self._metal
            epsilon, sigma = (0.0, 0.0) if within else self._mixed(one, other)
            yield f"pair_coeff {i} {j} {style}{epsilon!r} {sigma!r}"

    def _eam_file(self) -> Path:
        assert self._metal is not None
        path = self._force_field.known_metals[self._metal].eam_file
        if path is None:
            raise UnsupportedStructureError(
                f"metals.{self._metal}.eam: there is no file '{self.eam}', or none of LAMMPS' own"
            )
        return path

    def _with_oxide(self) -> Iterator[tuple[str, str, LennardJones | Buckingham]]:
        assert self._topology.oxide is not None
        oxide = self._force_field.known_oxides[self._topology.oxide]
        element_of = {self._topology.oxide: self._topology.oxide, OXIDE_OXYGEN: "O"}
        for one, other in self._of_all_pairs():
            inside = [element_of[name] for name in (one, other) if name in element_of]
            outside = [name for name in (one, other) if name not in element_of]
            potential: LennardJones | Buckingham | None = None
            if not inside:
                epsilon, sigma = self._mixed(one, other)
                if epsilon > 0.0:
                    potential = LennardJones(epsilon_kcal_per_mol=epsilon, sigma_A=sigma)
            elif not outside:
                potential = oxide.pairs.get("-".join(sorted(inside)))
            elif outside == ["O"]:
                potential = oxide.with_water.get(inside[0])
            if potential is not None:
                yield one, other, potential

    def _of_all_pairs(self) -> Iterator[tuple[str, str]]:
        return combinations_with_replacement(self._names, 2)

    def _types(self, one: str, other: str) -> tuple[int, int]:
        i, j = sorted((self._topology.type_of(one), self._topology.type_of(other)))
        return i, j

    def _mixed(self, one: str, other: str) -> tuple[float, float]:
        (e1, s1), (e2, s2) = self._lennard_jones(one), self._lennard_jones(other)
        return (e1, s1) if one == other else (math.sqrt(e1 * e2), 0.5 * (s1 + s2))

    def _lennard_jones(self, name: str) -> tuple[float, float]:
        force_field = self._force_field
        if name == "H":
            return 0.0, 0.0
        if name == "O":
            return force_field.epsilon_OO_kcal_per_mol, force_field.sigma_OO_A
        of_name = force_field.known_metals.get(name) or force_field.ions[name]
        return of_name.epsilon_kcal_per_mol, of_name.sigma_A


def _style(potential: LennardJones | Buckingham) -> str:
    return "lj/cut" if isinstance(potential, LennardJones) else "buck"


def _coefficients(potential: LennardJones | Buckingham) -> str:
    if isinstance(potential, LennardJones):
        return f"{potential.epsilon_kcal_per_mol!r} {potential.sigma_A!r}"
    a, c = potential.A_eV / KCAL_PER_MOL, potential.C_eV_A6 / KCAL_PER_MOL
    return f"{a!r} {potential.rho_A!r} {c!r}"
