"""What labels frames, and what is told where labels are still to come."""

from pathlib import Path

import ase.io
import numpy as np
import pytest
from ase import Atoms
from ase.build import molecule
from ase.calculators.emt import EMT
from ase.calculators.singlepoint import SinglePointCalculator
from interfaces import equilibrated

from falsemetal.datasets.errors import DatasetError
from falsemetal.datasets.faults import FAULT, REASON
from falsemetal.datasets.labelling import label_frames
from falsemetal.learning.labellers import (
    STRUCTURE,
    EngineLabeller,
    FilesLabeller,
    LabellerKind,
    PotentialLabeller,
)
from falsemetal.potentials.force_field.settings import WaterForceField
from falsemetal.potentials.runners import AseRunner, LammpsRunner, Runner
from falsemetal.programs.cp2k import Cp2kError, require_cp2k
from falsemetal.systems.labels import ENERGY, FORCES

SPCE = LammpsRunner(force_field=WaterForceField(), friction_per_fs=0.0)


def emt(*_: object, **__: object) -> EMT:
    """Make a calculator as a runner has it made."""
    return EMT()


def label(
    labeller: LabellerKind, frames: list[Atoms], folder: Path, runner: Runner | None = None
) -> list[Atoms]:
    numbered = [frame.copy() for frame in frames]
    for number, frame in enumerate(numbered):
        frame.info |= {"number": number, "trajectory": "model-0", "time_ps": 0.5 * number}
    labeller.prepare(numbered, folder)
    return labeller.label(numbered, folder, runner=runner, model=folder, threads=1)


def test_a_force_field_labels_as_it_labelled_the_dataset(tmp_path) -> None:
    frame = equilibrated("frozen metal").atoms
    bare = Atoms(frame.symbols, frame.positions, cell=frame.cell, pbc=frame.pbc)
    [labelled] = label(PotentialLabeller(kind="potential"), [bare], tmp_path, SPCE)
    [expected] = label_frames([bare], WaterForceField())
    assert labelled.info[ENERGY] == pytest.approx(expected.info[ENERGY], abs=1e-9)
    assert labelled.arrays[FORCES] == pytest.approx(expected.arrays[FORCES], abs=1e-9)
    assert labelled.info["time_ps"] == 0.0


def test_any_ase_calculator_labels(tmp_path) -> None:
    runner = AseRunner(factory=f"{__name__}:emt", friction_per_fs=0.0, dtype="float64")
    copper = Atoms("Cu2", [[0, 0, 0], [0, 0, 2.4]], cell=[9, 9, 9], pbc=True)
    [labelled] = label(PotentialLabeller(kind="potential"), [copper], tmp_path, runner)
    copper.calc = EMT()
    assert labelled.info[ENERGY] == copper.get_potential_energy()
    assert labelled.arrays[FORCES] == pytest.approx(copper.get_forces())


def test_a_structure_that_the_potential_cannot_treat_carries_its_fault(tmp_path) -> None:
    helium = Atoms("He", cell=[9, 9, 9], pbc=True)
    [labelled] = label(PotentialLabeller(kind="potential"), [helium], tmp_path, SPCE)
    assert FAULT in labelled.info
    assert "model-0 at 0 ps" in labelled.info[REASON]


WATER = molecule("H2O", cell=[8.0, 8.0, 8.0], pbc=True)
WATER.center()


def answer(structure: Atoms, energy: float, path: Path) -> None:
    """Write an output as another program would: sorted by element, in some order, wrapped."""
    order = np.argsort(structure.numbers, kind="stable")[::-1]
    told = structure[order]
    told.positions += [8.0, 0.0, 0.0]
    forces = np.arange(9.0).reshape(3, 3)[order]
    told.calc = SinglePointCalculator(told, energy=energy, forces=forces)
    ase.io.write(path, told, format="extxyz")


def test_outputs_of_a_users_own_program_are_waited_for_and_read(tmp_path) -> None:
    labeller = FilesLabeller(kind="files", output="labelled.extxyz")
    frames = [WATER, WATER.copy()]
    frames[1].rattle(0.05, seed=1)
    with pytest.raises(DatasetError, match=r"2 of 2 frames wait .*0/structure\.extxyz"):
        label(labeller, frames, tmp_path)
    answer(ase.io.read(tmp_path / "0" / STRUCTURE), -1.5, tmp_path / "0" / "labelled.extxyz")
    with pytest.raises(DatasetError, match=r"1 of 2 frames wait .*1/structure\.extxyz"):
        label(labeller, frames, tmp_path)
    answer(ase.io.read(tmp_path / "1" / STRUCTURE), -2.5, tmp_path / "1" / "labelled.extxyz")
    labelled = label(labeller, frames, tmp_path)
    assert [frame.info[ENERGY] for frame in labelled] == [-1.5, -2.5]
    for frame, original in zip(labelled, frames, strict=True):
        assert frame.arrays[FORCES] == pytest.approx(np.arange(9.0).reshape(3, 3))
        assert frame.positions == pytest.approx(original.positions)


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (lambda atoms: atoms[:2], "2 atoms, but 3"),
        (lambda atoms: Atoms("H3", atoms.positions, cell=atoms.cell, pbc=True), "3 of H, but 2"),
        (lambda atoms: atoms.rattle(0.1, seed=1) or atoms, "another structure"),
        (lambda atoms: atoms.set_cell([9.0, 9.0, 9.0]) or atoms, "another cell"),
    ],
)
def test_an_output_of_another_structure_is_refused(tmp_path, change, told) -> None:
    labeller = FilesLabeller(kind="files", output="labelled.extxyz")
    with pytest.raises(DatasetError):
        label(labeller, [WATER], tmp_path)
    other = change(WATER.copy())
    zero = np.zeros((len(other), 3))
    other.calc = SinglePointCalculator(other, energy=-1.0, forces=zero)
    ase.io.write(tmp_path / "0" / "labelled.extxyz", other)
    [labelled] = label(labeller, [WATER], tmp_path)
    assert told in labelled.info[REASON]


