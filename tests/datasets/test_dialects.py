"""What public files carry beside positions and labels: used, or refused with file and frame."""

import gzip
import io
import itertools
import re

import ase.io
import numpy as np
import pytest
from ase import Atoms
from ase.constraints import FixAtoms
from checkouts import FIELD, with_field

from falsemetal.datasets.checks import check_frames
from falsemetal.datasets.curate import curate
from falsemetal.datasets.errors import DatasetError
from falsemetal.datasets.faults import element_of
from falsemetal.datasets.io import read_frames, write_frames
from falsemetal.datasets.reading import read_file
from falsemetal.datasets.settings import Checks, CurateSpec, Split
from falsemetal.sources.catalogue import FrameLayout
from falsemetal.systems.labels import external_field, known_charges, total_charge

N_FRAMES = 12
SPOILED = 5
ORIGIN = {"name": "t", "sha256": "0" * 64, "seed": 1}


@pytest.fixture
def read(tmp_path, make_frames):
    """Write frames, change the text of one, or of all, and read it: accepted, rejected, frames."""

    def read(change, *, everywhere=False, prepare=lambda frame: None, layout=None, name="a.extxyz"):
        texts = []
        for index, frame in enumerate(make_frames(N_FRAMES, interval_ps=None, trajectory=None)):
            spoil = everywhere or index == SPOILED
            frame.calc = None
            if spoil:
                prepare(frame)
            stream = io.StringIO()
            ase.io.write(stream, frame, format="extxyz")
            texts.append(change(stream.getvalue()) if spoil else stream.getvalue())
        path = tmp_path / name
        path.write_text("".join(texts), encoding="utf-8")
        frames = read_file(path, "extxyz", layout or FrameLayout())
        return *check_frames(frames, Checks()), frames

    return read


def tagged(text):
    """Append to the comment of a frame."""
    return lambda frame: frame.replace(" pbc=", f" {text} pbc=", 1)


def per_atom(column, value):
    """Append a column to a frame."""

    def change(frame):
        count, comment, *rows = frame.splitlines()
        comment = comment.replace("REF_forces:R:3", f"REF_forces:R:3:{column}")
        return "\n".join([count, comment, *(f"{row} {value}" for row in rows)]) + "\n"

    return change


@pytest.mark.parametrize(
    ("change", "check", "reason"),
    [
        (tagged("total_charge=1"), "charged", "total_charge is 1"),
        (tagged("charge=-0.5"), "charged", "charge is -0.5"),
        (tagged('charge="one"'), "charged", "charge is one"),
        (tagged("total_spin=3"), "open shell", "total_spin is 3"),
        (tagged("multiplicity=2"), "open shell", "multiplicity is 2"),
        (tagged("magmom=1.9"), "open shell", "magmom is 1.9"),
        (tagged("energy-unit=hartree"), "units", "energy-unit is hartree; convert"),
        (tagged("units=real"), "units", "units is real"),
        (tagged('force_unit="kcal/mol/A"'), "units", "force_unit is kcal/mol/A"),
        (tagged("config_energy_weight=0.0"), "label", "counts for nothing"),
        (lambda t: t.replace("REF_energy=-", "REF_energy=minus"), "label", "is 'minus.*no number"),
        (lambda t: t.replace("REF_energy", "E0"), "missing label", "no REF_energy"),
        (lambda t: t.replace("REF_forces:R", "REF_forces:S"), None, None),
        (lambda t: re.sub(r"REF_energy=(\S+)", r"REF_energy=\1D+00", t), None, None),
        (tagged("total_charge=nan"), "charged", "only neutral frames can be used"),
        (tagged("Weight=0"), "label", "counts for nothing"),
        (lambda t: t.replace("species:S", "element:S"), "unknown element", "no column species"),
        (lambda t: t.replace('pbc="T T T"', 'PBC="1 1 0"'), None, None),
        (lambda t: t.replace('pbc="T T T"', 'Pbc="0 0 0"'), "not periodic", "pbc FFF"),
        (per_atom("force_units:S:1", "hartree/bohr"), "units", "force_units is hartree/bohr"),
        (per_atom("magmoms:R:1", "1.0"), "open shell", "magmoms is"),
        (lambda t: t.replace("\nO ", "\nQq ", 1), "unknown element", "'Qq' is no element"),
        (lambda t: t.replace("\nH ", "\nHw ", 1), "unknown element", "'Hw' is no element; write H"),
        (lambda t: t.replace("\nO ", "\n ", 1), "unknown element", "is no element"),
        (lambda t: t.rsplit("\n", 2)[0] + "\n", "damaged", "23 lines of atoms instead of 24"),
        (lambda t: t + t.rsplit("\n", 2)[1] + "\n", "damaged", "25 lines of atoms instead of 24"),
        (lambda t: t.replace("24\n", "0\n", 1), "damaged", "24 lines of atoms instead of 0"),
        (lambda t: t.replace("pos:R:3", "pos:R:2"), "unreadable", ""),
        (lambda t: t.replace("Lattice", "Cell"), "not periodic", "TTT without the vectors"),
        (lambda t: t.replace('pbc="T T T"', 'pbc="T F F"'), "not periodic", "pbc TFF"),
        (lambda t: t.replace('pbc="T T T"', 'pbc="F F F"'), "not periodic", "pbc FFF"),
        (tagged('Lattice="1 2 3"'), "unreadable", "Lattice"),
    ],
)
def test_one_frame_is_rejected_and_the_others_are_kept(read, change, check, reason):
    accepted, rejections, frames = read(change)
    assert len(frames) == N_FRAMES
    if check is None:
        assert rejections == []
        return
    (rejection,) = rejections
    assert (rejection.frame, rejection.check) == (SPOILED, check)
    with pytest.raises(AssertionError, match=reason):
        raise AssertionError(rejection.reason)
    assert len(accepted) == N_FRAMES - 1


