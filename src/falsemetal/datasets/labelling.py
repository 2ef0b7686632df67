"""Labels of the force field from a bare re-evaluation: energies, forces, charges if asked for."""

from collections.abc import Iterable

import numpy as np
from ase import Atoms

from falsemetal.potentials.force_field.settings import WaterForceField
from falsemetal.potentials.force_field.single_point import evaluate
from falsemetal.systems.labels import CHARGES, DIPOLE, ENERGY, FORCES


def label_frames(
    frames: Iterable[Atoms], force_field: WaterForceField, *, charges: bool = False
) -> list[Atoms]:
    """Label copies of frames with energies and forces of the bare force field.

    Each frame is evaluated by an engine of its own, without thermostat or barostat: a label depends
    on its frame alone, and on the `external_field` along z that a film's `info` may tell. With
    `charges` frames get those of all atoms, of a conductor as they answer, and films their dipole,
    which is zero along periodic directions. Atoms are in the order O, H, H by molecule, others
    anywhere between; each frame may have its own cell. Those that the force field cannot treat
    raise UnsupportedStructureError.
    """
    labelled = []
    for frame in frames:
        copy = Atoms(frame.symbols, frame.positions, cell=frame.cell, pbc=frame.pbc)
        copy.info = dict(frame.info)
        found = evaluate(frame, force_field)
        copy.info[ENERGY] = found.energy_eV
        copy.arrays[FORCES] = found.forces
        if charges:
            copy.arrays[CHARGES] = found.charges
        if charges and not frame.pbc.all():
            copy.info[DIPOLE] = np.nan_to_num(found.dipole(frame))
        labelled.append(copy)
    return labelled
