"""Charges of atoms and frames, fields, dipoles and Fermi levels, from files to datasets."""

import io
import json
import re

import ase.io
import numpy as np
import pytest
from ase import Atoms
from checkouts import SHARED, with_shared_data

from falsemetal.datasets.checks import check_frames
from falsemetal.datasets.curate import curate
from falsemetal.datasets.errors import DatasetError
from falsemetal.datasets.io import read_frames, write_frames
from falsemetal.datasets.reading import read_file
from falsemetal.datasets.runner import read_runner
from falsemetal.datasets.settings import Checks, CurateSpec, LabelledChecks, Split
from falsemetal.sources.catalogue import FrameLayout
from falsemetal.systems.charged import (
    charged_frames,
    clusters,
    find_fault_without_charges,
    frames_in_field,
)
from falsemetal.systems.labels import (
    CHARGES,
    DIPOLE,
    EXTERNAL_FIELD,
    FERMI_LEVEL,
    TOTAL_CHARGE,
    external_field,
    known_charges,
    total_charge,
)

FOURTH_GENERATION = SHARED / "charges-4g"
BOHR_A, HARTREE_EV = 0.529177210903, 27.211386245988  # CODATA 2018
KEPT = Checks(clusters="keep", charged="keep", fields="keep")
CULPRIT = 7


@pytest.fixture(scope="module")
def carbon_chains():
    return read_runner(FOURTH_GENERATION / "Carbon_chain_4G.data")


@with_shared_data
def test_units_of_published_carbon_chains(carbon_chains):
    first = carbon_chains[0]
    assert first.info["REF_energy"] == pytest.approx(-381.614393065 * HARTREE_EV, abs=1e-6)
    assert first.get_distance(0, 1) == pytest.approx(1.2193, abs=1e-4)  # a triple bond
    assert first.arrays[CHARGES][0] == -0.00665098416667
    assert not any(frame.pbc.any() or frame.cell.any() for frame in carbon_chains)


@with_shared_data
def test_charges_of_published_carbon_chains(carbon_chains):
    counts = [(frame.get_chemical_formula(), total_charge(frame)) for frame in carbon_chains]
    assert counts.count(("C10H2", 0.0)) == 66
    assert counts.count(("C10H3", 1.0)) == 62
    assert len(counts) == 128
    sums = [frame.arrays[CHARGES].sum() - total_charge(frame) for frame in carbon_chains]
    assert np.abs(sums).max() < 1e-9
    assert all((TOTAL_CHARGE in frame.info) == (len(frame) == 13) for frame in carbon_chains)


@with_shared_data
@pytest.mark.parametrize(
    ("changes", "counts"),
    [
        ({}, {"not periodic": 128}),
        ({"clusters": "keep"}, {"charged": 62}),
        ({"clusters": "keep", "charged": "keep"}, {}),
    ],
)
def test_published_carbon_chains_are_kept_where_asked(carbon_chains, changes, counts):
    accepted, rejections = check_frames(carbon_chains, LabelledChecks(**changes))
    checks = [rejection.check for rejection in rejections]
    assert {check: checks.count(check) for check in checks} == counts
    assert len(accepted) == 128 - len(rejections)


@with_shared_data
def test_carbon_chains_of_another_unit_under_an_extxyz_name(carbon_chains, tmp_path):
    """As one of their copies is: positions in bohr, energies in hartree."""
    for frame in (frames := [frame.copy() for frame in carbon_chains]):
        frame.positions /= BOHR_A
        frame.info["REF_energy"] /= HARTREE_EV
        frame.arrays["REF_forces"] /= HARTREE_EV / BOHR_A
    write_frames(tmp_path / "chain.extxyz", frames)
    found = read_file(tmp_path / "chain.extxyz", "extxyz", FrameLayout())
    checks = {rejection.check for rejection in check_frames(found, KEPT)[1]}
    assert checks == {"bond lengths"}