def test_charges_and_fields_are_kept_for_potentials_that_answer_to_them(read, tmp_path) -> None:
    change = tagged('charge=1 external_field="0.0 0.0 0.02"')
    layout = FrameLayout(charged_frames="use")

    def label(frame: Atoms) -> None:
        frame.arrays["REF_charges"] = np.linspace(-0.5, 0.5, len(frame))

    accepted, rejections, _ = read(change, prepare=label, layout=layout)
    assert rejections == []
    write_frames(tmp_path / "train.extxyz", accepted)
    for index, frame in enumerate(read_frames(tmp_path / "train.extxyz")):
        if index != SPOILED:
            assert "total_charge" not in frame.info
            continue
        assert total_charge(frame) == 1.0
        np.testing.assert_array_equal(external_field(frame), [0.0, 0.0, 0.02])
        np.testing.assert_allclose(known_charges(frame), np.linspace(-0.5, 0.5, len(frame)))
    _, (rejection,), _ = read(tagged("external_field=0.02"), layout=layout)
    assert rejection.check == "field"


@pytest.mark.parametrize(
    "change",
    [
        tagged("total_charge=0 total_spin=1 multiplicity=1 magmom=0.0"),
        tagged("units=metal energy_unit=eV force-unit=eV/Angstrom"),
        tagged('units="eV; eV/Ang" length_unit="Angstrom"'),
        tagged("config_energy_weight=2.0 dipole='0 0 1' stress='1 2 3 4 5 6'"),
        tagged('trajectory="" note={}'),
        tagged("head=default"),
        lambda t: t.replace("Lattice", "lattice").replace("Properties", "properties"),
        lambda t: t.replace("config_type", "Config_type"),
        tagged("charge=1e-9"),
        per_atom("magmom:R:1", "0.0"),
        per_atom("force_units:S:1", "eV/Angstrom"),
        lambda t: t.replace("\nO ", "\nO1 ").replace("\nH ", "\nH_2 "),
        lambda t: t.replace("\nH ", "\nD "),
        lambda t: t.replace("\nO ", "\no "),
        lambda t: t.replace("\n", "\r\n"),
        lambda t: f"{t}\n\n",
        lambda t: t.replace(' pbc="T T T"', ""),
        lambda t: t.replace('"T T T"', '"1 1 1"'),
    ],
)
def test_what_changes_nothing(read, change, make_frames):
    accepted, rejections, _ = read(change, everywhere=True)
    assert rejections == []
    for frame, expected in zip(accepted, make_frames(N_FRAMES), strict=True):
        assert np.array_equal(frame.numbers, expected.numbers)
        assert frame.info == {
            "REF_energy": pytest.approx(expected.info["REF_energy"], abs=1e-8),
            "config_type": "bulk",
        }
        assert np.allclose(frame.arrays["REF_forces"], expected.arrays["REF_forces"], atol=1e-7)