def test_outputs_of_other_structures_are_set_aside(tmp_path) -> None:
    labeller = FilesLabeller(kind="files", output="labelled.extxyz")
    other = WATER.copy()
    other.rattle(0.05, seed=1)
    with pytest.raises(DatasetError):
        label(labeller, [WATER], tmp_path)
    answer(WATER, -1.5, tmp_path / "0" / "labelled.extxyz")
    assert label(labeller, [WATER], tmp_path)[0].info[ENERGY] == -1.5
    with pytest.raises(DatasetError, match="1 of 1 frames wait"):
        label(labeller, [other], tmp_path)
    assert (tmp_path / "0" / "labelled.extxyz.superseded").exists()


def test_energies_are_those_that_forces_belong_to(tmp_path) -> None:
    labeller = FilesLabeller(kind="files", output="labelled.extxyz")
    with pytest.raises(DatasetError):
        label(labeller, [WATER], tmp_path)
    told = WATER.copy()
    told.calc = SinglePointCalculator(told, energy=-1.0, free_energy=-3.0, forces=np.zeros((3, 3)))
    ase.io.write(tmp_path / "0" / "labelled.extxyz", told)
    assert label(labeller, [WATER], tmp_path)[0].info[ENERGY] == -3.0


@pytest.mark.parametrize("settings", [{"output": STRUCTURE}, {"output": "a", "format": "no-such"}])
def test_outputs_that_could_not_be_read_are_refused(settings) -> None:
    with pytest.raises(ValueError, match=r"output: |format: "):
        FilesLabeller(kind="files", **settings)


def test_damaged_outputs_carry_their_fault(tmp_path) -> None:
    labeller = FilesLabeller(kind="files", output="OUTCAR")
    with pytest.raises(DatasetError):
        label(labeller, [WATER], tmp_path)
    (tmp_path / "0" / "OUTCAR").write_text("killed")
    [labelled] = label(labeller, [WATER], tmp_path)
    assert "OUTCAR" in labelled.info[REASON]


def has_cp2k() -> bool:
    try:
        require_cp2k()
    except Cp2kError:
        return False
    return True


def cp2k(**changes: object) -> EngineLabeller:
    """CP2K by a small basis."""
    settings = {"kind": "cp2k", "cutoff_Ry": 200.0, "eps_default": 1e-12, "scf_tolerance": 1e-7}
    return EngineLabeller(kind="engine", engine=settings | changes, vacuum_A=8.0)


@pytest.mark.skipif(not has_cp2k(), reason="CP2K is not here")
def test_cp2k_gives_forces_that_are_the_slope_of_its_energy(tmp_path) -> None:
    slab = molecule("H2O", cell=[6.0, 6.0, 12.0], pbc=(1, 1, 0))
    slab.center()
    slab.positions[1] += [0.0, 0.05, 0.03]
    step_A = 0.01
    moved = [slab.copy(), slab.copy()]
    for sign, frame in zip((-1.0, 1.0), moved, strict=True):
        frame.positions[1, 2] += sign * step_A
    labelled = label(cp2k(), [slab, *moved], tmp_path)
    assert not any(FAULT in frame.info for frame in labelled)
    low, high = (frame.info[ENERGY] for frame in labelled[1:])
    slope = -(high - low) / (2.0 * step_A)
    assert labelled[0].arrays[FORCES][1, 2] == pytest.approx(slope, abs=0.02)
    assert abs(slope) > 0.1
    log = tmp_path / "0" / "cp2k.log"
    before = log.stat().st_mtime_ns
    label(cp2k(), [slab], tmp_path)
    assert log.stat().st_mtime_ns == before, "labels that are there are not computed again"


def test_jobs_wait_where_the_engine_is_not(tmp_path, monkeypatch) -> None:
    labeller = cp2k()
    monkeypatch.setattr(type(labeller.engine), "find_fault", lambda _: "CP2K is not here")
    with pytest.raises(DatasetError, match=r"CP2K is not here\. 1 of 1 frames wait .*cp2k\.log"):
        label(labeller, [WATER], tmp_path)
    assert "ENERGY_FORCE" in (tmp_path / "0" / "cp2k.inp").read_text()
