"""Slabs of a probe, in the forms that codes of different boundary conditions ask for."""

from collections.abc import Sequence
from typing import Literal

from ase import Atoms

from falsemetal.verdict.probe import Probe

Form = Literal["slab", "pair", "periodic"]

VACUUM_A = 20.0
"""On either side of a slab."""


def stack(atoms: Atoms, n_cells: int, height_A: float | None = None) -> Atoms:
    """Slab of copies along z, periodic along x and y, centred in a cell of a height."""
    thickness = n_cells * float(atoms.cell[2, 2])
    slab: Atoms = atoms.repeat((1, 1, n_cells))
    height = thickness + 2.0 * VACUUM_A if height_A is None else height_A
    slab.positions[:, 2] += 0.5 * (height - thickness)
    cell = slab.cell.array.copy()
    cell[2, 2] = height
    slab.set_cell(cell, scale_atoms=False)
    slab.pbc = (True, True, False)
    return slab


def stack_pair(atoms: Atoms, n_cells: int) -> Atoms:
    """Slab and its copy turned by 180° about x, in one periodic cell; the slab's atoms first."""
    slab = stack(atoms, n_cells)
    height = float(slab.cell[2, 2])
    turned = slab.copy()
    turned.positions[:, 1] *= -1.0
    turned.positions[:, 2] = 2.0 * height - turned.positions[:, 2]
    pair: Atoms = slab + turned
    cell = slab.cell.array.copy()
    cell[2, 2] = 2.0 * height
    pair.set_cell(cell, scale_atoms=False)
    pair.pbc = True
    return pair


def build(probe: Probe, n_cells: int, form: Form, cells: Sequence[int]) -> Atoms:
    """Slab of a form; `cells` are those of all slabs, whose height periodic ones share."""
    if form == "pair":
        return stack_pair(probe.atoms, n_cells)
    if form == "slab":
        return stack(probe.atoms, n_cells)
    slab = stack(probe.atoms, n_cells, shared_height_A(probe, cells))
    slab.pbc = True
    return slab


def shared_height_A(probe: Probe, cells: Sequence[int]) -> float:
    """Height of all cells of the periodic form: images take half the energy of the last."""
    most = max(cells)
    return max(2.0 * (2 * most - 1) * probe.thickness_A, most * probe.thickness_A + 2.0 * VACUUM_A)


def taken_by_images(probe: Probe, n_cells: int, cells: Sequence[int]) -> float:
    """Part of the depolarising field that images of a slab take away, its share of the height."""
    return n_cells * probe.thickness_A / shared_height_A(probe, cells)


def label_of(probe: Probe, n_cells: int, form: Form) -> str:
    """Name a slab in messages."""
    names = {"slab": "slab", "pair": "pair of slabs", "periodic": "periodic slab"}
    return f"{probe.name}, {names[form]} of {n_cells} cell{'s' if n_cells > 1 else ''}"
