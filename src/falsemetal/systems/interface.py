"""Water on the face of a solid: start structures for a minimisation."""

import numpy as np

from falsemetal.systems.surfaces import Surface
from falsemetal.systems.system import System
from falsemetal.systems.water import water_box

LEAST_CONTACT_A = 1.5
"""Between nuclei of a solid and the edge of the water, whose atoms are nearer by half a spacing."""

MOST_CONTACT_A = 3.5
"""With more there is a void between them."""

LEAST_LAYER_A = 5.0
"""Of two molecules above each other."""


def water_on(
    surface: Surface,
    n_molecules: int,
    *,
    layer_A: float,
    contact_A: float,
    vacuum_A: float | None,
    seed: int,
) -> System:
    """Put a layer of water on a solid; the solid's atoms come first, molecules as O, H, H.

    Parameters
    ----------
    surface
        The solid, its highest plane towards the water.
    n_molecules
        In the layer.
    layer_A
        Thickness of the layer in Å.
    contact_A
        From the outermost plane of nuclei to the edge of the layer in Å.
    vacuum_A
        Height that is left empty in Å, half of it below the solid; None: no vacuum, a periodic
        cell in which the lower face of the solid is in contact with the water, too.
    seed
        Of sites and orientations.

    Raises
    ------
    StructureError
        If the layer leaves too little room.
    """
    solid = surface.slab()
    x, y = surface.edges_A
    water = water_box(n_molecules, cell_lengths_A=(x, y, layer_A), seed=seed)
    floor = 0.0 if vacuum_A is None else 0.5 * vacuum_A
    solid.positions[:, 2] += floor
    water.positions[:, 2] += floor + surface.height_A + contact_A
    atoms = solid + water
    height = cell_height(surface, layer_A=layer_A, contact_A=contact_A, vacuum_A=vacuum_A)
    atoms.cell = [x, y, height]
    atoms.pbc = [True, True, vacuum_A is None]
    region = np.array([surface.region] * len(solid) + ["water"] * len(water))
    fixed = np.concatenate([surface.fixed(), np.zeros(len(water), dtype=bool)])
    return System(atoms, region, fixed)


def cell_height(
    surface: Surface, *, layer_A: float, contact_A: float, vacuum_A: float | None
) -> float:
    """Height in Å of the cell of :func:`water_on`."""
    filled = surface.height_A + contact_A + layer_A
    return filled + (contact_A if vacuum_A is None else vacuum_A)