@with_shared_data
@pytest.mark.parametrize(
    ("name", "n_frames", "config_type", "largest_sum_e", "energy_Ha", "height_A"),
    [
        ("AlAuMgO_4G", 18, "slab", 1e-9, -54268.562615, 26.4589),
        ("H2O_RPBE-D3_4G", 20, "bulk", 3e-4, -1225.221, 7.348),
    ],
)
def test_published_periodic_frames(name, n_frames, config_type, largest_sum_e, energy_Ha, height_A):
    frames = read_runner(FOURTH_GENERATION / f"{name}.data")
    assert len(frames) == n_frames
    assert frames[0].info["REF_energy"] == pytest.approx(energy_Ha * HARTREE_EV, rel=1e-6)
    assert frames[0].cell[2, 2] == pytest.approx(height_A, abs=1e-3)
    assert all(frame.pbc.all() for frame in frames)
    assert {frame.info["config_type"] for frame in frames} == {config_type}
    sums = np.array([frame.arrays[CHARGES].sum() for frame in frames])
    assert 0.1 * largest_sum_e < np.abs(sums).max() < largest_sum_e
    assert charged_frames(frames) == clusters(frames) == []
    assert check_frames(frames, LabelledChecks())[1] == []


@with_shared_data
def test_round_trip_through_a_dataset(carbon_chains, tmp_path):
    for frame in (frames := [frame.copy() for frame in carbon_chains]):
        frame.info[DIPOLE] = frame.arrays[CHARGES] @ frame.positions
        frame.info[FERMI_LEVEL] = -4.5
        frame.info[EXTERNAL_FIELD] = np.array([0.0, -0.01, 0.02])
    checks = LabelledChecks(clusters="keep", charged="keep", fields="keep")
    origin = {"name": "t", "sha256": "0" * 64, "seed": 1}
    spec = CurateSpec(
        origin=origin, name="chains", source={}, checks=checks, split=Split(gap_ps=0.0), seed=1
    )
    card = curate(spec, frames, tmp_path, stamp={})
    parts = {part: read_frames(tmp_path / f"{part}.extxyz") for part in ("train", "validation")}
    parts["test"] = read_frames(tmp_path / "test.extxyz")
    written = [frame for part in parts.values() for frame in part]
    assert len(written) == 128 and all(parts.values())
    by_energy = {round(frame.info["REF_energy"], 6): frame for frame in frames}
    for frame in written:
        before = by_energy[round(frame.info["REF_energy"], 6)]
        assert np.abs(frame.arrays[CHARGES] - before.arrays[CHARGES]).max() < 1e-8
        assert total_charge(frame) == total_charge(before)
        assert external_field(frame) == pytest.approx(np.array([0.0, -0.01, 0.02]))
        assert frame.info[DIPOLE] == pytest.approx(before.info[DIPOLE], abs=1e-8)
        assert frame.info[FERMI_LEVEL] == -4.5
        assert not frame.pbc.any() and not frame.cell.any()
    counts = {"charges": 128, "external_field": 128, "dipole": 128, "fermi_level": 128}
    assert card["labels"] == counts | {"total_charge_e": {"0": 66, "1": 62}}
    assert json.loads((tmp_path / "card.json").read_text())["labels"] == card["labels"]
    assert card["checks"]["charged"] == "keep"


RUNNER = """begin
atom 0.0 0.0 0.0 O {} 0.0 0.1 0.2 0.3
atom 0.0 0.0 1.8 H {} 0.0 -0.1 -0.2 -0.3
energy -2.0
charge {}
end
"""


@pytest.mark.parametrize(
    ("fields", "charges", "total_e"),
    [
        (("0.0", "0.0", "0.0"), None, None),
        (("-0.8", "0.8", "-0.0"), [-0.8, 0.8], None),
        (("-1.25D+00", "0.25", "-1.0"), [-1.25, 0.25], -1.0),
    ],
)
def test_charges_in_the_format_of_runner(tmp_path, fields, charges, total_e):
    (tmp_path / "input.data").write_text(RUNNER.format(*fields))
    (frame,) = read_runner(tmp_path / "input.data")
    assert frame.info.get(TOTAL_CHARGE) == total_e
    if charges is None:
        assert CHARGES not in frame.arrays
        assert np.isnan(known_charges(frame)).all()
    else:
        assert known_charges(frame).tolist() == charges


