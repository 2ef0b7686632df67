"""CP2K: inputs, readers on real and faulty outputs, and one molecule computed for real."""

import shutil
from pathlib import Path

import numpy as np
import pytest
from ase import Atoms
from ase.build import molecule
from checkouts import SHARED, with_cp2k, with_shared_data

from falsemetal.electronic.cp2k import Cp2kEngine
from falsemetal.electronic.cp2k_input import PROJECT
from falsemetal.electronic.cp2k_result import is_converged, read_grid, read_pdos
from falsemetal.electronic.density_of_states import DensityOfStates
from falsemetal.electronic.engine import SinglePoint
from falsemetal.electronic.errors import JobError, ResultError
from falsemetal.electronic.profiles import planar_average, response, slope_within
from falsemetal.electronic.result import ElectronicStructure
from falsemetal.electronic.structure import Layer, divide_into_layers, with_vacuum
from falsemetal.programs.cp2k import INPUT, LOG
from falsemetal.systems.molecule import Molecule
from falsemetal.systems.system import REGION
from falsemetal.units import EPSILON_0, HARTREE

OUTPUTS = SHARED / "dft-outputs/cp2k"
COARSE = Cp2kEngine(kind="cp2k", cutoff_Ry=150.0, empty_share=2.0)
ENERGIES = DensityOfStates(lowest_eV=-30.0, highest_eV=15.0)
AREA_A2 = 36.0
FIELD_V_PER_A = 0.1
VACUUM_A = 6.0
VALENCE_ELECTRONS = 8


def water() -> Atoms:
    """Return a molecule whose dipole points down."""
    atoms = molecule("H2O", cell=[6.0, 6.0, 20.0], pbc=[True, True, False])
    atoms.center()
    atoms.set_array(REGION, np.array(3 * ["water"]))
    return with_vacuum(atoms, VACUUM_A)


def write(atoms: Atoms, engine: Cp2kEngine = COARSE, **changes) -> str:
    point = SinglePoint(**({"functional": "PBE"} | changes))
    layers = [Layer(0.0, "water", np.array([0])), Layer(1.0, "water", np.array([1, 2]))]
    return engine.write(atoms, layers, ENERGIES, point)[INPUT]


def water_layers() -> list[Layer]:
    return divide_into_layers(water(), thickness_A=5.0, liquid=Molecule())


def test_the_input_of_a_slab() -> None:
    lines = [line.strip() for line in write(water()).splitlines()]
    for line in (
        "SURFACE_DIPOLE_CORRECTION T",
        "SURF_DIP_DIR Z",
        "SURF_DIP_POS 0.0",
        "BETA 1.5",
        "BASIS_SET DZVP-MOLOPT-PBE-GTH-q6",
        "POTENTIAL GTH-PBE-q1",
        "ELECTRONIC_TEMPERATURE [K] 300",
        "PERIODIC XYZ",
        "LIST 1",
        "LIST 2 3",
        "NLUMO -1",
        "ADDED_MOS 8",
        "CUTOFF 150.0",
    ):
        assert line in lines, line
    assert "&V_HARTREE_CUBE" not in lines
    assert not any("EXTERNAL_POTENTIAL" in line for line in lines)


def test_bulk_has_no_dipole_correction() -> None:
    atoms = water()
    atoms.pbc = True
    assert "SURFACE_DIPOLE_CORRECTION" not in write(atoms)


def test_functionals() -> None:
    assert "&GGA_X_RPBE" in write(water(), functional="RPBE")
    hybrid = write(water(), functional="revPBE0")
    assert "PARAMETRIZATION REVPBE" in hybrid
    assert "FRACTION 0.25" in hybrid
    # less than half of the shortest edge, 6 Å
    assert "CUTOFF_RADIUS 2.9400" in hybrid
    assert "BASIS_SET AUX_FIT admm-dzp-q6" in hybrid
    assert "BASIS_SET_FILE_NAME BASIS_ADMM_UZH" in hybrid
    assert "METHOD BASIS_PROJECTION" in hybrid
    assert "AUX_FIT" not in write(water())
    own_basis = COARSE.model_copy(update={"exchange_basis": None})
    assert "AUX_FIT" not in write(water(), own_basis, functional="revPBE0")


def test_an_unknown_element_is_told() -> None:
    with pytest.raises(JobError, match="element 79"):
        write(Atoms("Au", cell=[5, 5, 5], pbc=True))


@pytest.fixture(scope="module")
def folders(tmp_path_factory) -> dict[float, Path]:
    """Compute the molecule without and with a field."""
    folders = {}
    for field in (0.0, FIELD_V_PER_A):
        folders[field] = tmp_path_factory.mktemp("cp2k")
        point = SinglePoint(functional="PBE", field_V_per_A=field, cubes=True)
        for name, text in COARSE.write(water(), water_layers(), ENERGIES, point).items():
            (folders[field] / name).write_text(text)
        COARSE.run(folders[field], n_cores=1, watch=lambda: None)
    return folders


@pytest.fixture(scope="module")
def results(folders) -> dict[float, ElectronicStructure]:
    return {
        field: COARSE.read(folder, water(), water_layers(), ENERGIES)
        for field, folder in folders.items()
    }


