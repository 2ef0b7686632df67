import numpy as np
import pytest
from ase import Atoms
from ase.units import fs
from checkouts import SHARED, with_shared_data

from falsemetal.datasets.checks import check_frames
from falsemetal.datasets.config_type import find_config_type
from falsemetal.datasets.errors import DatasetError
from falsemetal.datasets.runner import read_runner
from falsemetal.datasets.settings import Checks, Split
from falsemetal.datasets.split import PARTS, split_frames

REVPBE0 = SHARED / "revpbe0-d3-water/input.data"

BOHR_A, HARTREE_EV = 0.529177210903, 27.211386245988  # CODATA 2018

FRAME = """begin
comment # CELL(abcABC):  4.76260  4.76260 10.58354  90.0  90.0  90.0  Traj: x Step: 40 Bead: 1
lattice 9.0 0.0 0.0
lattice 0.0 9.0 0.0
lattice 0.0 0.0 20.0
atom 1.0 2.0 3.0 O 0.0 0.0 0.1 0.2 0.3
atom 1.0 2.0 13.0 H 0.0 0.0 -0.1 -0.2 -0.3
energy -2.0
charge 0.0
end
"""


@pytest.fixture
def read(tmp_path):
    def read(text, **options):
        (tmp_path / "input.data").write_text(text)
        return read_runner(tmp_path / "input.data", **options)

    return read


def test_units_and_origin(read):
    (frame,) = read(FRAME, step_fs=0.5)
    assert frame.get_chemical_formula() == "HO"
    assert frame.cell.lengths() == pytest.approx(np.array([9, 9, 20]) * BOHR_A, abs=1e-8)
    assert frame.pbc.all()
    assert frame.positions[0] == pytest.approx(np.array([1, 2, 3]) * BOHR_A, abs=1e-8)
    assert frame.info["REF_energy"] == pytest.approx(-2 * HARTREE_EV, abs=1e-6)
    unit = HARTREE_EV / BOHR_A
    assert frame.arrays["REF_forces"][1] == pytest.approx(-unit * np.array([0.1, 0.2, 0.3]))
    origin = {"trajectory": "x", "step": 40, "bead": 1, "time_ps": 0.02}
    assert {key: frame.info[key] for key in origin} == origin


def test_a_step_is_no_time_by_itself(read):
    (frame,) = read(FRAME)
    assert "time_ps" not in frame.info


def test_frames_come_in_order_of_trajectory_and_step(read):
    comments = ("Traj: y Step: 9", "Traj: x Step: 10", "", "Traj: x Step: 9")
    frames = read("".join(FRAME.replace("Traj: x Step: 40", text) for text in comments))
    origins = [(frame.info.get("trajectory"), frame.info.get("step")) for frame in frames]
    assert origins == [(None, None), ("x", 9), ("x", 10), ("y", 9)]


def test_what_was_calculated_as_periodic_stays_so(read):
    (frame,) = read(FRAME.replace("0.0 20.0", "0.0 40.0").replace("# CELL", "#"))
    assert frame.pbc.all()
    assert frame.info["config_type"] == "slab"


@pytest.mark.parametrize(
    ("z_A", "height_A", "pbc", "config_type"),
    [
        ([0, 4, 8], 12, True, "bulk"),
        ([0, 4, 8], 13.1, True, "slab"),
        ([-4, 16, 0], 12, True, "bulk"),  # outside of the cell
        ([0, 6, 10], 14, True, "slab"),  # vacuum in the middle
        ([0, 4, 8], 12, (True, True, False), "slab"),
        ([0, 4, 8], 12, False, "cluster"),
    ],
)
def test_config_type_by_vacuum(z_A, height_A, pbc, config_type):
    frame = Atoms("H3", [[0, 0, z] for z in z_A], cell=[3, 3, height_A], pbc=pbc)
    assert find_config_type(frame) == config_type


def test_vacuum_across_a_tilted_cell():
    frame = Atoms("H", cell=[[6, 0, 0], [5.1, 3.1, 0], [0, 0, 3]], pbc=True)
    assert find_config_type(frame) == "bulk"  # 6 Å along x are only 3.1 Å between two rows
    frame.cell[1] = [0, 3.1, 0]
    assert find_config_type(frame) == "slab"


def test_without_lattice_it_is_a_cluster(read):
    text = "".join(line for line in FRAME.splitlines(True) if not line.startswith("lattice"))
    (frame,) = read(text.replace("# CELL", "#"))
    assert not frame.pbc.any()
    assert frame.info["config_type"] == "cluster"


@pytest.mark.parametrize(
    ("stated", "unit"), [("4.76260  4.76260 10.58404", ""), ("9 9 20 ", "cell{atomic_unit}")]
)
def test_cells_that_agree(read, stated, unit):
    text = FRAME.replace("4.76260  4.76260 10.58354", stated).replace("Traj", f"{unit} Traj")
    assert len(read(text)) == 1