def test_a_charge_that_is_no_number_in_the_format_of_runner(tmp_path):
    (tmp_path / "input.data").write_text(RUNNER.format("****", "0.0", "0.0"))
    (frame,) = read_runner(tmp_path / "input.data")
    assert re.search(r"line 2: .*\*\*\*\*", frame.info["fault_reason"])


@pytest.fixture
def read(tmp_path, make_frames):
    """Write frames of water with labels under names of others, and read them by a layout."""

    def read(prepare, **layout):
        frames = make_frames(12)
        for frame in frames:
            prepare(frame)
        stream = io.StringIO()
        ase.io.write(stream, frames, format="extxyz")
        (tmp_path / "a.extxyz").write_text(stream.getvalue())
        return read_file(tmp_path / "a.extxyz", "extxyz", FrameLayout(**layout))

    return read


WATER_E = np.tile([-0.8, 0.4, 0.4], 8)


@pytest.mark.parametrize("key", ["REF_charges", "charges", "initial_charges", "q", "charge"])
def test_charges_of_atoms_under_any_name(read, key):
    def prepare(frame):
        frame.new_array(key, WATER_E)

    for frame in read(prepare, charges_key=key):
        assert frame.arrays[CHARGES] == pytest.approx(WATER_E)
        assert charged_frames([frame]) == []


def test_charges_that_are_not_named_are_no_labels(read, caplog):
    def prepare(frame):
        frame.set_initial_charges(WATER_E + 1.0)

    with caplog.at_level("INFO"):
        frames = read(prepare)
    assert not any(CHARGES in frame.arrays for frame in frames)
    assert "not used: initial_charges" in caplog.text


@pytest.mark.parametrize("key", ["total_charge", "charge", "Net-Charge", "REF_total_charge"])
@pytest.mark.parametrize("value", [-1, 2.0, "1.0D+00"])
def test_total_charges_under_any_name(read, key, value):
    def prepare(frame):
        frame.info[key] = value

    expected = 1.0 if isinstance(value, str) else value
    assert [total_charge(frame) for frame in read(prepare)] == 12 * [expected]


def test_further_labels(read):
    def prepare(frame):
        frame.info |= {"mu": [0.1, 0.2, 0.3], "REF_fermi_eV": -4.5}
        frame.info["external_field"] = [0.0, 0.0, 0.02]

    for frame in read(prepare, dipole_key="mu"):
        assert frame.info[DIPOLE].tolist() == [0.1, 0.2, 0.3]
        assert frame.info[FERMI_LEVEL] == -4.5
        assert external_field(frame).tolist() == [0.0, 0.0, 0.02]


def test_no_field_is_no_label(read):
    def prepare(frame):
        frame.info |= {"external_field": [0.0, 0.0, 0.0], "efield": [0.0, 0.0, 0.0]}
        frame.info["total_charge"] = 0

    for frame in read(prepare):
        assert EXTERNAL_FIELD not in frame.info
        assert TOTAL_CHARGE not in frame.info


@pytest.mark.parametrize(
    ("info", "check", "reason"),
    [
        (
            {"charge": 1, "total_charge": 0},
            "charged",
            "charge is 1 and total_charge is 0 e; remove",
        ),
        ({"total_charge": "+"}, "label", r"total_charge is \+, no number"),
        ({"external_field": 0.02}, "label", "external_field is 0.02, not three components"),
        ({"external_field": "up"}, "label", "external_field is up, which are no numbers"),
        ({"efield": [0.0, 0.0, 0.02]}, "field", "efield is .*; write it as external_field"),
        ({"REF_fermi_eV": "high"}, "label", "REF_fermi_eV is high, no number"),
        ({"REF_dipole": [0.1, 0.2]}, "label", "REF_dipole is .*, not three components"),
    ],
)
def test_labels_of_others_that_are_refused(read, info, check, reason):
    frames = read(lambda frame: frame.info.update(info))
    rejections = check_frames(frames, KEPT)[1]
    assert {rejection.check for rejection in rejections} == {check}
    assert re.search(reason, rejections[0].reason)


