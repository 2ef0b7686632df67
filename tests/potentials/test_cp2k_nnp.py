import shutil

import numpy as np
import pytest
from ase import Atoms
from checkouts import SHARED, with_cp2k, with_shared_data
from cp2k_points import single_points

from falsemetal.datasets.runner import read_runner
from falsemetal.potentials.bpnnp.cp2k import Cp2kCommittee
from falsemetal.potentials.bpnnp.fetch import fetch_committee
from falsemetal.potentials.bpnnp.store import kept_committee
from falsemetal.potentials.force_field.topology import UnsupportedStructureError
from falsemetal.potentials.kinds import BPNNPKind
from falsemetal.potentials.store import ModelError, describe
from falsemetal.systems.labels import ENERGY, FORCES

COMMITTEE = SHARED / "bpnnp-bulkH2O-jcp2020"

pytestmark = with_shared_data

FORCE_RMSE = 0.15
"""eV/Å; the paper's Table S5 has 0.088 for this committee."""

ENERGY_ERROR = 0.005
"""eV per atom; the paper's Table S5 has a mean of 0.0018."""


@pytest.fixture(scope="module")
def frames():
    everything = read_runner(SHARED / "revpbe0-d3-water" / "input.data")
    return everything[0], everything[50]


@pytest.fixture
def copy(tmp_path):
    """Two members that a test may spoil."""
    for name in ("nnp-1", "nnp-2"):
        shutil.copytree(COMMITTEE / name, tmp_path / name, copy_function=shutil.copyfile)
    return tmp_path


@with_cp2k
def test_energies_and_forces_are_near_the_labels(frames):
    for atoms, (energy_eV, forces) in zip(frames, single_points(frames, COMMITTEE), strict=True):
        assert energy_eV == pytest.approx(atoms.info[ENERGY], abs=ENERGY_ERROR * len(atoms))
        assert np.sqrt(np.mean((forces - atoms.arrays[FORCES]) ** 2)) < FORCE_RMSE
        assert np.abs(forces.sum(axis=0)).max() < 1e-6


@with_cp2k
def test_forces_are_the_derivative_of_the_energy(frames):
    atom, shift_A = 1, 0.002
    direction = np.array([1.0, -1.0, 1.0]) / np.sqrt(3.0)
    moved = []
    for sign in (0.0, 1.0, -1.0):
        atoms = frames[0].copy()
        atoms.positions[atom] += sign * shift_A * direction
        moved.append(atoms)
    (_, forces), (above, _), (below, _) = single_points(moved, COMMITTEE / "nnp-1")
    slope = -(above - below) / (2 * shift_A)
    assert forces[atom] @ direction == pytest.approx(slope, abs=2e-4)
    ((_, by_two_ranks),) = single_points(moved[:1], COMMITTEE / "nnp-1", n_ranks=2)
    assert by_two_ranks == pytest.approx(forces, abs=1e-7)


def test_a_missing_file_is_named(copy, frames):
    (copy / "nnp-2" / "weights.008.data").unlink()
    with pytest.raises(ModelError, match=r"nnp-2/weights\.008\.data"):
        single_points(frames[:1], copy)


def test_members_scaled_otherwise_are_refused(copy):
    path = copy / "nnp-2" / "scaling.data"
    lines = path.read_text().splitlines()
    first = next(number for number, line in enumerate(lines) if not line.startswith("#"))
    lines[first] = lines[first].replace("2.8655329382224032E-01", "2.9655329382224032E-01")
    path.write_text("\n".join(lines))
    with pytest.raises(ModelError, match=r"nnp-2/scaling\.data: other than .*nnp-1/scaling\.data"):
        Cp2kCommittee.read(copy)


def test_a_fetched_committee_is_whole_and_its_checksum_covers_all_members(
    copy, tmp_path, monkeypatch
):
    monkeypatch.setenv("HOME", str(tmp_path))
    kind = BPNNPKind(kind="bpnnp", path="~")
    model, again = tmp_path / "model", tmp_path / "again"
    before = fetch_committee(kind, model, tmp_path)
    describe(model, kind, before)
    kept = [path for path in kept_committee(model).rglob("*") if path.is_file()]
    assert len(kept) == 2 * 4
    path = copy / "nnp-2" / "weights.001.data"
    path.write_text(path.read_text() + "# touched\n")
    assert fetch_committee(kind, again, tmp_path)["weights_sha256"] != before["weights_sha256"]
    shutil.copyfile(path, model / "committee" / "nnp-2" / "weights.001.data")
    with pytest.raises(ModelError, match=r"model/committee: not the files that model\.json"):
        kept_committee(model)


@pytest.mark.parametrize(
    ("atoms", "message"),
    [
        (Atoms("OHNa", positions=np.eye(3), cell=[15.0] * 3, pbc=True), "Na: .* no network"),
        (
            Atoms("OH2", positions=np.eye(3), cell=[15.0] * 3, pbc=[True, True, False]),
            r"give a slab pbc TTT and vacuum wider than the cutoff of 6\.35 Å",
        ),
    ],
)
def test_what_it_cannot_treat_is_refused(atoms, message):
    with pytest.raises(UnsupportedStructureError, match=message):
        single_points([atoms], COMMITTEE)