@with_cp2k
def test_a_molecule_has_its_electrons_and_its_gap(results) -> None:
    result = results[0.0]
    below = result.energies_eV < 0.5 * (result.homo_eV + result.lumo_eV)
    total = result.density.sum(axis=0)
    n_electrons = np.trapezoid(total[below], result.energies_eV[below])
    assert n_electrons == pytest.approx(VALENCE_ELECTRONS, rel=1e-3)
    # PBE's gap of a free molecule is 6.2 eV; a small cell raises the empty orbital
    assert 6.0 < result.lumo_eV - result.homo_eV < 8.0


@with_cp2k
def test_the_dipole_has_the_sign_of_eq_1_and_the_drop_of_the_potential(folders, results) -> None:
    result = results[0.0]
    z = water().positions[:, 2]
    assert z[1:].mean() < z[0]
    # 1.85 debye of a free molecule are 0.385 e·Å
    assert result.dipole_e_per_A * AREA_A2 == pytest.approx(-0.37, abs=0.06)
    profile = planar_average(COARSE.response_grids(folders[0.0], field_V_per_A=0.0)[0])
    edge = len(profile) // 12
    drop_of_electrons = profile[-edge] - profile[edge]
    assert -drop_of_electrons == pytest.approx(result.dipole_e_per_A / EPSILON_0, rel=0.02)


@with_cp2k
def test_a_field_up_pushes_electrons_down(folders, results) -> None:
    change = results[FIELD_V_PER_A].dipole_e_per_A - results[0.0].dipole_e_per_A
    # the molecule's polarisability is 1.45 Å³; this basis has less
    polarizability_A3 = change * AREA_A2 / FIELD_V_PER_A / (4 * np.pi * EPSILON_0)
    assert 0.5 < polarizability_A3 < 1.6
    (with_field, without), densities = zip(
        *(COARSE.response_grids(folders[e], field_V_per_A=e) for e in (FIELD_V_PER_A, 0.0)),
        strict=True,
    )
    shift, heights = response(with_field, without), with_field.heights_A
    # an electron climbs along the field, which the molecule screens
    vacuum = slope_within(heights, shift, between_A=(0.5, 3.5))
    assert vacuum == pytest.approx(FIELD_V_PER_A, rel=0.05)
    moved = response(*densities)
    step = heights[1] - heights[0]
    assert moved.sum() * step * AREA_A2 == pytest.approx(0.0, abs=1e-3)
    assert -(moved * heights).sum() * step == pytest.approx(change, rel=0.05)


@pytest.fixture
def job(folders, tmp_path) -> Path:
    return Path(shutil.copytree(folders[0.0], tmp_path / "job"))


@with_cp2k
def test_faulty_outputs_are_told_one_by_one(job) -> None:
    structure = water()
    log = (job / LOG).read_text()

    def read() -> ElectronicStructure:
        return COARSE.read(job, structure, water_layers(), ENERGIES)

    def assert_state_told(message: str, content: str) -> None:
        (job / LOG).write_text(content)
        with pytest.raises(ResultError, match=message):
            is_converged(job / LOG)

    assert_state_told("cut short; run the job again", log[: log.index("SCF run converged")])
    assert_state_told("no output of CP2K", "Invoking FHI-aims")
    abort = "\n*** [ABORT]\n* Dipole correction needs more vacuum *\n***\n"
    assert_state_told("ended by itself and says: .*more vacuum", log[:3000] + abort)
    (job / LOG).write_text(log.replace("SCF run converged in", "SCF run NOT converged"))
    assert not is_converged(job / LOG)
    (job / LOG).write_text(log)
    assert is_converged(job / LOG)
    structure.positions[1, 0] += 0.01
    with pytest.raises(ResultError, match="of another structure"):
        read()
    structure.positions[1, 0] -= 0.01
    name = PROJECT.search((job / INPUT).read_text())[1]
    (job / LOG).write_text(log.replace(name, "job-1234abcd"))
    with pytest.raises(ResultError, match=f"of another input than cp2k.inp, which is of {name}"):
        read()
    (job / LOG).write_text(log)
    [path] = job.glob("job-*-list1-1.pdos")
    table = path.read_text()
    path.write_text(table[:-30])
    with pytest.raises(ResultError, match=r"list1-1\.pdos: no readable \.pdos file"):
        read()
    path.unlink()
    with pytest.raises(ResultError, match=r"list1-1\.pdos: no readable"):
        read()
    for cube in job.glob("*.cube"):
        cube.write_text(cube.read_text()[:-500])
    with pytest.raises(ResultError, match="no readable cube file"):
        COARSE.response_grids(job, field_V_per_A=0.0)


@with_shared_data
def test_outputs_of_other_calculations() -> None:
    pdos = read_pdos(OUTPUTS / "graphene-k1-1.pdos")
    assert pdos.fermi_eV == pytest.approx(-0.089461 * HARTREE)
    # one kind of atom alone: all of every orbital is its own
    np.testing.assert_allclose(pdos.projections, 1.0, atol=1e-6)
    assert pdos.occupations.sum() == pytest.approx(4 * round(pdos.occupations.sum() / 4))
    assert is_converged(OUTPUTS / "benzene/cp2k.out")
    assert is_converged(OUTPUTS / "Si.out")
    grid = read_grid(OUTPUTS / "benzene/PROJ-v_hartree-1_0.cube", unit=HARTREE)
    assert grid.values.shape == (18, 18, 18)
    np.testing.assert_allclose(grid.lengths_A, 14.4, atol=1e-5)
    with pytest.raises(ResultError, match=r"not a \.pdos file"):
        read_pdos(SHARED / "dft-outputs/fhi-aims/atom-projected-dos/atom_proj_dos_N0001.dat")
