"""Which atoms of a run are the solid's, and which the liquid's."""

from pathlib import Path

import numpy as np
from ase import Atoms
from ase.data import atomic_numbers, chemical_symbols

from falsemetal.arrays import BoolArray, IntArray
from falsemetal.potentials.recorded.spec import RecordedSpec, atoms_of
from falsemetal.systems.molecules import FREE, find_molecules, has_element_of, whole_molecules


def find_solid(first: Atoms, spec: RecordedSpec, path: Path) -> BoolArray:
    """Tell which atoms are the solid's, shape (n_atoms,).

    Those that are told; else those of elements that the liquid lacks, and of elements that both
    have those that belong to no molecule: of oxygens those without a hydrogen. All others are the
    liquid's. TrajectoryError for elements that neither has, and for those that the solid lacks.
    """
    numbers, nominal = first.numbers, spec.nominal
    wanted = np.isin(numbers, [atomic_numbers[symbol] for symbol in nominal.elements])
    if spec.solid_atoms is None or not nominal.elements:
        solid = wanted & ~_in_molecules(first, wanted, spec, path)
    else:
        solid = np.zeros(len(first), dtype=bool)
        try:
            solid[atoms_of(spec.solid_atoms, len(first))] = True
        except ValueError as error:
            raise spec.fault(path, f"{spec.key}.solid_atoms {error}") from error
    _require_elements(numbers, solid, wanted, spec, path)
    lacking = set(nominal.elements) - {chemical_symbols[z] for z in numbers[solid]}
    if lacking:
        raise spec.fault(
            path,
            f"no {', '.join(sorted(lacking))} beside the {spec.liquid.region}, of which the solid "
            f"of {spec.nominal_key} is; tell which atoms the solid's are: {spec.key}.solid_atoms",
        )
    return solid


def _require_elements(
    numbers: IntArray, solid: BoolArray, wanted: BoolArray, spec: RecordedSpec, path: Path
) -> None:
    """TrajectoryError for elements that the solid or the liquid has not."""
    in_solid = _symbols(numbers[solid & ~wanted])
    in_liquid = _symbols(numbers[~solid & ~has_element_of(numbers, spec.liquid)])
    if not (in_solid or in_liquid):
        return
    liquid, solids = spec.liquid.region, spec.nominal.elements
    holds = f"{liquid} of {', '.join(spec.liquid.elements)}"
    holds += f" and a solid of {', '.join(solids)}" if solids else " and no solid"
    if spec.solid_atoms is None or not solids:
        raise spec.fault(path, f"holds {in_liquid}, where {spec.nominal_key} has {holds}")
    parts = [f"gives the solid {in_solid}"] * bool(in_solid)
    parts += [f"leaves the {liquid} {in_liquid}"] * bool(in_liquid)
    raise spec.fault(
        path,
        f"{spec.key}.solid_atoms {' and '.join(parts)}, where {spec.nominal_key} has {holds}; "
        "correct it (atoms count from 0)",
    )


def _symbols(numbers: IntArray) -> str:
    return ", ".join(sorted({chemical_symbols[z] for z in numbers}))


def _in_molecules(first: Atoms, wanted: BoolArray, spec: RecordedSpec, path: Path) -> BoolArray:
    """Tell which atoms belong to molecules: centres with a satellite, and what is bound to those.

    An element that the solid lacks is the liquid's, bound or not.
    """
    liquid = spec.liquid
    of_liquid = has_element_of(first.numbers, liquid)
    if not (of_liquid & wanted).any():
        return of_liquid
    where = (first.positions, first.numbers, first.cell.array, first.pbc)
    try:
        molecules = find_molecules(where[0][None], *where[1:], molecule=liquid)
        _, owner = whole_molecules(*where, molecule=liquid)
    except ValueError as error:
        raise spec.fault(path, str(error)) from error
    bound = np.sum(list(molecules.counts.values()), axis=0)[0] > 0
    inside = np.zeros(len(first), dtype=bool)
    inside[owner != FREE] = bound[owner[owner != FREE]]
    return np.where(wanted, inside, of_liquid)