@pytest.mark.parametrize(
    ("written", "text"), [("300", "300"), ('"1 2 3"', "1 2 3"), ("T", "T"), ("300K", "300K")]
)
def test_config_types_are_text(read, written, text, tmp_path):
    def change(frame):
        return frame.replace("config_type=bulk", f"config_type={written}")

    accepted, _, _ = read(change, everywhere=True)
    write_frames(tmp_path / "b.extxyz", accepted)
    assert {frame.info["config_type"] for frame in read_frames(tmp_path / "b.extxyz")} == {text}


def test_forces_of_fixed_atoms(read):
    def freeze(frame):
        frame.set_constraint(FixAtoms([0, 1]))

    assert read(lambda t: t, prepare=freeze, everywhere=True)[1] == []

    def freeze_and_forget(frame):
        freeze(frame)
        frame.arrays["REF_forces"][[0, 1]] = 0.0

    (rejection,) = read(lambda t: t, prepare=freeze_and_forget)[1]
    assert (rejection.frame, rejection.check) == (SPOILED, "held atoms")


def test_several_heads(read):
    alternating = itertools.cycle(["pbe", "scan"])

    def change(text):
        return tagged(f"head={next(alternating)}")(text)

    with pytest.raises(DatasetError, match=r"a.extxyz: .*several heads.* head: pbe, scan"):
        read(change, everywhere=True)
    accepted, _, frames = read(change, everywhere=True, layout=FrameLayout(head="scan"))
    assert len(accepted) == len(frames) == N_FRAMES // 2
    with pytest.raises(DatasetError, match="no frame of head 'pbe0'; heads: pbe, scan"):
        read(change, everywhere=True, layout=FrameLayout(head="pbe0"))


def test_frames_without_a_head_are_those_of_the_default(read):
    named = iter([True] + [False] * N_FRAMES)

    def change(text):
        return tagged("head=pbe")(text) if next(named) else text

    with pytest.raises(DatasetError, match=r"several heads.* head: Default, pbe"):
        read(change, everywhere=True)


def test_moments_of_metals_are_their_own(read):
    def with_metal(frame):
        frame.numbers[0] = 28

    _, _, frames = read(tagged("magmom=12.0 multiplicity=3"), prepare=with_metal)
    assert not any("fault" in frame.info for frame in frames)


@pytest.mark.parametrize("label", ["HO", "CO1"])
def test_a_label_of_two_elements_is_asked_about(label):
    with pytest.raises(ValueError, match=f"'{label}' may be .* write the element"):
        element_of(label)
    assert [element_of(name) for name in ("Ho", "NA", "CL", "Si", "CU")] == [
        *("Ho", "Na", "Cl", "Si", "Cu")
    ]


def test_a_film_may_be_off_by_rounding(make_frames):
    frames = make_frames(8)
    for frame in frames:
        frame.pbc = (True, True, False)
        frame.cell[2, 0] = 1.8e-15
    assert check_frames(frames, Checks())[1] == []
    frames[0].cell[2, 0] = 0.5
    assert [r.check for r in check_frames(frames, Checks())[1]] == ["film not along z"]


def test_a_file_of_another_format(tmp_path, make_frames):
    (tmp_path / "a.data").write_text("begin\nend\n")
    with pytest.raises(DatasetError, match=r"a.data: line 1: .*'begin'; .*format: runner"):
        read_file(tmp_path / "a.data", "extxyz", FrameLayout())
    (tmp_path / "b.gz").write_bytes(gzip.compress(b"3 atoms\n")[:-6])
    damaged = bytearray(gzip.compress(b"3 atoms\n" * 100))
    damaged[12] ^= 255
    for content in (gzip.compress(b"3 atoms\n")[:-6], bytes(damaged)):
        (tmp_path / "b.gz").write_bytes(content)
        with pytest.raises(DatasetError, match=r"b.gz: cannot be read"):
            read_file(tmp_path / "b.gz", "extxyz", FrameLayout())


ISOLATED_ATOMS = [Atoms("H", info={"REF_energy": -13.6}), Atoms("O", info={"REF_energy": -430.0})]