def test_numbers_of_atoms_under_the_name_of_a_frames_charge(read):
    def prepare(frame):
        frame.new_array("net_charge", np.full(24, 0.5))

    rejections = check_frames(read(prepare), KEPT)[1]
    assert {rejection.check for rejection in rejections} == {"charged"}
    assert "net_charge is a number for each atom, 12 in sum; name it by" in rejections[0].reason
    for frame in read(lambda frame: frame.new_array("net_charge", WATER_E)):
        assert CHARGES not in frame.arrays


def test_a_named_label_that_no_frame_has(read):
    with pytest.raises(DatasetError, match=r"no frame has q \(found: .*name its .* by charges_key"):
        read(lambda frame: None, charges_key="q")


def charged(frame):
    frame.info[TOTAL_CHARGE] = 1.0


def charged_film(frame):
    frame.pbc = (True, True, False)
    frame.info[TOTAL_CHARGE] = -2.0


def endless(frame):
    frame.info[TOTAL_CHARGE] = np.inf


def in_words(frame):
    frame.info[TOTAL_CHARGE] = "one"


def in_field(frame):
    frame.pbc = (True, True, False)
    frame.info[EXTERNAL_FIELD] = np.array([0.0, 0.0, 0.02])


def along_the_film(frame):
    frame.pbc = (True, True, False)
    frame.info[EXTERNAL_FIELD] = np.array([0.01, -0.01, 0.02])


def flat_field(frame):
    frame.info[EXTERNAL_FIELD] = np.array([0.0, 0.02])


def cluster(frame):
    frame.pbc = False
    frame.cell = None


def scattered_cluster(frame):
    frame.pbc = False
    frame.positions *= 40.0


def incomplete_charges(frame):
    frame.arrays[CHARGES][0] = np.nan


def charges_off(frame):
    frame.arrays[CHARGES][0] += 0.03


def charges_scaled(frame):
    frame.arrays[CHARGES] *= 9.489  # as programs have them in units of e/√(2 ε0)


def anion(frame):
    frame.arrays[CHARGES][0] -= 6.0


def without_fermi_level(frame):
    frame.info[FERMI_LEVEL] = np.nan


@pytest.mark.parametrize(
    ("spoil", "checks", "check", "reason"),
    [
        (charged, Checks(), "charged", r"total_charge is 1 e; .*\(checks.charged: keep\)"),
        (charged, KEPT, "sum of charges", "sum to .* and total_charge is 1 e.*more than 0.02 e"),
        (charged_film, KEPT, "charged film", r"total_charge is -2 e in a film \(pbc TTF\)"),
        (endless, KEPT, "not finite", r"total_charge: 1 number\(s\) not finite"),
        (in_words, KEPT, "label", "total_charge is one, which is no number"),
        (in_field, Checks(), "field", r"external_field is 0 0 0.02 V/Å; .*\(checks.fields: keep\)"),
        (in_field, KEPT, None, ""),
        (along_the_film, KEPT, "field", "0.01 -0.01 0.02 V/Å, along x and y, where .* periodic"),
        (flat_field, KEPT, "label shape", r"external_field of shape \(2,\) instead of \(3,\)"),
        (cluster, Checks(), "not periodic", r"pbc FFF: .*\(checks.clusters: keep\)"),
        (cluster, KEPT, None, ""),
        (scattered_cluster, KEPT, "cell", "a cell .* Å high"),
        (incomplete_charges, KEPT, "not finite", r"REF_charges: 1 number\(s\) not finite"),
        (charges_off, Checks(), "sum of charges", "REF_charges sum to 0.03 e"),
        (charges_off, Checks(charge_sum_tolerance_e=0.05), None, ""),
        (charges_scaled, KEPT, "charges", r"of atom \d+ \(H\) is 3.8 e, limits -6 .* and 1, which"),
        (anion, KEPT, "charges", r"of atom 0 \(O\) is -6.8 e, limits -6"),
        (without_fermi_level, KEPT, "not finite", "REF_fermi_eV: 1 number"),
    ],
)
def test_each_reason(make_frames, spoil, checks, check, reason):
    frames = make_frames()
    for frame in frames:
        frame.arrays[CHARGES] = WATER_E.copy()
    spoil(frames[CULPRIT])
    accepted, rejections = check_frames(frames, checks)
    if check is None:
        assert rejections == []
        return
    (rejection,) = rejections
    assert (rejection.frame, rejection.check) == (CULPRIT, check)
    assert re.search(reason, rejection.reason), rejection.reason
    assert len(accepted) == len(frames) - 1


