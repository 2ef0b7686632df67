"""The paper's committee on real frames: plain form, fast form and CP2K say the same."""

import numpy as np
import pytest
import torch
from ase import Atoms
from checkouts import SHARED, with_cp2k, with_shared_data
from cp2k_points import single_points
from small_models import energy_and_forces

from falsemetal.datasets.runner import read_runner
from falsemetal.potentials.bpnnp.committee import BPNNP, load_bpnnp, predict_members
from falsemetal.potentials.calculator import ModelCalculator
from falsemetal.potentials.evaluation import error_table
from falsemetal.potentials.graph import build_graph

WEIGHTS = SHARED / "bpnnp-bulkH2O-jcp2020"
FRAMES = SHARED / "revpbe0-d3-water/input.data"
CHOSEN = (0, 57)

pytestmark = with_shared_data


@pytest.fixture(scope="module")
def frames() -> list[Atoms]:
    every = read_runner(FRAMES)
    return [every[index] for index in CHOSEN]


@pytest.fixture(scope="module")
def committee() -> BPNNP:
    return load_bpnnp(WEIGHTS, dtype=torch.float64)


@pytest.fixture(scope="module")
def predicted(committee, frames) -> list[tuple[float, np.ndarray]]:
    return [energy_and_forces(committee, atoms) for atoms in frames]


@with_cp2k
def test_cp2k_gives_the_same_energies_and_forces(predicted, frames) -> None:
    for (energy, forces), of_cp2k in zip(predicted, single_points(frames, WEIGHTS), strict=True):
        assert energy == pytest.approx(of_cp2k[0], abs=1e-5)
        np.testing.assert_allclose(forces, of_cp2k[1], atol=1e-5)


@pytest.mark.parametrize(
    ("dtype", "tolerance"), [(torch.float32, 5e-4), (torch.float64, 1e-7)], ids=["single", "double"]
)
def test_the_fast_form_gives_the_same(predicted, frames, dtype, tolerance) -> None:
    calculator = ModelCalculator(load_bpnnp(WEIGHTS, dtype=dtype))
    for (energy, forces), frame in zip(predicted, frames, strict=True):
        atoms = frame.copy()
        atoms.calc = calculator
        assert atoms.get_potential_energy() == pytest.approx(energy, abs=100 * tolerance)
        np.testing.assert_allclose(atoms.get_forces(), forces, atol=tolerance)


def test_labels_are_met_as_well_as_table_S5_says(predicted, frames) -> None:
    """1.8 meV/atom and 88 meV/Å; these frames belong to the committee's training set."""
    for (energy, forces), atoms in zip(predicted, frames, strict=True):
        assert abs(energy - atoms.info["REF_energy"]) / len(atoms) < 2 * 1.8e-3
        assert np.sqrt(np.mean((forces - atoms.arrays["REF_forces"]) ** 2)) < 0.088


def test_members_scatter_around_the_committee(committee, predicted, frames) -> None:
    graph = build_graph(frames[0], committee.elements, committee.r_cut_A)
    energies, forces = predict_members(committee, graph)
    assert energies.shape == (8, 1)
    assert float(energies.mean()) == pytest.approx(predicted[0][0], abs=1e-8)
    np.testing.assert_allclose(forces.mean(0), predicted[0][1], atol=1e-9)
    assert (committee.force_deviation_eV_per_A(graph) > 0).all()
    table = error_table(committee, frames[:1], device=torch.device("cpu"), seed=0).set_index(
        "config_type"
    )
    expected = 1000 * np.sqrt(np.mean(forces.numpy().var(axis=0)))
    assert table.loc["all", "committee_std_force_meV_per_A"] == pytest.approx(expected)