BOTH_CELLS = (
    r"input.data: line 1: line 2: the comment's cell is 4.76260 4.76260 12.58354 90.00000 .* "
    r"the lattice 4.76259 4.76259 10.58354 90.00000 .*correct"
)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("10.58354", "12.58354", BOTH_CELLS),
        ("90.0  Traj", "80.0  Traj", "line 2: the comment's cell"),
        ("end\n", "", "line 1: begin or end is missing, up to line 9"),
        ("end\n", "begin\nend\n", "line 1: begin or end is missing, up to line 9"),
        ("energy -2.0\n", "", "line 1: a frame has one line of energy.* 0 of energy"),
        ("lattice 9.0 0.0 0.0\n", "", "none or three of lattice.* 2 of lattice"),
        ("O 0.0 0.0 0.1", "O 0.0 0.1", "line 6: 'atom' has 8 columns instead of 9"),
        ("energy -2.0", "energy", "line 8: 'energy' has 0 columns instead of 1"),
        ("energy", "enthalpy", r"line 8: unknown keyword 'enthalpy' \(known: comment, lattice"),
        (
            "charge 0.0",
            "charge 0.0\ncharge -1.0",
            "line 10: several charges of a frame: -1, 0 e",
        ),
        ("-2.0", "-2.x", "line 8: could not convert string to float: '-2.X'"),
        ("2.0 3.0 O", "2.0 3.0 Q", "line 6: 'Q' is no element"),
    ],
)
def test_a_faulty_frame_is_set_apart_with_its_line(read, old, new, message):
    faulty, *sound = read(FRAME.replace(old, new, 1) + FRAME)
    assert [("fault" in frame.info) for frame in sound] == [*(len(sound) - 1) * [True], False]
    with pytest.raises(AssertionError, match=message):
        raise AssertionError(faulty.info["fault_reason"])


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("\n\n", "holds no frame"),
        ("\0\xff", "RuNNer"),
        ("comment\nend\n", "line 1: 'comment' outside of begin"),
        ("3\nenergy=1\n", "line 1: '3' outside of begin .* format: extxyz"),
    ],
)
def test_not_a_training_set(tmp_path, text, message):
    (tmp_path / "input.data").write_bytes(text.encode("latin-1"))
    with pytest.raises(DatasetError, match=message):
        read_runner(tmp_path / "input.data")


def test_no_file(tmp_path):
    with pytest.raises(DatasetError, match=r"none.data: no such file"):
        read_runner(tmp_path / "none.data")


@pytest.fixture(scope="module")
def published():
    return read_runner(REVPBE0, step_fs=2.0)


@with_shared_data
def test_published_frames(published):
    assert len(published) == 111
    assert {frame.get_chemical_formula() for frame in published} == {"H128O64"}
    assert {frame.info["config_type"] for frame in published} == {"bulk"}
    cells_A = np.array([frame.cell.lengths() for frame in published])
    assert np.abs(cells_A - 12.42).max() < 1e-5
    # the grid of the DFT calculation holds water in place: forces do not sum to zero
    accepted, rejections = check_frames(published, Checks(maximum_net_force_eV_per_A=1.0))
    assert len(accepted) == 111, rejections


@with_shared_data
def test_step_length_of_the_published_trajectory(published):
    """Newton's law for molecules: by their labelled forces, a step lasts 2 fs (Numerov's rule)."""
    frames = {frame.info["step"]: frame for frame in published}
    triples = [[frames.get(step + 5 * k) for k in range(3)] for step in frames]
    triples = [triple for triple in triples if None not in triple]
    assert len(triples) == 3
    for triple in triples:
        masses = triple[0].get_masses().reshape(64, 3, 1)
        moments = [(masses * f.positions.reshape(64, 3, 3)).sum(axis=1) for f in triple]
        forces = [frame.arrays["REF_forces"].reshape(64, 3, 3).sum(axis=1) for frame in triple]
        force = (forces[0] + 10 * forces[1] + forces[2]).ravel() / 12
        change = (moments[0] - 2 * moments[1] + moments[2]).ravel()
        assert np.sqrt(force @ change / (force @ force)) / fs / 5 == pytest.approx(2.0, rel=0.03)
        assert np.corrcoef(force, change)[0, 1] > 0.98


@with_shared_data
@pytest.mark.parametrize("seed", range(3))
def test_no_published_frame_is_held_out_beside_a_relative(published, seed):
    """Oxygens of frames in different parts lie more than 1 Å apart; 5 steps move them 0.07 Å."""
    parts = split_frames(published, Split(), seed=seed)
    assert all(parts[part] for part in PARTS)
    oxygens = {
        part: np.array([f.positions[f.symbols == "O"] for f in parts[part]]) for part in PARTS
    }
    for part, others in (("validation", "train"), ("test", "train"), ("test", "validation")):
        apart = oxygens[part][:, None] - oxygens[others][None]
        apart -= 12.42 * np.rint(apart / 12.42)
        assert np.sqrt((apart**2).sum(-1).mean(-1)).min() > 1.0
