"""Jobs stand alone, are run, and are read wherever they were run."""

import json
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from ase import Atoms
from ase.build import molecule
from checkouts import SHARED, with_cp2k, with_shared_data
from electronic_jobs import read_spec, write_spec

from falsemetal.electronic.aims import AimsEngine
from falsemetal.electronic.cp2k import Cp2kEngine
from falsemetal.electronic.density_of_states import DensityOfStates
from falsemetal.electronic.engine import ENGINES, SinglePoint
from falsemetal.electronic.errors import JobError, ResultError
from falsemetal.electronic.job import (
    DONE,
    GUIDE,
    MANIFEST,
    NOT_CONVERGED,
    READY,
    STRUCTURE,
    UNREADABLE,
    Outcome,
    read_job,
    read_written,
    run_job,
    write_job,
)
from falsemetal.electronic.result import ElectronicStructure
from falsemetal.electronic.settings import Electronic, FrameSet
from falsemetal.electronic.specs import RunJobSpec, WriteJobSpec
from falsemetal.electronic.structure import Layer
from falsemetal.electronic.summary import (
    RESPONSE_COLUMNS,
    summarise_job,
    tabulate_density,
    tabulate_response,
)
from falsemetal.programs.cp2k import LOG
from falsemetal.specs import Packed
from falsemetal.systems.system import REGION
from falsemetal.units import EPSILON_0

FRAMES = {"slab": FrameSet(potential="any", campaign="slabs", size_A=6.3, targets_V=[0.0])}
ELECTRONIC = Electronic(
    frames=FRAMES,
    vacuum_A=6.0,
    # cheap: a minimal basis
    engine=Cp2kEngine(
        kind="cp2k", basis="SZV-MOLOPT-SR-GTH", basis_file="BASIS_MOLOPT", cutoff_Ry=120.0
    ),
    density_of_states=DensityOfStates(lowest_eV=-30.0),
)
SPEC = read_spec(ELECTRONIC)
DIPOLE_E_PER_A = -0.009


@pytest.fixture
def frame() -> Atoms:
    atoms = molecule("H2O", cell=[6.0, 6.0, 30.0], pbc=[True, True, False])
    atoms.center()
    atoms.set_array(REGION, np.array(3 * ["water"]))
    atoms.info = {
        "trajectory": "results/x/0.h5",
        "step": 1200,
        "time_ps": 1.2,
        "target_V": -2.0,
        "delta_V_V": DIPOLE_E_PER_A / EPSILON_0,
        "P_z_e_per_A": DIPOLE_E_PER_A,
        "charge_e": -0.8476,
        "structure_sha256": "0",
    }
    return atoms


def write(folder: Path, frame: Atoms, electronic: Electronic = ELECTRONIC, **changes) -> Path:
    point = SinglePoint(**({"functional": "PBE"} | changes))
    write_job(folder, frame, write_spec(electronic, point))
    return folder


@pytest.fixture
def aims(tmp_path) -> Electronic:
    """Electronic structure by FHI-aims, whose licensed folder has files of the right names."""
    species = tmp_path / "intermediate"
    species.mkdir()
    for name in ("01_H", "08_O"):
        (species / f"{name}_default").write_text(f"  species        {name[3:]}\n")
    engine = AimsEngine(kind="fhi-aims", species_directory=str(species))
    return ELECTRONIC.model_copy(update={"engine": engine})


def test_a_job_tells_where_it_comes_from_and_how_to_run_it(frame, tmp_path) -> None:
    folder = write(tmp_path / "job", frame, field_V_per_A=0.02, cubes=True)
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
    outcome = read_job(folder, SPEC)
    assert outcome.status == READY
    row = summarise_job(folder, outcome, SPEC).iloc[0]
    assert row["status"] == READY
    # by the charge of density-functional dipoles instead of the force field's
    assert row["P_z_e_per_A"] == pytest.approx(DIPOLE_E_PER_A * 0.5562 / 0.8476)
    assert tabulate_density(folder, outcome, SPEC).empty


def test_a_structure_that_was_changed_is_refused(frame, tmp_path) -> None:
    folder = write(tmp_path / "job", frame)
    text = (folder / STRUCTURE).read_text()
    (folder / STRUCTURE).write_text(text.replace("O ", "S ", 1))
    with pytest.raises(ResultError, match="changed since it was written"):
        read_written(folder)