def test_isolated_atoms_become_atomic_energies_where_asked(make_frames, tmp_path):
    boxed = [atom.copy() for atom in ISOLATED_ATOMS]
    for atom in boxed:  # as a periodic code has them
        atom.cell, atom.pbc = [12.0, 12.0, 12.0], True
        atom.arrays["REF_forces"] = np.zeros((1, 3))
    assert [r.check for r in check_frames(boxed, Checks())[1]] == 2 * ["isolated atom"]
    frames = [ISOLATED_ATOMS[0], boxed[1], *make_frames(40)]
    accepted, rejections = check_frames(frames, Checks())
    assert [(r.frame, r.check) for r in rejections] == [(0, "isolated atom"), (1, "isolated atom")]
    assert len(accepted) == 40
    spec = CurateSpec(
        origin=ORIGIN,
        name="set",
        source={},
        checks=Checks(isolated_atoms="atomic_energies"),
        split=Split(block_ps=0.5, gap_ps=0.0),
        seed=1,
    )
    curate(spec, [atom.copy() for atom in frames], tmp_path, stamp={})
    train = read_frames(tmp_path / "train.extxyz")
    assert [str(frame.symbols) for frame in train[:2]] == ["H", "O"]
    for part in ("validation", "test"):
        assert all(len(frame) > 1 for frame in read_frames(tmp_path / f"{part}.extxyz"))
    with pytest.raises(DatasetError, match="isolated atoms of H are there more than once"):
        curate(spec, [frames[0].copy(), *frames], tmp_path, stamp={})


def test_what_was_rejected_stays_where_curation_fails(make_frames, tmp_path):
    frames = make_frames(12)
    for frame in frames:
        frame.pbc = False
    spec = CurateSpec(origin=ORIGIN, name="set", source={}, checks=Checks(), split=Split(), seed=1)
    with pytest.raises(DatasetError, match=r"none of 12 frames .*pbc FFF.*rejected.csv"):
        curate(spec, frames, tmp_path, stamp={})
    assert len((tmp_path / "rejected.csv").read_text().splitlines()) == 13


EXPECTED = {
    "01-isolated-atoms/noforces.extxyz": (40, {"isolated atom": 2}),
    "01-isolated-atoms/zeroforces.extxyz": (40, {"isolated atom": 2}),
    "01-isolated-atoms/plain.extxyz": (40, {}),
    "04-charged-frames/charged.extxyz": (20, {"charged": 20}),
    "06-deuterium/d2o.extxyz": (40, {}),
    **{
        f"09-runner-variants/{name}.data": (40, {})
        for name in (
            *("plain", "blank-end", "comment-c", "crlf", "deuterium", "fortran-d", "neg-zero"),
            *("hash-comment", "hirshfeld-col", "totalcharge"),
        )
    },
    **{
        f"24-config-type/{name}.extxyz": (40, {})
        for name in ("boolean", "mixed", "nested", "numeric")
    },
    "25-partial-labels/energy-only.extxyz": (38, {"missing label": 2}),
    "25-partial-labels/nan.extxyz": (39, {"not finite": 1}),
    "26-cluster-training/cell.extxyz": (0, {"not periodic": 40}),
    "26-cluster-training/mixed.extxyz": (35, {"not periodic": 5}),
    "26-cluster-training/wire.extxyz": (0, {"not periodic": 40}),
    "31-unit-tags/hartree.extxyz": (0, {"units": 40}),
    "31-unit-tags/mixed.extxyz": (0, {"units": 40}),
    "35-extxyz-dialects/energyunit.extxyz": (0, {"label": 40}),
    "35-extxyz-dialects/nolattice-pbcT.extxyz": (0, {"not periodic": 40}),
    **{
        f"35-extxyz-dialects/{name}": (40, {})
        for name in (
            *("a.extxyz.gz", "blank.extxyz", "crlf.extxyz", "emptytype.extxyz", "lower.extxyz"),
            *("nopbc.extxyz", "pbc111.extxyz", "pbcjson.extxyz"),
        )
    },
}


@with_field
@pytest.mark.parametrize("name", EXPECTED)
def test_files_met_elsewhere(name):
    path = FIELD / name
    keys = {"energy_key": "energy", "forces_key": "force"} if "unit-tags" in name else {}
    file_format = "runner" if path.suffix == ".data" else "extxyz"
    frames = read_file(path, file_format, FrameLayout(**keys))
    accepted, rejections = check_frames(frames, Checks(maximum_net_force_eV_per_A=0.5))
    counts = {}
    for rejection in rejections:
        counts[rejection.check] = counts.get(rejection.check, 0) + 1
    assert (len(accepted), counts) == EXPECTED[name]
    assert {symbol for frame in accepted for symbol in frame.symbols} <= {"H", "O"}


@with_field
def test_whole_files_met_elsewhere_that_are_refused():
    for name, message in {
        "25-partial-labels/tail.extxyz": "no frame has REF_forces .*name its labels",
        "35-extxyz-dialects/labels.extxyz": "frame 0, line 1: .*'Hw' is no element; write H",
    }.items():
        with pytest.raises(DatasetError, match=message):
            read_file(FIELD / name, "extxyz", FrameLayout())
