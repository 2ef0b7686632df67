"""Jobs stand alone, are run, and are read wherever they were run."""

import json
import shutil
from pathlib import Path

import pytest
from ase import Atoms
from ase.build import molecule
from checkouts import SHARED, with_cp2k, with_shared_data

from falsemetal.config import AimsSettings, Cp2kSettings, DensityOfStates, Electronic, FrameSet
from falsemetal.electronic.errors import JobError, ResultError
from falsemetal.electronic.job import (
    DONE,
    GUIDE,
    MANIFEST,
    NOT_CONVERGED,
    READY,
    STRUCTURE,
    UNREADABLE,
    read_job,
    read_written,
    run_job,
    write_job,
)
from falsemetal.electronic.summary import summarise_job, tabulate_density
from falsemetal.programs.cp2k import LOG
from falsemetal.units import EPSILON_0

FRAMES = {"slab": FrameSet(potential="any", size_A=6.3, targets_V=[0.0])}
ELECTRONIC = Electronic(
    frames=FRAMES,
    vacuum_A=6.0,
    # cheap: a minimal basis
    cp2k=Cp2kSettings(basis="SZV-MOLOPT-SR-GTH", basis_file="BASIS_MOLOPT", cutoff_Ry=120.0),
    density_of_states=DensityOfStates(lowest_eV=-30.0),
)
DIPOLE_E_PER_A = -0.009


@pytest.fixture
def frame() -> Atoms:
    atoms = molecule("H2O", cell=[6.0, 6.0, 30.0], pbc=[True, True, False])
    atoms.center()
    atoms.info = {
        "trajectory": "results/x/0.h5",
        "step": 1200,
        "time_ps": 1.2,
        "target_V": -2.0,
        "delta_V_V": DIPOLE_E_PER_A / EPSILON_0,
        "P_z_e_per_A": DIPOLE_E_PER_A,
        "charge_O_e": -0.8476,
        "structure_sha256": "0",
    }
    return atoms


def write(folder: Path, frame: Atoms, electronic: Electronic = ELECTRONIC, **changes) -> Path:
    write_job(folder, frame, electronic, **({"functional": "PBE", "field_V_per_A": None} | changes))
    return folder


def test_a_job_tells_where_it_comes_from_and_how_to_run_it(frame, tmp_path) -> None:
    folder = write(tmp_path / "job", frame, field_V_per_A=0.02)
    manifest = json.loads((folder / MANIFEST).read_text())
    assert manifest["frame"] == frame.info
    assert manifest["field_V_per_A"] == 0.02
    guide = (folder / GUIDE).read_text()
    for part in ("step 1200", "-i cp2k.inp > cp2k.log", "0.02 V/Å", "SCF run converged"):
        assert part in guide
    structure, layers = read_written(folder)
    assert structure.cell.lengths()[2] < 20.0
    assert sum(len(layer.atoms) for layer in layers) == 3


def test_a_job_that_was_not_run_is_ready(frame, tmp_path) -> None:
    folder = write(tmp_path / "job", frame)
    outcome = read_job(folder, ELECTRONIC)
    assert outcome.status == READY
    row = summarise_job(folder, outcome, ELECTRONIC).iloc[0]
    assert row["status"] == READY
    # by the charge of density-functional dipoles instead of the force field's
    assert row["P_z_e_per_A"] == pytest.approx(DIPOLE_E_PER_A * 0.5562 / 0.8476)
    assert tabulate_density(outcome).empty


def test_a_structure_that_was_changed_is_refused(frame, tmp_path) -> None:
    folder = write(tmp_path / "job", frame)
    text = (folder / STRUCTURE).read_text()
    (folder / STRUCTURE).write_text(text.replace("O ", "S ", 1))
    with pytest.raises(ResultError, match="changed since it was written"):
        read_written(folder)


@with_shared_data
def test_outputs_of_another_structure_are_named(frame, tmp_path) -> None:
    species = tmp_path / "intermediate"
    species.mkdir()
    for name in ("01_H", "08_O"):
        (species / f"{name}_default").write_text(f"  species        {name[3:]}\n")
    electronic = ELECTRONIC.model_copy(
        update={
            "engine": "fhi-aims",
            "fhi_aims": AimsSettings(species_directory=str(species)),
        }
    )
    folder = write(tmp_path / "job", frame, electronic)
    assert "aims.x > aims.out" in (folder / GUIDE).read_text()
    with pytest.raises(JobError, match=r"fhi_aims\.command: required"):
        run_job(folder, electronic, n_cores=1)
    foreign = SHARED / "dft-outputs/fhi-aims/atom-projected-dos/aims.out"
    (folder / "aims.out").write_text(foreign.read_text())
    outcome = read_job(folder, electronic)
    assert outcome.status == UNREADABLE
    assert "of another input" in outcome.reason
    assert summarise_job(folder, outcome, electronic).iloc[0]["reason"] == outcome.reason


@with_cp2k
def test_a_job_is_run_and_read(frame, tmp_path) -> None:
    folder = write(tmp_path / "job", frame)
    run_job(folder, ELECTRONIC, n_cores=1)
    outcome = read_job(folder, ELECTRONIC)
    assert outcome.status == DONE
    row = summarise_job(folder, outcome, ELECTRONIC).iloc[0]
    assert row["gap_eV"] > 5.0
    # both from one calculation: levels, and the search in their smeared density
    assert row["edge_gap_eV"] == pytest.approx(row["gap_eV"], abs=0.4)
    assert row["P_z_dft_e_per_A"] < 0.0
    assert tabulate_density(outcome)["states_per_eV"].max() > 1.0

    # what was computed stays with its own inputs, and goes with them
    write(folder, frame)
    assert read_job(folder, ELECTRONIC).status == DONE
    computed = (folder / LOG).read_text()
    assert read_job(write(folder, frame, functional="RPBE"), ELECTRONIC).status == READY
    aside = folder / "superseded-1"
    assert (aside / LOG).read_text() == computed
    assert list(aside.glob("*.pdos"))

    # the frame is the same, what was computed is not
    shutil.copytree(aside, folder, dirs_exist_ok=True, ignore=shutil.ignore_patterns("cp2k.inp"))
    outcome = read_job(folder, ELECTRONIC)
    assert outcome.status == UNREADABLE
    assert "of another input than cp2k.inp" in outcome.reason
    # what was copied here is not run over
    run_job(folder, ELECTRONIC, n_cores=1)
    assert (folder / LOG).read_text() == computed

    few = ELECTRONIC.cp2k.model_copy(update={"scf_steps": 2})
    stubborn = write(tmp_path / "few", frame, ELECTRONIC.model_copy(update={"cp2k": few}))
    run_job(stubborn, ELECTRONIC, n_cores=1)
    outcome = read_job(stubborn, ELECTRONIC)
    assert outcome.status == NOT_CONVERGED
    assert summarise_job(stubborn, outcome, ELECTRONIC).iloc[0]["status"] == NOT_CONVERGED

    (folder / LOG).write_text("CP2K| version string: CP2K version 2023.1\n")
    assert read_job(folder, ELECTRONIC).status == UNREADABLE
