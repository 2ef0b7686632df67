"""Labels of the force field: energies and forces from a bare re-evaluation."""

from collections.abc import Iterable

from ase import Atoms

from falsemetal.potentials.force_field.deck import LABELS
from falsemetal.potentials.force_field.engine import LammpsEngine
from falsemetal.potentials.force_field.settings import WaterForceField


def label_frames(frames: Iterable[Atoms], force_field: WaterForceField) -> list[Atoms]:
    """Label copies of frames with energies and forces of the bare force field.

    Each frame is evaluated by an engine of its own, without thermostat or barostat: a label depends
    on its frame alone. Atoms are in the order O, H, H by molecule, others anywhere between; each
    frame may have its own cell. Those that the force field cannot treat raise
    UnsupportedStructureError.
    """
    labelled = []
    for frame in frames:
        copy = Atoms(frame.symbols, frame.positions, cell=frame.cell, pbc=frame.pbc)
        copy.info = dict(frame.info)
        with LammpsEngine(frame, force_field, electrostatics=LABELS) as engine:
            engine.command("run 0 post no")
            copy.info["REF_energy"] = engine.potential_energy_eV
            copy.arrays["REF_forces"] = engine.forces
        labelled.append(copy)
    return labelled