@with_shared_data
def test_outputs_that_came_after_a_run_that_failed_here_are_not_run_over(
    frame, aims, tmp_path
) -> None:
    folder = write(tmp_path / "job", frame, aims)
    engine = aims.engine.model_copy(update={"command": "false"})
    job = RunJobSpec(origin=read_spec(aims).origin, engine=engine)
    with pytest.raises(JobError):
        run_job(folder, job, 1)
    shutil.copyfile(
        SHARED / "dft-outputs/fhi-aims/atom-projected-dos/aims.out", folder / "aims.out"
    )
    before = (folder / "aims.out").read_bytes()
    run_job(folder, job, 1)
    assert (folder / "aims.out").read_bytes() == before


@with_shared_data
def test_outputs_of_another_structure_are_named(frame, aims, tmp_path) -> None:
    spec = read_spec(aims)
    folder = write(tmp_path / "job", frame, aims)
    assert "aims.x > aims.out" in (folder / GUIDE).read_text()
    with pytest.raises(JobError, match=r"engine\.command: required"):
        run_job(folder, spec, n_cores=1)
    foreign = SHARED / "dft-outputs/fhi-aims/atom-projected-dos/aims.out"
    (folder / "aims.out").write_text(foreign.read_text())
    outcome = read_job(folder, spec)
    assert outcome.status == UNREADABLE
    assert "of another input" in outcome.reason
    assert summarise_job(folder, outcome, spec).iloc[0]["reason"] == outcome.reason


@with_cp2k
def test_a_job_is_run_and_read(frame, tmp_path) -> None:
    folder = write(tmp_path / "job", frame)
    run_job(folder, SPEC, n_cores=1)
    outcome = read_job(folder, SPEC)
    assert outcome.status == DONE
    row = summarise_job(folder, outcome, SPEC).iloc[0]
    assert row["gap_eV"] > 5.0
    # both from one calculation: levels, and the search in their smeared density
    assert row["edge_gap_eV"] == pytest.approx(row["gap_eV"], abs=0.4)
    assert row["P_z_dft_e_per_A"] < 0.0
    assert tabulate_density(folder, outcome, SPEC)["states_per_eV"].max() > 1.0

    # what was computed stays with its own inputs, and goes with them
    write(folder, frame)
    assert read_job(folder, SPEC).status == DONE
    computed = (folder / LOG).read_text()
    assert read_job(write(folder, frame, functional="RPBE"), SPEC).status == READY
    aside = folder / "superseded-1"
    assert (aside / LOG).read_text() == computed
    assert list(aside.glob("*.pdos"))

    # the frame is the same, what was computed is not
    shutil.copytree(aside, folder, dirs_exist_ok=True, ignore=shutil.ignore_patterns("cp2k.inp"))
    outcome = read_job(folder, SPEC)
    assert outcome.status == UNREADABLE
    assert "of another input than cp2k.inp" in outcome.reason
    # what was copied here is not run over
    run_job(folder, SPEC, n_cores=1)
    assert (folder / LOG).read_text() == computed

    few = ELECTRONIC.engine.model_copy(update={"scf_steps": 2})
    stubborn = write(tmp_path / "few", frame, ELECTRONIC.model_copy(update={"engine": few}))
    run_job(stubborn, SPEC, n_cores=1)
    outcome = read_job(stubborn, SPEC)
    assert outcome.status == NOT_CONVERGED
    assert summarise_job(stubborn, outcome, SPEC).iloc[0]["status"] == NOT_CONVERGED

    (folder / LOG).write_text("CP2K| version string: CP2K version 2023.1\n")
    assert read_job(folder, SPEC).status == UNREADABLE


def test_what_cannot_be_computed_is_told(frame, aims, tmp_path) -> None:
    bulk = frame.copy()
    bulk.pbc = True
    for electronic in (ELECTRONIC, aims):
        with pytest.raises(JobError, match="choose a slab"):
            write(tmp_path / "job", bulk, electronic, field_V_per_A=0.02)
        with pytest.raises(JobError, match=r"SCAN: .* has no keyword"):
            write(tmp_path / "job", frame, electronic, functional="SCAN")
    assert not (tmp_path / "job").exists()