@pytest.mark.parametrize("info", [{TOTAL_CHARGE: 1.0}, {EXTERNAL_FIELD: np.array([0.0, 0.0, 0.1])}])
def test_an_ion_gives_no_atomic_energy(make_frames, info):
    ion = Atoms("H", info={"REF_energy": 0.0} | info)
    keep = KEPT.model_copy(update={"isolated_atoms": "atomic_energies"})
    (rejection,) = check_frames([ion, *make_frames()], keep)[1]
    assert (rejection.frame, rejection.check) == (0, "isolated atom")
    assert "atomic energies are those of neutral atoms" in rejection.reason


def silver_trimers(n_frames, seed=1):
    """Ag3 with two charges, 7.9 eV apart, the same atoms twice each; springs hold them."""
    rng = np.random.default_rng(seed)
    corners = 1.55 * np.array([[np.cos(a), np.sin(a), 0.0] for a in 2.0 * np.pi * np.arange(3) / 3])
    frames = []
    for _ in range(n_frames):
        moved = corners + rng.normal(scale=0.05, size=(3, 3))
        for charge, energy_eV in ((1.0, -439152.8), (-1.0, -439160.7)):
            forces = -5.0 * (moved - corners)
            trimer = Atoms("Ag3", moved)
            trimer.info |= {"REF_energy": energy_eV + 2.5 * np.sum((moved - corners) ** 2)}
            trimer.info |= {TOTAL_CHARGE: charge, "config_type": "cluster"}
            trimer.arrays["REF_forces"] = forces - forces.mean(axis=0)
            trimer.arrays[CHARGES] = np.full(3, charge / 3.0)
            frames.append(trimer)
    return frames


def test_charge_states_are_compared_among_themselves():
    frames = silver_trimers(20)
    assert check_frames(frames, KEPT)[1] == []
    frames[8].info["REF_energy"] += 3.0
    frames[11] = frames[9].copy()
    rejections = check_frames(frames, KEPT)[1]
    assert [(r.frame, r.check) for r in rejections] == [(8, "energy misfit"), (11, "duplicate")]


def test_what_only_models_that_know_total_charges_can_learn(make_frames):
    neutral = make_frames()
    for frame in neutral:
        frame.arrays[CHARGES] = WATER_E
    atoms = [Atoms("H", info={"REF_energy": -13.6})]
    assert find_fault_without_charges([*atoms, *neutral]) is None
    charged(neutral[3])
    in_field(neutral[5])
    cluster(neutral[6])
    assert charged_frames(neutral) == [3]
    assert frames_in_field(neutral) == [5]
    assert clusters(neutral) == [6]
    assert find_fault_without_charges(neutral) == (
        "1 of 20 frames carry a charge (total_charge), the first is frame 3; "
        "1 of 20 frames are not periodic, the first is frame 6; "
        "1 of 20 frames are in a field (external_field), the first is frame 5: "
        "only a model that knows total charges can learn from them"
    )


def test_keys_that_came_later_change_no_identity():
    assert not set(Checks().identity()) & {"clusters", "charged", "fields", "maximum_charge_e"}
    assert "charge_sum_tolerance_e" not in Checks().identity()
    assert Checks(charged="keep").identity()["charged"] == "keep"
    assert not set(FrameLayout().identity()) & {"charges_key", "dipole_key"}