def test_only_the_liquid_is_searched_for_band_edges(frame, tmp_path) -> None:
    """Beside a metal, whose states fill the gap, the liquid keeps its edges."""
    folder = write(tmp_path / "job", frame)
    energies = np.linspace(-20.0, 10.0, 1001)
    liquid = np.where(np.abs(energies) > 2.0, 5.0, 0.0)
    alone = ElectronicStructure(
        engine="any",
        fermi_eV=0.0,
        homo_eV=-0.1,
        lumo_eV=0.1,
        energies_eV=energies,
        density=liquid[None],
        layers=[Layer(5.0, "water", np.arange(3))],
        dipole_e_per_A=None,
    )
    beside = replace(
        alone,
        density=np.array([np.full(1001, 9.0), liquid]),
        layers=[Layer(5.0, "metal", np.arange(3, 7)), *alone.layers],
    )
    rows = [summarise_job(folder, Outcome(DONE, "", e), SPEC).iloc[0] for e in (alone, beside)]
    for row in rows:
        assert row["edge_gap_eV"] == pytest.approx(4.0, abs=0.1)
        assert np.isnan(row["P_z_dft_e_per_A"])
    table = tabulate_density(folder, Outcome(DONE, "", beside), SPEC)
    assert table.groupby("region", sort=False)["states_per_eV"].max().to_dict() == {
        "metal": 9.0,
        "water": 5.0,
    }


def test_no_response_without_jobs_that_are_done_and_cubes_that_are_read(
    aims, tmp_path, caplog
) -> None:
    paths = [tmp_path / name / "summary.csv" for name in ("PBE-0.02", "PBE-0")]
    for path in paths:
        path.parent.mkdir()
        path.with_name(MANIFEST).write_text(json.dumps({"field_V_per_A": 0.0}))
    for statuses, message in (
        ((DONE, READY), "no response: done and ready to run"),
        ((DONE, DONE), "cubes of FHI-aims are not read"),
    ):
        for path, status in zip(paths, statuses, strict=True):
            pd.DataFrame({"status": [status]}).to_csv(path)
        table = tabulate_response(*paths, read_spec(aims))
        assert table.empty
        assert list(table) == RESPONSE_COLUMNS
        assert message in caplog.messages[-1]


def test_jobs_are_named_by_what_is_computed() -> None:
    frames = {"potential": "any", "campaign": "slabs", "size_A": 6.3, "quantiles": [0.5]}
    both = FrameSet(**frames, functionals=["PBE", "RPBE"])
    assert [point.name for point in both.single_points] == ["PBE", "RPBE"]
    in_field = FrameSet(**frames, field_V_per_A=0.02)
    assert [point.name for point in in_field.single_points] == ["PBE-0", "PBE-0.02"]
    assert in_field.choice == both.choice


def test_a_specification_depends_on_what_its_job_depends_on(aims) -> None:
    """Jobs are written anew where their inputs change, and read anew where the reading does."""
    point = SinglePoint(functional="PBE")
    finer = {"engine": ELECTRONIC.engine.model_copy(update={"cutoff_Ry": 300.0})}
    sharper = {"density_of_states": DensityOfStates(smearing_eV=0.01)}
    for electronic, changes, is_written, is_read in (
        (ELECTRONIC, finer, True, False),
        (ELECTRONIC, sharper, False, True),
        (aims, sharper, True, True),
        (aims, {"engine": aims.engine.model_copy(update={"command": "sh"})}, False, False),
        (ELECTRONIC, {"engine": aims.engine}, True, True),
    ):
        other = electronic.model_copy(update=changes)
        written = [write_spec(e, point).identity() for e in (electronic, other)]
        assert (written[0] != written[1]) == is_written
        read = [read_spec(e).identity() for e in (electronic, other)]
        assert (read[0] != read[1]) == is_read
    spec = write_spec(aims, point)
    assert Packed.pack(spec).unpack(WriteJobSpec) == spec
    assert RunJobSpec(origin=spec.origin, engine=aims.engine).identity() == {"engine": "fhi-aims"}


def test_engines_are_known_by_kind() -> None:
    assert dict(ENGINES) == {"fhi-aims": AimsEngine, "cp2k": Cp2kEngine}
    given = {"engine": {"kind": "cp2k", "cutoff_Ry": 100}, "frames": FRAMES}
    assert Electronic.model_validate(given).engine == Cp2kEngine(kind="cp2k", cutoff_Ry=100.0)
